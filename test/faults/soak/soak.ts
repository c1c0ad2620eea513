/** Clients that do whatever comes to their minds, under faults of every kind, and what the provider is like afterwards. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client as HttpClient } from 'undici';
import type { Reading } from '../../../scripts/bench/probe.ts';
import { deleteContainer, listIds } from '../../support/containers.ts';
import type { EventStream } from '../../support/event-stream.ts';
import { healed } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { NatsServerProcess } from '../../../scripts/sandbox/nats/nats-server.ts';
import type { System } from '../../support/system.ts';
import { SoakClient } from './client.ts';
import { chanceOf } from './random.ts';
import type { Chance } from './random.ts';

export interface SoakFault {
  name: string;
  /** The longest time for which it is left to do its work, in milliseconds; 0 for what is over at once. */
  maxMs: number;
  strike(): void | Promise<void>;
  /** Takes it back; absent where there is nothing to take back. */
  end?(): void | Promise<void>;
}

const clients = 4;
const maxPauseMs = 150;
const maxCalmMs = 1_500;
const patienceMs = 120_000;

/** For what reports the tests, once nothing else is left to be done. */
const lastWordsMs = 200;

/** What may be left at rest: three watches, NATS, those who listen, and some connections that idle for a moment. */
const maxSocketsAtRest = 16;
/** More than before, at rest. The heap tells of leaks; what is resident also of memory that malloc keeps. */
const slack = { sockets: 3, resources: 3, heapBytes: 5e6, residentBytes: 200e6 };

/**
 * To be called at the end: what the test's own clients leave running after all the faults must not keep its process from
 * ending, nor must handles that Node waits for in vain as it cleans up, which it does not do before `process.exit`.
 */
export function endSurely(): void {
  setTimeout(() => process.exit(), 10_000).unref();
  process.once('beforeExit', () => setTimeout(() => process.exit(), lastWordsMs));
}

/** The seed of this run: SP_TEST_SEED, else a random one. */
export function soakSeed(): number {
  return Number(process.env['SP_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
}

/** How long clients and faults go on: SP_TEST_SOAK_SECONDS, else the time given. */
export function soakMs(seconds: number): number {
  return Number(process.env['SP_TEST_SOAK_SECONDS'] ?? seconds) * 1_000;
}

/** A probe for the provider of a soak, which tells what only the process itself knows. */
export interface Probe extends AsyncDisposable {
  /** Variables that put it into a provider. */
  env: Record<string, string>;
  /** After a garbage collection. */
  read(): Promise<Reading>;
}

export async function createProbe(): Promise<Probe> {
  const folder = await mkdtemp(join(tmpdir(), 'probe-'));
  const socketPath = join(folder, 'probe');
  const http = new HttpClient('http://localhost', { socketPath, pipelining: 0 });
  const file = join(import.meta.dirname, '../../../scripts/bench/probe.ts');
  return {
    env: { NODE_OPTIONS: `--import=${file}`, PROBE_SOCKET: socketPath },
    read: async () => (await (await http.request({ method: 'GET', path: '/collected' })).body.json()) as Reading,
    [Symbol.asyncDispose]: async () => {
      await http.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function natsFaults(nats: NatsServerProcess): SoakFault[] {
  return [
    { name: 'NATS killed', maxMs: 3_000, strike: () => nats.kill(), end: () => nats.restart() },
    { name: 'NATS stopped', maxMs: 8_000, strike: () => nats.pause(), end: () => nats.resume() },
  ];
}

export interface SoakOptions {
  system: System;
  stream: EventStream;
  probe: Probe;
  seed: number;
  milliseconds: number;
  /** Of each group one fault at a time, the groups at the same time. */
  faults: readonly (readonly SoakFault[])[];
  /** Told how it goes, line by line. */
  tell: (line: string) => void;
}

/**
 * A quarter of the time to warm up, then the rest; after both all must be well, and the second must leave no more behind
 * than the first.
 *
 * @throws Error that says what was wrong
 */
export async function soak(options: SoakOptions): Promise<void> {
  const { seed, milliseconds, tell, system, stream } = options;
  // Before the caches are filled for the first time, less can be promised.
  await healed({ ...system, events: stream });
  tell(`seed ${seed}, ${milliseconds / 1_000} s: SP_TEST_SEED=${seed} draws the same again`);
  const chance = chanceOf(seed);
  await runPhase(options, chance, milliseconds / 4, 'warm');
  const before = await rest(options);
  tell(`at rest after warming up: ${describe(before)}`);
  await runPhase(options, chance, (milliseconds * 3) / 4, 'soaked');
  const after = await rest(options, before);
  tell(`at rest at the end: ${describe(after)}`);
  const { stderr } = system.provider.process;
  if (stderr() !== '') throw new Error(`the provider wrote to standard error: ${stderr()}`);
}

async function runPhase(
  { system, stream, faults, tell }: SoakOptions,
  chance: Chance,
  milliseconds: number,
  name: string,
): Promise<void> {
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const end = AbortSignal.timeout(milliseconds);
  const stop = new AbortController();
  const signal = AbortSignal.any([end, stop.signal]);
  const runs = [
    ...Array.from({ length: clients }, (_, index) => {
      const { client, workloads } = system;
      const own = chance.fork();
      const soakClient = new SoakClient({ name: `${name}-${index}`, client, workloads, chance: own, onDone: count });
      return actOn(soakClient, own, signal);
    }),
    ...faults.map((group) => strikeOn(group, chance.fork(), signal, count)),
  ];
  try {
    await Promise.all(runs.map((run) => run.catch((error: unknown) => failed(error, stop))));
  } finally {
    tell(`${name}: ${JSON.stringify(Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))))}`);
  }
  await healed({ ...system, events: stream });
  tell(`${name}: all is well, ${stream.received.length} events so far`);
}

/** One that fails stops the others gracefully. */
function failed(error: unknown, others: AbortController): never {
  others.abort();
  throw error;
}

async function actOn(client: SoakClient, chance: Chance, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await client.act();
    await delay(chance.between(0, maxPauseMs));
  }
}

async function strikeOn(
  faults: readonly SoakFault[],
  chance: Chance,
  signal: AbortSignal,
  count: (what: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    const { name, maxMs, strike, end } = chance.pick(faults);
    count(`fault: ${name}`);
    await strike();
    await unlessAborted(chance.between(0, maxMs), signal);
    await end?.();
    await unlessAborted(chance.between(0, maxCalmMs), signal);
  }
}

async function unlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
}

interface AtRest {
  /** Open sockets of the process; 0 where the system does not tell. */
  sockets: number;
  /** Timers, sockets and whatever else keeps a process alive. */
  resources: number;
  heapBytes: number;
  residentBytes: number;
}

/** With no container left and nobody who asks. @param before - what must not be exceeded by much */
async function rest({ system, stream, probe }: SoakOptions, before?: AtRest): Promise<AtRest> {
  const { client, provider } = system;
  for (const id of await listIds(client)) await deleteContainer(client, id);
  await healed({ ...system, events: stream });
  const measure = async (): Promise<AtRest> => {
    const { heapUsed, residentMemory, resources } = await probe.read();
    return {
      sockets: await countSockets(provider.process.child.pid!),
      resources: Object.values(resources).reduce((sum, number) => sum + number, 0),
      heapBytes: heapUsed,
      residentBytes: residentMemory,
    };
  };
  const isCalm = (now: AtRest): boolean => now.sockets <= maxSocketsAtRest && !exceeds(now, before);
  return await eventually(measure, isCalm, patienceMs);
}

function exceeds(now: AtRest, before: AtRest | undefined): boolean {
  if (before === undefined) return false;
  return (['sockets', 'resources', 'heapBytes', 'residentBytes'] as const).some(
    (what) => now[what] > before[what] + slack[what],
  );
}

async function countSockets(processId: number): Promise<number> {
  const folder = `/proc/${processId}/fd`;
  if (!existsSync(folder)) return 0;
  const targets = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')));
  return targets.filter((target) => target.startsWith('socket:')).length;
}

function describe({ sockets, resources, heapBytes, residentBytes }: AtRest): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return `${sockets} sockets, ${resources} active resources, heap ${megabytes(heapBytes)}, resident ${megabytes(residentBytes)}`;
}
