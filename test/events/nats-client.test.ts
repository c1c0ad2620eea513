/** What the NATS client does by itself at the pinned version, and what it does not: the reasons for a session of our own. */
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect, Events } from 'nats';
import type { ConnectionOptions, NatsConnection, Status } from 'nats';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import { NatsPublisher } from '../../src/events/nats-publisher.ts';
import { startCoreNatsServer, startRealNatsServer, withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { captureLog } from '../support/log-lines.ts';
import { until } from '../support/until.ts';

const withoutEnd: ConnectionOptions = {
  reconnect: true,
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
  reconnectTimeWait: 50,
  reconnectJitter: 0,
  timeout: 100,
};

/** All that a connection says of itself. */
function statusesOf(connection: NatsConnection): Status[] {
  const statuses: Status[] = [];
  void (async () => {
    for await (const status of connection.status()) statuses.push(status);
  })();
  return statuses;
}

/** Accepts connections and says nothing; the first of them leads to a server where there is one. */
async function startSilentServer(upstreamPort?: number) {
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    if (++accepted > 1 || upstreamPort === undefined) return;
    const upstream = createConnection(upstreamPort, '127.0.0.1').on('error', () => undefined);
    socket.pipe(upstream).pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = () => open.forEach((socket) => void socket.destroy());
  return {
    address: `127.0.0.1:${port}`,
    open,
    accepted: () => accepted,
    cut,
    [Symbol.dispose]() {
      cut();
      server.close();
    },
  };
}

await t.test(
  'the client reconnects by itself, rejects what waited for a round trip, and tells no reason of a failed attempt',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer();
    const connection = await connect({ servers: server.url, ...withoutEnd });
    t.teardown(() => connection.close());
    const statuses = statusesOf(connection);
    server.pause();
    const answers = () =>
      connection.flush().then(
        () => true,
        () => false,
      );
    await until('it is paused', async () => !(await Promise.race([answers(), delay(100).then(() => false)])));
    const rejected = t.rejects(connection.flush());
    await server.kill();
    await rejected;
    const failed = () => statuses.filter(({ type }) => (type as string) === 'reconnecting');
    await until('it has tried in vain', () => failed().length >= 5);
    await server.restart();
    await until('it is connected again', () => statuses.some(({ type }) => type === Events.Reconnect));
    t.ok(
      failed().every(({ data }) => data === `127.0.0.1:${server.port}`),
      'of each attempt there is the address, and not why it failed',
    );
    await connection.flush();
  },
);

await t.test(
  'the client leaves a socket for each attempt at a server that says nothing, and ours does not',
  async (t) => {
    await using upstream = await startCoreNatsServer();
    using forClient = await startSilentServer(upstream.port);
    using forOurs = await startSilentServer();
    const connection = await connect({ servers: [forClient.address], ignoreClusterUpdates: true, ...withoutEnd });
    forClient.cut();
    const { log } = captureLog();
    const publisher = new NatsPublisher({
      natsServers: parseNatsUrls(`nats://${forOurs.address}`),
      subject: 'dcm.container',
      connectionName: 'test',
      answerTimeoutMs: 100,
      log,
    });
    publisher.start();
    await until('the client has tried', () => forClient.accepted() >= 10);
    await until('the publisher has tried', () => forOurs.accepted() >= 3);
    t.ok(forClient.open.size >= 8, `${forClient.open.size} of ${forClient.accepted()} are open`);
    await publisher.stop();
    await until('the sockets of the publisher are closed', () => forOurs.open.size === 0);
    await connection.close();
  },
);
