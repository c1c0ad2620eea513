import { connect } from 'nats';
import t from 'tap';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import { systemClock } from '../../src/clock.ts';
import { NatsPublisher } from '../../src/events/nats-publisher.ts';
import { withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { captureLog } from '../support/log-lines.ts';
import { startNatsCluster } from '../support/nats-cluster.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startSender } from '../support/sender.ts';
import { until } from '../support/until.ts';

await t.test(
  'keeps events while the stream that captures them has no quorum, over a reconnect, and publishes them after',
  { skip: withoutNatsServer },
  async (t) => {
    await using cluster = await startNatsCluster(3);
    const [first, ...others] = cluster.servers;
    const admin = await connect({ servers: first!.url, ignoreClusterUpdates: true });
    t.teardown(() => admin.close());
    const manager = await admin.jetstreamManager({ timeout: 1_000, checkAPI: false });
    await until('the stream is made', async () => {
      const making = manager.streams.add({ name: 'events', subjects: ['dcm.>'], num_replicas: 3 });
      return making.then(
        () => true,
        () => false,
      );
    });

    await using proxy = await startTcpProxy(first!.url);
    const { log, lines } = captureLog();
    const logged = (msg: string) => lines.filter((line) => line.msg === msg);
    const natsServers = parseNatsUrls(`nats://127.0.0.1:${proxy.port}`);
    const options = { natsServers, subject: 'dcm.container', connectionName: 'test', answerTimeoutMs: 500, log };
    const publisher = new NatsPublisher(options);
    const sending = startSender({ publisher, log, clock: systemClock });
    t.teardown(() => publisher.stop());
    const put = (containerId: string) => sending.put({ containerId, status: 'RUNNING', message: '', endpoints: [] });
    let begun = 0;
    publisher.onNewStream(() => begun++);
    publisher.start();
    put('before');
    await until('the event is stored', () => sending.size === 0);
    await until('a bucket is made', () =>
      publisher.openBucket('reported').then(
        () => true,
        () => false,
      ),
    );
    const { config } = await manager.streams.info('KV_reported');
    t.equal(config.num_replicas, 3);

    await Promise.all(others.map((server) => server.kill()));
    await until('the last one knows that it is alone', async () => {
      const asking = manager.streams.names('dcm.container').next();
      return asking.then(
        () => false,
        () => true,
      );
    });
    proxy.reset();
    await until('it has connected again', () => logged('connected to NATS').length === 2);
    put('during-1');
    put('during-2');
    const waits = 'NATS does not tell which stream captures the status events, they wait';
    await until('it has asked again and again', () => logged(waits).length >= 3 || sending.size === 0);
    t.equal(sending.size, 2);
    t.strictSame(
      logged(waits).map(({ level }) => level),
      [
        'warn',
        ...logged(waits)
          .slice(1)
          .map(() => 'debug'),
      ],
      'warned of once',
    );

    await Promise.all(others.map((server) => server.restart()));
    await until('the events are stored', () => sending.size === 0);
    const stored = async () => (await manager.streams.info('events')).state.messages;
    t.equal(begun, 0, 'it was the same stream throughout');
    await until('the stream has all of them', async () => (await stored().catch(() => 0)) === 3);
  },
);
