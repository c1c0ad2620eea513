/**
 * The control groups of a real node. Each node has one of its own at the top of every hierarchy that it may use, and takes
 * that for the top. It is named after the process that started it, so that the next start finds what one that was killed
 * has left behind, and removes it.
 */
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Hierarchy {
  /** Where it is mounted. */
  path: string;
  version: 1 | 2;
  /** Of version 1: its controllers, and `name=systemd` for the one that has none. */
  controllers: readonly string[];
  writable: boolean;
}

/** A process by its id, and the clock tick in which it started: ids are used again. */
export interface ProcessIdentity {
  processId: number;
  startedAt: string;
}

const prefix = 'dcm-node-';
const removalTimeoutMs = 15_000;

/** @param mounts - as /proc/self/mounts has them */
export function parseHierarchies(mounts: string): Hierarchy[] {
  return mounts.split('\n').flatMap((line): Hierarchy[] => {
    const [, path = '', type, text = ''] = line.split(' ');
    const options = text.split(',');
    const writable = options.includes('rw');
    if (type === 'cgroup2') return [{ path, version: 2, controllers: [], writable }];
    if (type !== 'cgroup') return [];
    const controllers = options.filter((option) => knownControllers.has(option) || option.startsWith('name='));
    return [{ path, version: 1, controllers, writable }];
  });
}

const knownControllers = new Set(
  'blkio cpu cpuacct cpuset devices freezer hugetlb memory net_cls net_prio perf_event pids rdma'.split(' '),
);

/** The hierarchies of version 1 where memory is one of them; else the one of version 2. The other is not used. */
export function hierarchiesInUse(all: readonly Hierarchy[]): Hierarchy[] {
  const first = all.filter(({ version }) => version === 1);
  return first.some(({ controllers }) => controllers.includes('memory'))
    ? first
    : all.filter(({ version }) => version === 2).slice(0, 1);
}

/**
 * Whether a node may make groups in the memory hierarchy. It may not where that cannot be written to, nor where
 * somebody other than the system's manager of services has put this process into a group of it: that one rules there.
 *
 * @param ownGroups - as /proc/self/cgroup has them
 */
export function mayLimitMemory(hierarchies: readonly Hierarchy[], ownGroups: string): boolean {
  const groups = new Map(
    ownGroups
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
        return controllers.split(',').map((controller) => [controller, path] as const);
      }),
  );
  const memory = hierarchies.find(({ version, controllers }) => version === 2 || controllers.includes('memory'));
  if (!memory?.writable) return false;
  return memory.version === 2 || (groups.get('name=systemd') ?? '').startsWith(groups.get('memory') ?? '');
}

/** What a node may use of this machine's hierarchies; `foreignMemory` is where that of memory is mounted, if it may not. */
export async function readHierarchies(): Promise<{ hierarchies: Hierarchy[]; foreignMemory: string | undefined }> {
  const all = hierarchiesInUse(parseHierarchies(await readFile('/proc/self/mounts', 'utf8')));
  if (mayLimitMemory(all, await readFile('/proc/self/cgroup', 'utf8')))
    return { hierarchies: all, foreignMemory: undefined };
  const foreign = all.find(({ controllers }) => controllers.includes('memory'));
  if (!foreign)
    throw new Error('a real node needs control groups that limit memory, in a hierarchy that can be written');
  return { hierarchies: all.filter((one) => one !== foreign), foreignMemory: foreign.path };
}

/** The name of the group of a node that this process starts. */
export async function ownGroupName(): Promise<string> {
  return `${prefix}${process.pid}-${(await startOf(process.pid)) ?? ''}`;
}

/** @returns who started the node of that group; undefined where the name is not one of a node's group */
export function ownerOf(groupName: string): ProcessIdentity | undefined {
  const [, processId, startedAt] = /^dcm-node-(\d+)-(\d+)$/.exec(groupName) ?? [];
  return processId === undefined || startedAt === undefined ? undefined : { processId: Number(processId), startedAt };
}

/**
 * Makes the group, empty, in all hierarchies.
 *
 * @returns the path of the group for the first process of the node: in version 2 one that has groups below it may not have
 * processes of its own
 */
export async function createGroup(hierarchies: readonly Hierarchy[], name: string): Promise<string> {
  let first: string | undefined;
  for (const { path, version, controllers } of hierarchies) {
    const group = join(path, name);
    await mkdir(group);
    if (controllers.includes('cpuset')) await inheritCpus(path, group);
    if (version === 2) await mkdir(join(group, 'first'));
    if (version === 2) first = join(group, 'first');
    else if (controllers.includes('pids')) first = group;
  }
  if (first === undefined)
    throw new Error('a real node needs the control group hierarchy pids, which is not mounted here');
  return first;
}

/** A new group of version 1 has neither processors nor memory nodes, and takes no process. */
async function inheritCpus(from: string, to: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) await writeFile(join(to, file), await readFile(join(from, file)));
}

/**
 * Removes what nodes have left whose starters are gone.
 *
 * @returns the process that has a node running now, where there is one
 */
export async function removeAbandonedGroups(hierarchies: readonly Hierarchy[]): Promise<number | undefined> {
  const names = new Set<string>();
  for (const { path } of hierarchies) for (const name of await readdir(path)) names.add(name);
  let running: number | undefined;
  for (const name of names) {
    const owner = ownerOf(name);
    if (!owner) continue;
    if ((await startOf(owner.processId)) === owner.startedAt) running = owner.processId;
    else await removeGroup(hierarchies, name);
  }
  return running;
}

/** Kills what is in the group, waits for its end, and removes the group from all hierarchies. */
export async function removeGroup(hierarchies: readonly Hierarchy[], name: string): Promise<void> {
  const deadline = Date.now() + removalTimeoutMs;
  for (const { path } of hierarchies) {
    for (;;) {
      try {
        await removeTree(join(path, name));
        break;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`the control group ${path}/${name} stays in use`, { cause: error });
        await delay(20);
      }
    }
  }
}

async function removeTree(group: string): Promise<void> {
  const entries = await readdir(group, { withFileTypes: true }).catch(whereMissing([]));
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  const members = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(whereMissing(''));
  for (const processId of members.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(processId), 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
  await rmdir(group).catch(whereMissing(undefined));
}

function whereMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}

/** In clock ticks since the machine started; undefined where there is no such process. */
async function startOf(processId: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${processId}/stat`, 'utf8').catch(() => undefined);
  // The second field, the name in brackets, may have blanks; the start is the 22nd.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}
