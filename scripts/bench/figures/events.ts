/** Status events: many at once, and how soon each comes. */
import { join } from 'node:path';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { statusSubject } from '../../../src/events/cloud-event.ts';
import { eventually } from '../eventually.ts';
import type { FigureBuilder } from '../figure.ts';
import { inTurn } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import { containerId } from '../objects.ts';
import type { ProviderProcess } from '../provider-process.ts';
import type { PublisherJobs } from '../publisher-process.ts';
import { percentile } from '../statistics.ts';
import type { Stage } from '../stage.ts';

/**
 * All containers' first events, which a provider has at once when its caches are filled; the time is that from the first
 * at the subscriber to the last, for the provider as for the bare publisher. Both are processes that have just started.
 */
export const buildBurst: FigureBuilder = async (stage, stack) => {
  const { containers } = stage.options;
  const subscriber = stack.adopt(await connect({ servers: stage.nats.url }), (connection) => connection.close());
  const provider = async (): Promise<number> => {
    const arrivals = measureSpread(subscriber, statusSubject, containers);
    await using _provider = await stage.startProvider(stage.namespaces.large, { env: { SP_MONITOR_DEBOUNCE_MS: '0' } });
    return await arrivals;
  };
  const bare = async (): Promise<number> => {
    const subject = 'bench.bare';
    const arrivals = measureSpread(subscriber, subject, containers);
    await subscriber.flush();
    await using publisher = startWorker<PublisherJobs>(join(import.meta.dirname, '../publisher-process.ts'));
    await publisher.run('publish', {
      natsUrl: stage.nats.url,
      subject,
      namespace: stage.namespaces.large,
      containers,
    });
    return await arrivals;
  };
  const name = `${containers} status events at once, beside a bare publisher that encodes and confirms`;
  return {
    run: async (number) => [{ name, unit: 'ms', ...(await inTurn(number, bare, provider)), aim: '≤ 3 ×' }],
  };
};

/** @returns milliseconds from the first to the last of the first `count` messages on a subject */
async function measureSpread(connection: NatsConnection, subject: string, count: number): Promise<number> {
  let firstAt: number | undefined;
  for await (const _message of connection.subscribe(subject, { max: count })) firstAt ??= performance.now();
  return performance.now() - firstAt!;
}

/** The debounce window of the provider whose delays are measured. */
export const windowMs = 100;

/** From the API server's answer to a Pod that ceases to be ready, to the event at a subscriber, beyond the debounce window. */
export const buildLatency: FigureBuilder = async (stage, stack) => {
  const { containers } = stage.options;
  const { measureDelays } = await startObserved(stage, stack, { namespace: stage.namespaces.large, containers });
  return {
    run: async () => {
      const delays = await measureDelays();
      const name = `change to event at ${stage.options.changesPerSecond} changes/s, beyond the window`;
      return [
        { name: `${name}: p50`, unit: 'ms', value: percentile(delays, 50), aim: '25 ms' },
        { name: `${name}: p99`, unit: 'ms', value: percentile(delays, 99), aim: '25 ms' },
      ];
    },
  };
};

export interface Observed {
  provider: ProviderProcess;
  /** Has Pods change at the rate of the options; resolves to the milliseconds of each until its event, beyond the window. */
  measureDelays: () => Promise<number[]>;
}

/** A provider of a namespace with so many containers, which has published their first events. */
export async function startObserved(
  stage: Stage,
  stack: AsyncDisposableStack,
  { namespace, containers }: { namespace: string; containers: number },
): Promise<Observed> {
  const { changesPerSecond, changeSeconds } = stage.options;
  const subscriber = stack.adopt(await connect({ servers: stage.nats.url }), (connection) => connection.close());
  const settled = measureSpread(subscriber, statusSubject, containers);
  await subscriber.flush();
  const env = { SP_MONITOR_DEBOUNCE_MS: String(windowMs) };
  const provider = stack.use(await stage.startProvider(namespace, { env }));
  await settled;
  const pods = await podsByContainer(stage, namespace);
  const ids = Array.from({ length: Math.min(changesPerSecond * changeSeconds, containers) }, (_, index) =>
    containerId(index),
  );
  const change = async (id: string, ready: 'True' | 'False'): Promise<void> => {
    const status = { conditions: [{ type: 'Ready', status: ready }] };
    const path = `/api/v1/namespaces/${namespace}/pods/${pods.get(id)!}/status`;
    await stage.api.patch(path, { status }, 'strategic-merge');
  };
  const measureDelays = async (): Promise<number[]> => {
    const changedAt = new Map<string, number>();
    const lostAt = new Map<string, number>();
    const lastStatus = new Map<string, string>();
    const subscription = subscriber.subscribe(statusSubject);
    const receiving = (async () => {
      for await (const message of subscription) {
        const { id, status } = message.json<{ data: { id: string; status: string } }>().data;
        lastStatus.set(id, status);
        if (status === 'UNKNOWN' && !lostAt.has(id)) lostAt.set(id, performance.now());
      }
    })();
    await subscriber.flush();
    await atRate(changesPerSecond, ids.length, async (index) => {
      const id = ids[index]!;
      await change(id, 'False');
      changedAt.set(id, performance.now());
    });
    await eventually('the events of all changes', () => Promise.resolve(ids.every((id) => lostAt.has(id))));
    // The controllers of some clusters bring the Pods back by themselves.
    await atRate(changesPerSecond, ids.length, (index) => change(ids[index]!, 'True'));
    await eventually('all to run again', () => Promise.resolve(ids.every((id) => lastStatus.get(id) === 'RUNNING')));
    subscription.unsubscribe();
    await receiving;
    return ids.map((id) => lostAt.get(id)! - changedAt.get(id)! - windowMs);
  };
  return { provider, measureDelays };
}

async function podsByContainer({ api }: Stage, namespace: string): Promise<Map<string, string>> {
  const pods = await api.list(`/api/v1/namespaces/${namespace}/pods`);
  return new Map(pods.map(({ metadata }) => [metadata.labels!['dcm.project/dcm-instance-id']!, metadata.name]));
}

/** Begins one after the other at even distances, however long each takes; resolves when all have ended. */
async function atRate(perSecond: number, count: number, work: (index: number) => Promise<void>): Promise<void> {
  const running: Promise<void>[] = [];
  const startedAt = performance.now();
  while (running.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond) + 1);
    while (running.length < due) running.push(work(running.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(running);
}
