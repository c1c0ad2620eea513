/** The bare server that reads are compared with, and the comparison. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaselineJobs } from '../baseline-process.ts';
import type { Reading } from '../figure.ts';
import { inTurn } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import type { LoadJob, LoadResult } from '../load-process.ts';
import type { Stage } from '../stage.ts';

/** Something that can be put under load. */
export interface ReadTarget {
  url: string;
  paths: readonly string[];
  /** Processor time that it has used so far, in milliseconds. */
  processorMs: () => Promise<number>;
}

/** @returns the same server once for each of the paths */
export async function startBaseline<Path extends '/one/x' | '/logged/x' | '/many'>(
  stack: AsyncDisposableStack,
  objects: readonly object[],
  paths: readonly Path[],
): Promise<Record<Path, ReadTarget>> {
  const folder = await mkdtemp(join(tmpdir(), 'baseline-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const worker = stack.use(startWorker<BaselineJobs>(join(import.meta.dirname, '../baseline-process.ts')));
  const url = await worker.run('serve', { objects, logFile: join(folder, 'log') });
  const targets = paths.map((path) => [
    path,
    { url, paths: [path], processorMs: () => worker.run('processorMs', undefined) },
  ]);
  return Object.fromEntries(targets) as Record<Path, ReadTarget>;
}

type Load = LoadResult & { processorMicroseconds: number };

export async function makeLoad(
  { load }: Stage,
  { url, paths, processorMs }: ReadTarget,
  limits: Pick<LoadJob, 'connections' | 'durationMs'>,
): Promise<Load> {
  const before = await processorMs();
  const result = await load.run('load', { url, paths, ...limits });
  return { ...result, processorMicroseconds: (((await processorMs()) - before) * 1_000) / result.requests };
}

export interface ReadComparison {
  name: string;
  aims: Record<'p50' | 'p99' | 'rate' | 'processorTime', string>;
  baseline: ReadTarget;
  target: ReadTarget;
  connections: number;
}

export function sameAim(aim: string): ReadComparison['aims'] {
  return { p50: aim, p99: aim, rate: aim, processorTime: aim };
}

/** Loads one after the other, and gives the readings of it. */
export async function compareReads(
  stage: Stage,
  number: number,
  { name, aims, ...both }: ReadComparison,
): Promise<Reading[]> {
  const limits = { connections: both.connections, durationMs: stage.options.loadMs };
  const { baseline, value } = await inTurn(
    number,
    () => makeLoad(stage, both.baseline, limits),
    () => makeLoad(stage, both.target, limits),
  );
  const reading = (what: string, unit: string, key: keyof Load, aim: string): Reading => {
    return { name: `${name}: ${what}`, unit, value: value[key], baseline: baseline[key], aim };
  };
  return [
    reading('p50', 'ms', 'p50', aims.p50),
    reading('p99', 'ms', 'p99', aims.p99),
    { ...reading('rate', '1/s', 'requestsPerSecond', aims.rate), moreIsBetter: true },
    reading('processor time', 'µs', 'processorMicroseconds', aims.processorTime),
  ];
}
