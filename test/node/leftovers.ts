/** What a real node could leave on the machine. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { parseHierarchies } from '../../scripts/cluster/node/cgroups.ts';
import { network } from '../../scripts/cluster/node/configuration.ts';
import { findProcesses } from './processes.ts';

/** Folders that kubelet, containerd and network plugins make where nothing is covered. */
const theirFolders = ['/run/containerd', '/var/lib/cni', '/var/lib/kubelet', '/var/log/pods', '/var/log/containers'];

/** Groups that are there until the next node starts, when the one that made them was killed. */
export async function findGroups(): Promise<string[]> {
  const hierarchies = parseHierarchies(await readFile('/proc/self/mounts', 'utf8'));
  const names = await Promise.all(hierarchies.map(({ path }) => readdir(path)));
  return [...new Set(names.flat())].filter((name) => name.startsWith('dcm-node-'));
}

/** All else: processes, mounts, network links and folders. */
export async function findLeftovers(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const shims = await findProcesses('containerd-shim-runc-v2 -namespace k8s.io');
  const firsts = await findProcesses('scripts/cluster/node/setup.sh');
  return [
    ...[...shims, ...firsts].map((id) => `process ${id}`),
    ...mounts.filter((mount) => /\/control-plane-\w+\/node\//.test(mount)).map((mount) => `mount ${mount}`),
    ...[`/sys/class/net/${network.hostLink}`, ...theirFolders].filter((path) => existsSync(path)),
  ];
}
