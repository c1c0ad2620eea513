/** Status events: many at once, and how soon each comes. */
import { connect } from 'nats';
import type { MsgHdrs, NatsConnection } from 'nats';
import { statusSubject } from '../../../src/status/cloud-event.ts';
import { eventually } from '../eventually.ts';
import type { FigureBuilder } from '../figure.ts';
import { inTurn } from '../figure.ts';
import { containerId } from '../objects.ts';
import { percentile } from '../statistics.ts';
import type { Stage } from '../stage.ts';

interface Arrivals {
  /** Milliseconds from the first to the last. */
  spreadMs: number;
  messages: { data: Uint8Array; headers: MsgHdrs | undefined }[];
}

/**
 * All containers' first events, which a provider has at once when its caches are filled; the time is that from the first
 * at the subscriber to the last, for the provider as for the bare publisher.
 */
export const buildBurst: FigureBuilder = async (stage, stack) => {
  const { containers } = stage.options;
  const subscriber = stack.adopt(await connect({ servers: stage.nats.url }), (connection) => connection.close());
  const publisher = stack.adopt(await connect({ servers: stage.nats.url }), (connection) => connection.close());
  const burst = async (): Promise<Arrivals> => {
    const arrivals = collect(subscriber, statusSubject, containers);
    await using _provider = await stage.startProvider(stage.namespaces.large, { env: { SP_MONITOR_DEBOUNCE_MS: '0' } });
    return await arrivals;
  };
  const { messages } = await burst();
  const bare = async (): Promise<number> => {
    const arrivals = collect(subscriber, 'bench.bare', containers);
    await subscriber.flush();
    for (const { data, headers } of messages) publisher.publish('bench.bare', data, headers ? { headers } : {});
    await publisher.flush();
    return (await arrivals).spreadMs;
  };
  return {
    run: async (number) => {
      const { baseline, value } = await inTurn(number, bare, burst);
      return [
        { name: `${containers} status events at once`, unit: 'ms', value: value.spreadMs, baseline, aim: '≤ 3 ×' },
      ];
    },
  };
};

/** The first `count` messages on a subject. */
async function collect(connection: NatsConnection, subject: string, count: number): Promise<Arrivals> {
  const messages: Arrivals['messages'] = [];
  let firstAt = 0;
  for await (const { data, headers } of connection.subscribe(subject, { max: count })) {
    if (messages.length === 0) firstAt = performance.now();
    messages.push({ data, headers });
  }
  return { spreadMs: performance.now() - firstAt, messages };
}

const windowMs = 100;

/** From the API server's answer to a Pod that ceases to be ready, to the event at a subscriber, beyond the debounce window. */
export const buildLatency: FigureBuilder = async (stage, stack) => {
  const { changesPerSecond, changeSeconds, containers } = stage.options;
  const namespace = stage.namespaces.large;
  const subscriber = stack.adopt(await connect({ servers: stage.nats.url }), (connection) => connection.close());
  const settled = collect(subscriber, statusSubject, containers);
  stack.use(await stage.startProvider(namespace, { env: { SP_MONITOR_DEBOUNCE_MS: String(windowMs) } }));
  await settled;
  const pods = await podsByContainer(stage, namespace);
  const ids = Array.from({ length: Math.min(changesPerSecond * changeSeconds, containers) }, (_, index) =>
    containerId(index),
  );
  const change = async (id: string, ready: 'True' | 'False'): Promise<void> => {
    const status = { conditions: [{ type: 'Ready', status: ready }] };
    await stage.api.patch(
      `/api/v1/namespaces/${namespace}/pods/${pods.get(id)!}/status`,
      { status },
      'strategic-merge',
    );
  };
  return {
    run: async () => {
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
      const latencies = ids.map((id) => lostAt.get(id)! - changedAt.get(id)! - windowMs);
      const name = `change to event at ${changesPerSecond} changes/s, beyond the window`;
      return [
        { name: `${name}: p50`, unit: 'ms', value: percentile(latencies, 50), aim: '25 ms' },
        { name: `${name}: p99`, unit: 'ms', value: percentile(latencies, 99), aim: '25 ms' },
      ];
    },
  };
};

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
