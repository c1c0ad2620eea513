/** A crowd of the other kind: many clients that create as large a container as may be while the API server stands still. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { incarnationLabel, instanceIdLabel } from '../../../src/kubernetes/objects/identity.ts';
import type { CreatingResult, CrowdJobs } from '../crowd-process.ts';
import { eventually } from '../eventually.ts';
import type { FigureBuilder } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import { containerSpec } from '../objects.ts';
import type { ProviderProcess } from '../provider-process.ts';
import type { Stage } from '../stage.ts';

const processFile = join(import.meta.dirname, '../crowd-process.ts');
const megabyte = 1024 * 1024;
const bodyBytes = 200 * 1024;
const maxHeap = 128 * megabyte;
/** What those who poll the health are ready to wait, in milliseconds, on a processor that all share. */
const maxHealthMs = 5_000;
const memoryEveryMs = 100;

/** Taken on the sandbox alone, whose API server is ours to stop. */
export const buildBodies: FigureBuilder = async (stage, stack) => {
  const { freezeApiServer } = stage;
  if (!freezeApiServer) return { run: () => Promise.resolve([]) };
  const { heavyClients: clients, heavyMs: durationMs } = stage.options;
  // What a create that was given up leaves behind is repaired at a resync; and all clients share one process, which is slow.
  const env = { SP_MONITOR_RESYNC_PERIOD: '5s', SP_SERVER_READ_TIMEOUT: '60s' };
  const provider = stack.use(await stage.startProvider(stage.namespaces.crowd, { env }));
  const crowd = stack.use(startWorker<CrowdJobs>(processFile));
  const poller = stack.use(startWorker<CrowdJobs>(processFile));
  const url = `${provider.url}/api/v1alpha1/containers`;
  return {
    run: async (number) => {
      const idle = await provider.read({ collect: true });
      const prefix = `heavy-${number}`;
      const { created, polled, highest } = await (async () => {
        using _frozen = freezeApiServer();
        const creating = crowd.run('create', { url, clients, durationMs, prefix, body: heavyBody() });
        const polling = poller.run('poll', { url: `${url}/health`, durationMs });
        const highest = await highestMemory(provider, durationMs);
        return { created: await creating, polled: await polling, highest };
      })();
      const heap = highest.heapUsed - idle.heapUsed;
      requireInOrder(created, { heap, slowest: polled.p100 });
      await requireNothingHalfDone(stage, prefix);
      const name = `${clients} clients with 200 KiB each, the API server stands still`;
      return [
        { name: `${name}: heap beyond idle`, unit: 'MB', value: heap / megabyte, aim: '128 MB' },
        {
          name: `${name}: memory`,
          unit: 'MB',
          value: highest.residentMemory / megabyte,
          baseline: idle.residentMemory / megabyte,
          aim: 'stated',
        },
        { name: `${name}: health p50`, unit: 'ms', value: polled.p50, aim: 'stated' },
        { name: `${name}: slowest health`, unit: 'ms', value: polled.p100, aim: '5 s' },
        { name: `${name}: answered 503`, unit: '', value: created.refused.length, aim: 'stated' },
        { name: `${name}: half done`, unit: '', value: 0, aim: '0' },
      ];
    },
  };
};

/** Of small objects, which take some twenty times as much once they are parsed. */
function heavyBody(): string {
  const spec = containerSpec(0, { withPorts: true });
  const start = `{"spec":${JSON.stringify(spec).slice(0, -1)},"filler":[{}`;
  const end = ']}}';
  return start + ',{}'.repeat((bodyBytes - start.length - end.length) / 3) + end;
}

async function highestMemory(provider: ProviderProcess, durationMs: number) {
  const until = performance.now() + durationMs;
  const highest = { heapUsed: 0, residentMemory: 0 };
  while (performance.now() < until) {
    const { heapUsed, residentMemory } = await provider.read();
    highest.heapUsed = Math.max(highest.heapUsed, heapUsed);
    highest.residentMemory = Math.max(highest.residentMemory, residentMemory);
    await delay(memoryEveryMs);
  }
  return highest;
}

function requireInOrder(
  { failed, refused }: CreatingResult,
  { heap, slowest }: { heap: number; slowest: number },
): void {
  const faults = [
    ...failed.slice(0, 3),
    ...(refused.length === 0 ? ['nothing was refused'] : []),
    ...(heap > maxHeap ? [`the heap grew by ${Math.round(heap / megabyte)} MB`] : []),
    ...(slowest > maxHealthMs ? [`the health took ${Math.round(slowest)} ms`] : []),
  ];
  if (faults.length > 0) throw new Error(`the crowd was not served as it should be: ${faults.join('; ')}`);
}

interface Listed {
  items: { metadata: { labels?: Record<string, string> } }[];
}

/** Every Deployment has its Service and the other way round: what the API server finds when it goes on may have been given up. */
async function requireNothingHalfDone({ api, namespaces }: Stage, prefix: string): Promise<void> {
  const idsOf = async (path: string): Promise<string> => {
    const { items } = await api.get<Listed>(`${path}?labelSelector=${encodeURIComponent(incarnationLabel)}`);
    const ids = items.map(({ metadata }) => metadata.labels?.[instanceIdLabel] ?? '');
    return ids
      .filter((id) => id.startsWith(`${prefix}-`))
      .sort()
      .join();
  };
  await eventually('a Service for each Deployment', async () => {
    const deployments = await idsOf(`/apis/apps/v1/namespaces/${namespaces.crowd}/deployments`);
    return deployments === (await idsOf(`/api/v1/namespaces/${namespaces.crowd}/services`));
  });
}
