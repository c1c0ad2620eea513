/** Status events that a JetStream stream keeps, alone and with a key-value bucket that remembers who was reported. */
import { randomUUID } from 'node:crypto';
import { connect } from 'nats';
import type { MsgHdrs, NatsConnection } from 'nats';
import { statusSubject } from '../../../src/events/cloud-event.ts';
import { startRealNatsServer } from '../../sandbox/nats/nats-server.ts';
import type { FigureBuilder } from '../figure.ts';

/** Publishes that wait for their acknowledgement, as many as the provider has. */
const inFlight = 1_000;

const bareSubject = 'bench.bare';
const bucket = 'bench';

interface Stored {
  /** Milliseconds from the first message at a subscriber to the last. */
  spreadMs: number;
  events: { data: Uint8Array; headers: MsgHdrs | undefined }[];
}

/**
 * All containers' first events, as in the burst. With the bucket, each has its key as well, and the time is that from the
 * first of both to the last.
 */
export const buildRemembered: FigureBuilder = async (stage, stack) => {
  const { containers } = stage.options;
  const nats = stack.use(await startRealNatsServer({ jetStream: true }));
  const subscriber = stack.adopt(await connect({ servers: nats.url }), (connection) => connection.close());
  const publisher = stack.adopt(await connect({ servers: nats.url }), (connection) => connection.close());
  const { streams } = await subscriber.jetstreamManager();
  await streams.add({ name: 'events', subjects: [statusSubject, bareSubject] });

  const report = async (env: Record<string, string>): Promise<Stored> => {
    const keyed = env['SP_NATS_KV_BUCKET'] !== undefined;
    const stored = collect(subscriber, statusSubject, { containers, keyed });
    await using _provider = await stage.startProvider(stage.namespaces.large, {
      env: { SP_NATS_URL: nats.url, SP_MONITOR_DEBOUNCE_MS: '0', ...env },
    });
    return await stored;
  };
  const withBucket = async (): Promise<Stored> => {
    const stored = await report({ SP_NATS_KV_BUCKET: bucket });
    await streams.delete(`KV_${bucket}`);
    return stored;
  };
  const { events } = await report({});
  const bare = async (): Promise<number> => {
    const stored = collect(subscriber, bareSubject, { containers, keyed: false });
    // The subscription is there before the first message is.
    await subscriber.flush();
    await publishAll(publisher, events);
    return (await stored).spreadMs;
  };
  return {
    run: async (number) => {
      const order = number % 2 === 0 ? [bare, report, withBucket] : [withBucket, report, bare];
      const took = new Map<unknown, number>();
      for (const measure of order) {
        const measured = await measure({});
        took.set(measure, typeof measured === 'number' ? measured : measured.spreadMs);
      }
      const [bareMs, streamMs, bucketMs] = [bare, report, withBucket].map((measure) => took.get(measure)!);
      const name = `${containers} status events at once`;
      return [
        {
          name: `${name} into a stream, beside a bare publisher`,
          unit: 'ms',
          value: streamMs!,
          baseline: bareMs!,
          aim: 'stated',
        },
        {
          name: `${name} into a stream, and a bucket: beside the stream alone`,
          unit: 'ms',
          value: bucketMs!,
          baseline: streamMs!,
          aim: '≤ 1.8 ×',
        },
      ];
    },
  };
};

async function publishAll(connection: NatsConnection, messages: Stored['events']): Promise<void> {
  const jetStream = connection.jetstream();
  const rest = messages.values();
  const publish = async (): Promise<void> => {
    for (const { data, headers } of rest) {
      // Under the provider's own message id, the stream would take it for one that it has.
      await jetStream.publish(bareSubject, data, { ...(headers && { headers }), msgID: randomUUID() });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, publish));
}

async function collect(
  connection: NatsConnection,
  subject: string,
  { containers, keyed }: { containers: number; keyed: boolean },
): Promise<Stored> {
  const events: Stored['events'] = [];
  let firstAt: number | undefined;
  const note = (): void => void (firstAt ??= performance.now());
  const readKeys = async (): Promise<void> => {
    for await (const _ of connection.subscribe(`$KV.${bucket}.>`, { max: containers })) note();
  };
  const readEvents = async (): Promise<void> => {
    for await (const { data, headers } of connection.subscribe(subject, { max: containers })) {
      note();
      events.push({ data, headers });
    }
  };
  await Promise.all([readEvents(), ...(keyed ? [readKeys()] : [])]);
  return { spreadMs: performance.now() - firstAt!, events };
}
