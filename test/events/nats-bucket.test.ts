import { connect } from 'nats';
import t from 'tap';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import { NatsPublisher } from '../../src/events/nats-publisher.ts';
import { startRealNatsServer, withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { captureLog } from '../support/log-lines.ts';
import { startNatsCluster } from '../support/nats-cluster.ts';
import { until } from '../support/until.ts';

function publisherTo(url: string) {
  const { log, lines } = captureLog();
  const options = { natsServers: parseNatsUrls(url), subject: 'dcm.container', connectionName: 'test' };
  const publisher = new NatsPublisher({ ...options, answerTimeoutMs: 2_000, log });
  publisher.start();
  return { publisher, lines, [Symbol.asyncDispose]: () => publisher.stop() };
}

/** Opened as often as it takes: a cluster that has just started has no leader yet. */
async function opened(publisher: NatsPublisher) {
  let bucket: Awaited<ReturnType<NatsPublisher['openBucket']>> | undefined;
  await until('the bucket is open', async () => {
    bucket = await publisher.openBucket('reported').catch(() => undefined);
    return bucket !== undefined;
  });
  return bucket!;
}

async function single(parts: AsyncDisposableStack) {
  return parts.use(await startRealNatsServer({ jetStream: true }));
}

async function firstOf(parts: AsyncDisposableStack, servers: number) {
  const { servers: members } = parts.use(await startNatsCluster(servers));
  return members[0]!;
}

for (const [servers, replicas] of [
  [1, 1],
  [2, 2],
  [3, 3],
  [4, 3],
] as const) {
  await t.test(
    `makes a bucket with ${replicas} of ${servers} servers, without any stream of events`,
    { skip: withoutNatsServer },
    async (t) => {
      await using parts = new AsyncDisposableStack();
      const first = await (servers === 1 ? single(parts) : firstOf(parts, servers));
      await using sender = publisherTo(first.url);
      await opened(sender.publisher);
      const admin = await connect({ servers: first.url, ignoreClusterUpdates: true });
      t.teardown(() => admin.close());
      const manager = await admin.jetstreamManager({ checkAPI: false });
      t.equal((await manager.streams.info('KV_reported')).config.num_replicas, replicas);
      t.ok(
        sender.lines.every(
          ({ msg, ...fields }) => msg !== 'made the key-value bucket' || fields['replicas'] === replicas,
        ),
      );
    },
  );
}

await t.test('keeps what a bucket has when one of three servers is lost', { skip: withoutNatsServer }, async (t) => {
  await using cluster = await startNatsCluster(3);
  const urls = cluster.servers.map(({ url }) => url).join(',');
  await using sender = publisherTo(urls);
  await (await opened(sender.publisher)).put('containers.web', 'value');
  const connectedTo = sender.lines.find(({ msg }) => msg === 'connected to NATS')!['server'];
  const server = cluster.servers.find(({ port }) => connectedTo === `127.0.0.1:${port}`)!;
  await server.kill();
  await until('another server is connected', () => sender.publisher.stats().connections === 2);
  const bucket = await opened(sender.publisher);
  await until('it answers', () =>
    bucket.read('containers').then(
      (entries) => entries.get('web')?.value === 'value',
      () => false,
    ),
  );
  t.ok((await bucket.put('containers.next', 'value')) > bucket.lastRevision);
});
