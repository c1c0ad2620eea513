/** A crowd: many clients that create at once, beside many connections on which nothing happens. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { incarnationLabel, instanceIdLabel } from '../../../src/kubernetes/objects/identity.ts';
import { eventually } from '../eventually.ts';
import type { FigureBuilder } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import { containerSpec } from '../objects.ts';
import type { CreatingResult, CrowdJobs } from '../crowd-process.ts';
import type { ProviderProcess } from '../provider-process.ts';
import type { Stage } from '../stage.ts';

const processFile = join(import.meta.dirname, '../crowd-process.ts');
const megabyte = 1024 * 1024;
const memoryEveryMs = 200;

/** The baseline of the health is that before the crowd came; the one of the memory likewise. */
export const buildCrowd: FigureBuilder = async (stage, stack) => {
  const { clients, idleConnections, crowdMs } = stage.options;
  // Connections that are idle are to stay for as long as the figure takes.
  const env = { SP_SERVER_IDLE_TIMEOUT: '1h' };
  const provider = stack.use(await stage.startProvider(stage.namespaces.crowd, { env }));
  const crowd = stack.use(startWorker<CrowdJobs>(processFile));
  const poller = stack.use(startWorker<CrowdJobs>(processFile));
  const url = `${provider.url}/api/v1alpha1/containers`;
  const health = `${url}/health`;
  const body = JSON.stringify({ spec: containerSpec(0, { withPorts: true }) });
  return {
    run: async (number) => {
      const memoryBefore = (await provider.read({ collect: true })).residentMemory;
      const before = await poller.run('poll', { url: health, durationMs: crowdMs / 2 });
      await crowd.run('holdIdle', { url: health, count: idleConnections - (await crowd.run('countIdle', undefined)) });
      const prefix = `crowd-${number}`;
      const creating = crowd.run('create', { url, clients, durationMs: crowdMs, prefix, body });
      const polling = poller.run('poll', { url: health, durationMs: crowdMs });
      const memory = await highestMemory(provider, crowdMs);
      const [created, polled] = await Promise.all([creating, polling]);
      const open = await crowd.run('countIdle', undefined);
      requireInOrder(created, { open, idleConnections, unhealthy: polled.unhealthy });
      await requireNothingHalfDone(stage, prefix, created);
      await removeAll(stage, provider, created);
      const name = `${clients} clients creating, ${idleConnections} idle connections`;
      return [
        { name: `${name}: health p50`, unit: 'ms', value: polled.p50, baseline: before.p50, aim: 'stated' },
        { name: `${name}: health p99`, unit: 'ms', value: polled.p99, baseline: before.p99, aim: '250 ms' },
        {
          name: `${name}: memory`,
          unit: 'MB',
          value: memory / megabyte,
          baseline: memoryBefore / megabyte,
          aim: '400 MB',
        },
        { name: `${name}: create p50`, unit: 'ms', value: created.p50, aim: 'stated' },
        {
          name: `${name}: created`,
          unit: '1/s',
          value: (created.created.length * 1_000) / crowdMs,
          aim: 'stated',
        },
        { name: `${name}: answered 503`, unit: '', value: created.refused.length, aim: 'stated' },
        { name: `${name}: half done`, unit: '', value: 0, aim: '0' },
      ];
    },
  };
};

async function highestMemory(provider: ProviderProcess, durationMs: number): Promise<number> {
  const until = performance.now() + durationMs;
  let highest = 0;
  while (performance.now() < until) {
    highest = Math.max(highest, (await provider.read()).residentMemory);
    await delay(memoryEveryMs);
  }
  return highest;
}

function requireInOrder(
  { created, failed }: CreatingResult,
  { open, idleConnections, unhealthy }: { open: number; idleConnections: number; unhealthy: number },
): void {
  const faults = [
    ...failed.slice(0, 3),
    ...(created.length === 0 ? ['nothing was created'] : []),
    ...(open < idleConnections ? [`${idleConnections - open} idle connections were cut`] : []),
    ...(unhealthy > 0 ? [`${unhealthy} answers of the health were not healthy`] : []),
  ];
  if (faults.length > 0) throw new Error(`the crowd was not served as it should be: ${faults.join('; ')}`);
}

interface Listed {
  items: { metadata: { labels?: Record<string, string> } }[];
}

/** Of what was answered 201 there are both objects, and of all else there is nothing, once roll-backs have ended. */
async function requireNothingHalfDone({ api, namespaces }: Stage, prefix: string, result: CreatingResult) {
  const wanted = result.created.toSorted();
  const idsOf = async (path: string): Promise<string[]> => {
    const selector = encodeURIComponent(incarnationLabel);
    const { items } = await api.get<Listed>(`${path}?labelSelector=${selector}`);
    const ids = items.map(({ metadata }) => metadata.labels?.[instanceIdLabel] ?? '');
    return ids.filter((id) => id.startsWith(`${prefix}-`)).sort();
  };
  const paths = [
    `/apis/apps/v1/namespaces/${namespaces.crowd}/deployments`,
    `/api/v1/namespaces/${namespaces.crowd}/services`,
  ];
  await eventually('Deployments and Services of what was created, and of nothing else', async () => {
    const found = await Promise.all(paths.map(idsOf));
    return found.every((ids) => ids.join() === wanted.join());
  });
}

async function removeAll({ load }: Stage, { url }: ProviderProcess, { created }: CreatingResult): Promise<void> {
  const sequences = created.map((id) => [
    { url: `${url}/api/v1alpha1/containers/${id}`, method: 'DELETE' as const, headers: {}, status: 204 },
  ]);
  await load.run('write', { concurrency: 20, sequences });
}
