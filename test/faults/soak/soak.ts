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
export const maxSocketsAtRest = 16;
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

export interface Soaked {
  /** Answers that were not what they must be; the first ends the soak. */
  wrong: string[];
  /** At rest after warming up, and at the end; absent where the soak ended before. */
  before?: AtRest;
  after?: AtRest;
}

/** A quarter of the time to warm up, then the rest. After both it waits until all is well, and at rest. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const { seed, milliseconds, tell, system, stream } = options;
  // Before the caches are filled for the first time, less can be promised.
  await healed({ ...system, events: stream });
  tell(`seed ${seed}, ${milliseconds / 1_000} s: SP_TEST_SEED=${seed} draws the same again`);
  const chance = chanceOf(seed);
  const wrongAtFirst = await runPhase(options, chance, milliseconds / 4, 'warm');
  if (wrongAtFirst.length > 0) return { wrong: wrongAtFirst };
  const before = await rest(options);
  tell(`at rest after warming up: ${describe(before)}`);
  const wrong = await runPhase(options, chance, (milliseconds * 3) / 4, 'soaked');
  if (wrong.length > 0) return { wrong, before };
  const after = await rest(options, before);
  tell(`at rest at the end: ${describe(after)}`);
  return { wrong, before, after };
}

/** @returns answers that were not what they must be; the first of them ends the phase */
async function runPhase(
  { system, stream, faults, tell }: SoakOptions,
  chance: Chance,
  milliseconds: number,
  name: string,
): Promise<string[]> {
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const end = AbortSignal.timeout(milliseconds);
  const stop = new AbortController();
  const signal = AbortSignal.any([end, stop.signal]);
  const acting = Array.from({ length: clients }, (_, index) => {
    const { client, workloads } = system;
    const own = chance.fork();
    return {
      client: new SoakClient({ name: `${name}-${index}`, client, workloads, chance: own, onDone: count }),
      chance: own,
    };
  });
  const runs = [
    ...acting.map(({ client, chance }) => actOn(client, chance, { signal, stop })),
    ...faults.map((group) => strikeOn(group, chance.fork(), signal, count)),
  ];
  try {
    await Promise.all(runs.map((run) => run.catch((error: unknown) => failed(error, stop))));
  } finally {
    tell(`${name}: ${JSON.stringify(Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))))}`);
  }
  const wrong = acting.flatMap(({ client }) => client.wrong);
  if (wrong.length > 0) return wrong;
  await healed({ ...system, events: stream });
  tell(`${name}: all is well, ${stream.received.length} events so far`);
  return wrong;
}

/** One that fails stops the others gracefully. */
function failed(error: unknown, others: AbortController): never {
  others.abort();
  throw error;
}

async function actOn(
  client: SoakClient,
  chance: Chance,
  { signal, stop }: { signal: AbortSignal; stop: AbortController },
): Promise<void> {
  while (!signal.aborted) {
    await client.act();
    if (client.wrong.length > 0) stop.abort();
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

export interface AtRest {
  /** Open sockets of the process; 0 where the system does not tell. */
  sockets: number;
  /** Timers, sockets and whatever else keeps a process alive. */
  resources: number;
  heapBytes: number;
  residentBytes: number;
}

/** With no container left and nobody who asks, once it is calm and has not grown, else after two minutes. */
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
  const isCalm = (now: AtRest): boolean => now.sockets <= maxSocketsAtRest && grown(before, now).length === 0;
  return await eventually(measure, isCalm, patienceMs).catch(measure);
}

/** What there is more of than there may be. */
export function grown(before: AtRest | undefined, now: AtRest): string[] {
  const kinds = ['sockets', 'resources', 'heapBytes', 'residentBytes'] as const;
  return kinds
    .filter((what) => before !== undefined && now[what] > before[what] + slack[what])
    .map((what) => `${what}: ${before![what]}, then ${now[what]}`);
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
