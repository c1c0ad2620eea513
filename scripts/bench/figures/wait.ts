/** What those cost who wait for a status (`:wait`): memory beyond that of their connections. */
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { BaselineJobs } from '../baseline-process.ts';
import type { CrowdJobs } from '../crowd-process.ts';
import { eventually } from '../eventually.ts';
import { inTurn } from '../figure.ts';
import type { FigureBuilder } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import { containerSpec } from '../objects.ts';
import type { Stage } from '../stage.ts';

const crowdFile = join(import.meta.dirname, '../crowd-process.ts');
const bareFile = join(import.meta.dirname, '../baseline-process.ts');
/** Readings of the heap are settled when two in a row differ by less, in bytes. */
const settledWithin = 100_000;

/** In bytes. */
interface Memory {
  heapUsed: number;
  residentMemory: number;
}

/**
 * Each run has a provider of its own, whose connections wait for a status that their container will not have, and a bare
 * Fastify that does not answer as many: what Node and a route take for a request is not the wait's.
 */
export const buildWait: FigureBuilder = (stage) => {
  const { waiters } = stage.options;
  const name = `each of ${waiters} that wait, beyond its connection`;
  return Promise.resolve({
    run: async (number) => {
      const { baseline, value } = await inTurn(
        number,
        () => measureHeld(waiters),
        () => measureWaiting(stage, `wait-${number}`),
      );
      const beyond = value.heapUsed - baseline.heapUsed;
      return [
        { name: `${name}: heap`, unit: 'KB', value: value.heapUsed, baseline: baseline.heapUsed, aim: 'stated' },
        { name: `${name} and a bare route that holds it: heap`, unit: 'KB', value: beyond, aim: 'about 1 KB' },
        {
          name: `${name}: memory`,
          unit: 'KB',
          value: value.residentMemory,
          baseline: baseline.residentMemory,
          aim: 'stated',
        },
      ];
    },
  });
};

async function measureWaiting(stage: Stage, id: string): Promise<Memory> {
  const env = { SP_SERVER_IDLE_TIMEOUT: '1h', SP_SERVER_REQUEST_TIMEOUT: '10m' };
  await using provider = await stage.startProvider(stage.namespaces.crowd, { env });
  const url = `${provider.url}/api/v1alpha1/containers`;
  const container = `${url}/${id}`;
  const body = JSON.stringify({ spec: containerSpec(0) });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}?id=${id}`, { method: 'POST', headers, body });
  const asked = `${container}:wait?status=UNKNOWN&timeout=9m`;
  const memory = await measure(`${url}/health`, asked, stage.options.waiters, () => provider.read({ collect: true }));
  await fetch(container, { method: 'DELETE' });
  return memory;
}

async function measureHeld(waiters: number): Promise<Memory> {
  await using bare = startWorker<BaselineJobs>(bareFile);
  const url = await bare.run('serve', { objects: [{}], logFile: devNull });
  return await measure(`${url}/one/x`, `${url}/held/x`, waiters, () => bare.run('readMemory', undefined));
}

/** What one request takes beyond its connection, in KB. */
async function measure(idle: string, asked: string, count: number, read: () => Promise<Memory>): Promise<Memory> {
  await using crowd = startWorker<CrowdJobs>(crowdFile);
  await crowd.run('holdIdle', { url: idle, count });
  const before = await settledReading(read);
  await crowd.run('askOnIdle', { url: asked });
  const after = await settledReading(read);
  const open = await crowd.run('countIdle', undefined);
  if (open < count) throw new Error(`${count - open} connections were cut`);
  const ofOne = (of: keyof Memory): number => (after[of] - before[of]) / count / 1024;
  return { heapUsed: ofOne('heapUsed'), residentMemory: ofOne('residentMemory') };
}

async function settledReading(read: () => Promise<Memory>): Promise<Memory> {
  let last = await read();
  await eventually('a heap that is settled', async () => {
    const former = last;
    last = await read();
    return Math.abs(last.heapUsed - former.heapUsed) < settledWithin;
  });
  return last;
}
