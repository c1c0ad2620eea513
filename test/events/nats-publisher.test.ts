import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { connect, DiscardPolicy } from 'nats';
import type { JetStreamManager, Msg, StreamConfig } from 'nats';
import t from 'tap';
import { systemClock } from '../../src/clock.ts';
import { NatsPublisher } from '../../src/events/nats-publisher.ts';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import { makeCertificate } from '../support/certificate.ts';
import { captureLog } from '../support/log-lines.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { createNatsUser } from '../support/nats-credentials.ts';
import {
  startCoreNatsServer,
  startRealNatsServer,
  withoutNatsServer,
  withoutNatsServerSince,
} from '../../scripts/sandbox/nats/nats-server.ts';
import { startSender } from '../support/sender.ts';
import { until } from '../support/until.ts';

const subject = 'dcm.container';

const servers = [
  { name: 'nats-server', start: startRealNatsServer, skip: withoutNatsServer },
  { name: 'the small server', start: startCoreNatsServer, skip: false as const },
];

/** A publisher that has been started, with the part before it that sends. */
function publisherTo(url: string, { answerTimeoutMs = 5_000 } = {}) {
  const { log, lines } = captureLog();
  const natsServers = parseNatsUrls(url);
  const publisher = new NatsPublisher({ natsServers, subject, connectionName: 'test', answerTimeoutMs, log });
  const sending = startSender({ publisher, log, clock: systemClock });
  publisher.start();
  return {
    publisher,
    sending,
    lines,
    put: (containerId: string, message = '') => sending.put({ containerId, status: 'RUNNING', message, endpoints: [] }),
    emptied: () => until('everything is confirmed', () => sending.size === 0),
    logged: (msg: string) => lines.filter((line) => line.msg === msg),
    [Symbol.asyncDispose]: async () => {
      await sending.close();
      await publisher.stop();
    },
  };
}

/** The messages that arrive at a plain subscriber. */
async function subscriberOf(options: Parameters<typeof connect>[0]) {
  const connection = await connect({ maxReconnectAttempts: -1, reconnectTimeWait: 50, ...options });
  const received: Msg[] = [];
  connection.subscribe(subject, { callback: (_, message) => received.push(message) });
  await connection.flush();
  return {
    received,
    ids: () => received.map((message) => message.json<{ id: string }>().id),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function streamOf(url: string, config: Partial<StreamConfig> = {}) {
  const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const manager = await connection.jetstreamManager({ timeout: 20_000 });
  await manager.streams.add({ name: 'events', subjects: ['dcm.>'], ...config });
  return {
    manager,
    messages: () => messagesOf(manager),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function messagesOf(manager: JetStreamManager): Promise<{ id: string; data: { id: string } }[]> {
  const { state } = await manager.streams.info('events');
  const sequences = Array.from({ length: state.messages }, (_, index) => state.first_seq + index);
  return Promise.all(sequences.map(async (seq) => (await manager.streams.getMessage('events', { seq })).json()));
}

for (const { name, start, skip } of servers) {
  await t.test(`publishes to ${name} what a subscriber can read`, { skip }, async (t) => {
    await using server = await start();
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url);
    sender.put('web', 'Container is running.');
    await sender.emptied();
    await until('the event has arrived', () => subscriber.received.length === 1);
    const [message] = subscriber.received;
    const event = message!.json<{ id: string }>();
    t.match(event, { specversion: '1.0', data: { id: 'web', status: 'RUNNING', message: 'Container is running.' } });
    t.equal(message!.headers?.get('content-type'), 'application/cloudevents+json');
    t.equal(message!.headers?.get('Nats-Msg-Id'), event.id);
    t.match(sender.logged('connected to NATS'), [{ level: 'info', server: `127.0.0.1:${server.port}` }]);
  });

  await t.test(`publishes when ${name} arrives later`, { skip }, async (t) => {
    const port = await findFreePort();
    await using sender = publisherTo(`nats://127.0.0.1:${port}`);
    for (let count = 0; count < 10; count++) sender.put('web', String(count));
    await until('it has tried in vain', () => sender.logged('NATS cannot be reached, will retry').length > 1);
    t.equal(sender.sending.size, 1);
    await using server = await start({ port });
    await using subscriber = await subscriberOf({ servers: server.url });
    await sender.emptied();
    sender.put('last');
    await sender.emptied();
    t.ok(subscriber.received.length <= 2);
  });

  await t.test(`goes on after ${name} was killed and restarted`, { skip }, async (t) => {
    await using server = await start();
    await using sender = publisherTo(server.url);
    sender.put('before');
    await sender.emptied();
    await server.kill();
    await until('the loss is noticed', () => !sender.publisher.connected);
    t.match(sender.logged('lost the connection to NATS, will reconnect'), [{ level: 'warn' }]);
    for (let id = 0; id < 100; id++) sender.put(String(id));
    t.equal(sender.sending.size, 100);
    await server.restart();
    await sender.emptied();
    t.equal(sender.logged('connected to NATS').length, 2);
    t.match(sender.publisher.stats(), { connected: true, confirmedBy: 'round trip', connections: 2 });
  });

  await t.test(`publishes under the same ids what ${name} did not confirm before it hung`, { skip }, async (t) => {
    await using server = await start();
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url, { answerTimeoutMs: 300 });
    await until('it is connected', () => sender.publisher.connected);
    server.pause();
    for (let id = 0; id < 20; id++) sender.put(String(id));
    await until('the connection is given up', () => !sender.publisher.connected);
    // A busy machine may let the server confirm some before it stops.
    t.ok(sender.sending.size > 0);
    server.resume();
    await sender.emptied();
    await until('all have arrived', () => new Set(subscriber.ids()).size === 20);
    t.equal(new Set(subscriber.ids()).size, 20, 'no container has two events');
    t.match(sender.logged('NATS does not answer, dropping the connection'), [{ level: 'warn' }]);
  });

  await t.test(`takes whichever of a list of servers answers, ${name} among them`, { skip }, async (t) => {
    await using server = await start();
    await using sender = publisherTo(
      `nats://127.0.0.1:${await findFreePort()},${server.url},nats://127.0.0.1:${await findFreePort()}`,
    );
    sender.put('web');
    await sender.emptied();
    t.match(sender.logged('connected to NATS'), [{ server: `127.0.0.1:${server.port}` }]);
  });

  await t.test(`has 10,000 changes confirmed by ${name} at once`, { skip }, async (t) => {
    await using server = await start();
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url);
    await until('it is connected', () => sender.publisher.connected);
    for (let id = 0; id < 10_000; id++) sender.put(String(id));
    await sender.emptied();
    await until('all have arrived', () => subscriber.received.length >= 10_000);
    t.equal(new Set(subscriber.ids()).size, 10_000);
    t.equal(subscriber.received.length, 10_000);
  });
}

await t.test('loses nothing while nats-server is killed twice under load', { skip: withoutNatsServer }, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using stream = await streamOf(server.url);
  await using sender = publisherTo(server.url);
  let next = 0;
  const load = setInterval(() => {
    for (let count = 0; count < 20; count++) sender.put(String(next++));
  }, 5);
  t.teardown(() => clearInterval(load));
  for (const killAt of [1_000, 2_500]) {
    await until(`${killAt} containers have changed`, () => next > killAt && sender.publisher.connected);
    await server.kill();
    await until('changes wait', () => sender.sending.size > 200);
    await server.restart();
  }
  await until('4,000 containers have changed', () => next > 4_000);
  clearInterval(load);
  await sender.emptied();
  const messages = await stream.messages();
  t.equal(new Set(messages.map(({ data }) => data.id)).size, next, 'every container has its event');
  t.equal(new Set(messages.map(({ id }) => id)).size, next, 'and what was sent again had the same id');
});

await t.test(
  'waits for the acknowledgement of a stream that captures the subject',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer({ jetStream: true });
    await using stream = await streamOf(server.url);
    await using sender = publisherTo(server.url);
    for (let id = 0; id < 500; id++) sender.put(String(id));
    await sender.emptied();
    t.match(sender.logged('stream that captures the status events'), [{ level: 'info', stream: 'events' }]);
    t.equal((await stream.messages()).length, 500);
  },
);

await t.test(
  'keeps events while the stream is full, and publishes them under the same ids when it is not',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer({ jetStream: true });
    await using stream = await streamOf(server.url, { max_msgs: 3, discard: DiscardPolicy.New });
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url);
    for (let id = 0; id < 5; id++) sender.put(String(id));
    await until('it was refused', () => sender.logged('publishing failed, will retry').length > 1);
    t.equal(sender.sending.size, 2);
    t.match(sender.logged('publishing failed, will retry')[0], { err: { message: /maximum messages exceeded/ } });
    await stream.manager.streams.update('events', { max_msgs: 100 });
    await sender.emptied();
    const messages = await stream.messages();
    t.equal(new Set(messages.map(({ data }) => data.id)).size, 5);
    t.strictSame(new Set(messages.map(({ id }) => id)), new Set(subscriber.ids()));
  },
);

await t.test('does not look for the stream again because it refuses', { skip: withoutNatsServer }, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using stream = await streamOf(server.url, { max_msgs: 1, discard: DiscardPolicy.New });
  await using sender = publisherTo(server.url);
  await until('it is connected', () => sender.publisher.connected);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  let asked = 0;
  connection.subscribe('$JS.API.STREAM.NAMES', { callback: () => asked++ });
  await connection.flush();
  for (let id = 0; id < 200; id++) sender.put(String(id));
  await until('all were refused again and again', () => sender.sending.sender.stats().failed >= 600);
  t.ok(asked <= 1, `asked ${asked} times`);
  t.ok(stream.manager);
});

for (const [limit, start] of [
  ['server', () => startRealNatsServer({ configuration: 'max_payload: 2000' })],
  ['stream', () => startRealNatsServer({ jetStream: true })],
] as const) {
  await t.test(`drops what is larger than the ${limit} takes, and goes on`, { skip: withoutNatsServer }, async (t) => {
    await using server = await start();
    const stream = limit === 'stream' ? await streamOf(server.url, { max_msg_size: 2_000 }) : undefined;
    await using _ = stream;
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url);
    sender.put('large', 'x'.repeat(2_000));
    sender.put('small');
    await sender.emptied();
    t.match(sender.sending.sender.stats(), { published: 1, dropped: 1 });
    t.match(sender.logged('a status event is too large for NATS, dropped it'), [
      { level: 'error', containerId: 'large', err: { message: /larger than NATS takes/ } },
    ]);
    t.equal(sender.logged('publishing failed, will retry').length, 0);
    sender.put('large', 'x');
    await sender.emptied();
    await until('what is small enough arrived', () => subscriber.ids().length >= 2);
    t.equal(sender.logged('connected to NATS').length, 1);
  });
}

await t.test('notices that a stream comes and goes', { skip: withoutNatsServer }, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using subscriber = await subscriberOf({ servers: server.url });
  await using sender = publisherTo(server.url, { answerTimeoutMs: 500 });
  sender.put('without');
  await sender.emptied();
  await using stream = await streamOf(server.url);
  await server.kill();
  await until('the loss is noticed', () => !sender.publisher.connected);
  await server.restart();
  await until('the stream is known', () => sender.logged('stream that captures the status events').length === 1);
  await until('the stream is gone', () => stream.manager.streams.delete('events').catch(() => false));
  sender.put('after');
  await sender.emptied();
  t.match(sender.logged('stream that captures the status events').at(-1), { stream: null });
  await until('the subscriber has it', () => subscriber.received.some((message) => message.string().includes('after')));
});

await t.test(
  'tells of a stream that begins to capture the subject, and of one that was made anew',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer({ jetStream: true });
    await using sender = publisherTo(server.url, { answerTimeoutMs: 500 });
    let begun = 0;
    sender.publisher.onNewStream(() => begun++);
    const reconnected = async (): Promise<void> => {
      const { connections } = sender.publisher.stats();
      await server.kill();
      await until('the loss is noticed', () => !sender.publisher.connected);
      await server.restart();
      await until('it is connected again', () => sender.publisher.stats().connections > connections);
      await until('it is known what confirms', () => sender.publisher.connected);
    };
    await until('it is connected', () => sender.publisher.connected);
    await using stream = await streamOf(server.url, { no_ack: true });
    await reconnected();
    t.equal(begun, 1);
    await stream.manager.streams.update('events', { no_ack: false });
    await reconnected();
    t.equal(begun, 1, 'it is the same, though it acknowledges from now on');
    const createdAt = Date.parse((await stream.manager.streams.info('events')).created);
    await until('a stream made now has another time', () => Date.now() > createdAt + 2_000);
    await stream.manager.streams.delete('events');
    await stream.manager.streams.add({ name: 'events', subjects: ['dcm.>'] });
    await reconnected();
    t.equal(begun, 2);
    await using later = publisherTo(server.url);
    later.publisher.onNewStream(() => begun++);
    await until('it is connected', () => later.publisher.connected);
    t.equal(begun, 2, 'who finds it at the start has confirmed nothing before');
  },
);

await t.test(
  'confirms by a round trip where there is JetStream and no stream for the subject',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer({ jetStream: true });
    await using stream = await streamOf(server.url, { name: 'other', subjects: ['other.>'] });
    await using subscriber = await subscriberOf({ servers: server.url });
    await using sender = publisherTo(server.url);
    sender.put('web');
    await sender.emptied();
    await until('the event has arrived', () => subscriber.received.length > 0);
    t.equal(subscriber.received.length, 1);
    t.strictSame(sender.logged('stream that captures the status events'), []);
    t.ok(stream.manager);
  },
);

await t.test(
  'sends an event once to a stream that does not acknowledge, and says so once',
  { skip: withoutNatsServer },
  async (t) => {
    await using server = await startRealNatsServer({ jetStream: true });
    await using stream = await streamOf(server.url, { no_ack: true });
    await using sender = publisherTo(server.url, { answerTimeoutMs: 500 });
    for (let id = 0; id < 20; id++) sender.put(String(id));
    await sender.emptied();
    await server.kill();
    await until('the loss is noticed', () => !sender.publisher.connected);
    await server.restart();
    sender.put('after');
    await sender.emptied();
    await until('the stream has it', async () => (await stream.messages()).length >= 21);
    t.equal((await stream.messages()).length, 21);
    const warnings = sender.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
    t.strictSame(
      warnings.filter((msg) => msg.startsWith('the stream')),
      ['the stream does not acknowledge status events, the server alone confirms them'],
    );
    await stream.manager.streams.update('events', { no_ack: false });
    await server.kill();
    await server.restart();
    await until('it acknowledges', () => sender.logged('stream that captures the status events').length > 0);
    sender.put('acknowledged');
    await sender.emptied();
    t.equal((await stream.messages()).length, 22);
  },
);

await t.test(
  'confirms by a round trip where it may not ask for the stream, nor be answered',
  { skip: withoutNatsServer },
  async (t) => {
    const configuration = `authorization { users = [
      { user: mute, password: p, permissions: { publish: { allow: ["${subject}"] } } }
      { user: deaf, password: p, permissions: { publish: { allow: ">" }, subscribe: { deny: ">" } } }
      { user: admin, password: p }
    ] }
    no_auth_user: admin`;
    await using server = await startRealNatsServer({ jetStream: true, configuration });
    await using subscriber = await subscriberOf({ servers: server.url });
    for (const user of ['mute', 'deaf']) {
      await using sender = publisherTo(server.url.replace('//', `//${user}:p@`), { answerTimeoutMs: 2_000 });
      sender.put(user);
      await sender.emptied();
      await until('the event has arrived', () =>
        subscriber.received.some((message) => message.string().includes(user)),
      );
    }
    t.equal(subscriber.received.length, 2);
  },
);

await t.test('does not take an event for published that the server refuses', { skip: withoutNatsServer }, async (t) => {
  const users = (allowed: string) => `authorization { users = [
    { user: sp, password: secret-1, permissions: { publish: { allow: ["${allowed}", "$JS.API.>"] }, subscribe: ">" } }
  ] }`;
  await using server = await startRealNatsServer({ configuration: users('other') });
  const url = server.url.replace('//', '//sp:secret-1@');
  await using sender = publisherTo(url);
  sender.put('web');
  await until('it was refused', () => sender.logged('publishing failed, will retry').length > 0);
  t.equal(sender.sending.size, 1);
  await server.reload(users(subject));
  await sender.emptied();
  t.notMatch(JSON.stringify(sender.lines), 'secret-1');
});

await t.test(
  'takes none of many refused events for published, whenever the refusals arrive',
  { skip: withoutNatsServer },
  async (t) => {
    const configuration = `authorization { users = [
      { user: sp, password: secret-1, permissions: { publish: { deny: ["dcm.>"] } } }
    ] }`;
    await using server = await startRealNatsServer({ configuration });
    await using sender = publisherTo(server.url.replace('//', '//sp:secret-1@'));
    await until('it is connected', () => sender.publisher.connected);
    let published = 0;
    for (let round = 0; round < 500; round++) {
      const batch = Array.from({ length: 1 + (round % 3) }, () =>
        sender.publisher.publish({ id: randomUUID(), contentType: 'text/plain', body: 'x' }),
      );
      const outcomes = await Promise.allSettled(batch);
      published += outcomes.filter(({ status }) => status === 'fulfilled').length;
    }
    t.equal(published, 0);
  },
);

await t.test(
  'signs in again when its password was revoked and is valid again',
  { skip: withoutNatsServer },
  async (t) => {
    const password = (value: string) => `authorization { user: sp, password: "${value}" }`;
    await using server = await startRealNatsServer({ configuration: password('secret-1') });
    await using sender = publisherTo(server.url.replace('//', '//sp:secret-1@'));
    sender.put('before');
    await sender.emptied();
    await server.reload(password('other'));
    await until('it is refused', () => sender.logged('NATS cannot be reached, will retry').length > 2);
    t.match(sender.logged('NATS cannot be reached, will retry').at(-1), { err: { code: 'AUTHORIZATION_VIOLATION' } });
    sender.put('after');
    await server.reload(password('secret-1'));
    await sender.emptied();
    t.notMatch(JSON.stringify(sender.lines), 'secret-1');
  },
);

await t.test('signs in with a token', { skip: withoutNatsServer }, async (t) => {
  await using server = await startRealNatsServer({ configuration: 'authorization { token: "t:ken" }' });
  await using sender = publisherTo(server.url.replace('//', '//t%3Aken@'));
  sender.put('web');
  await sender.emptied();
  t.notMatch(JSON.stringify(sender.lines), 't:ken');
});

await t.test(
  'signs in with a credentials file, once it is there and is right',
  { skip: withoutNatsServer },
  async (t) => {
    const user = createNatsUser();
    await using server = await startRealNatsServer({ configuration: user.serverConfiguration });
    const file = join(server.folder, 'user.creds');
    await using sender = publisherTo(`${server.url}?credentials=${encodeURIComponent(file)}`);
    sender.put('web');
    await until('it tried without', () => sender.logged('NATS cannot be reached, will retry').length > 0);
    t.match(sender.logged('NATS cannot be reached, will retry')[0], { err: { code: 'ENOENT' } });
    await writeFile(file, 'not credentials');
    await until('it tried with wrong ones', () => {
      const last = sender.logged('NATS cannot be reached, will retry').at(-1);
      return (last?.['err'] as { code?: string }).code === 'BAD_CREDS';
    });
    await writeFile(file, user.credentials);
    await sender.emptied();
    t.notMatch(JSON.stringify(sender.lines), user.seed);
  },
);

const mangled: [string, (text: string) => string][] = [
  ['line ends of another system', (text) => text.replaceAll('\n', '\r\n')],
  ['no line end at its end', (text) => text.trimEnd()],
  ['both', (text) => text.trimEnd().replaceAll('\n', '\r\n')],
];
for (const [what, mangle] of mangled) {
  await t.test(`signs in with a credentials file with ${what}`, { skip: withoutNatsServer }, async (t) => {
    const user = createNatsUser();
    await using server = await startRealNatsServer({ configuration: user.serverConfiguration });
    const file = join(server.folder, 'user.creds');
    await writeFile(file, mangle(user.credentials));
    await using sender = publisherTo(`${server.url}?credentials=${encodeURIComponent(file)}`);
    sender.put('web');
    await sender.emptied();
    t.equal(sender.logged('NATS cannot be reached, will retry').length, 0);
  });

  await t.test(`connects by TLS with PEM files with ${what}`, { skip: withoutNatsServer }, async (t) => {
    await using certificate = await makeCertificate();
    const { certFile, keyFile } = certificate;
    const tls = `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${certFile}", verify: true }`;
    await using server = await startRealNatsServer({ configuration: tls });
    const copies = await Promise.all(
      Object.entries({ ca: certFile, cert: certFile, key: keyFile }).map(async ([name, file]) => {
        const copy = join(server.folder, `${name}.pem`);
        await writeFile(copy, mangle(await readFile(file, 'utf8')));
        return `${name}=${encodeURIComponent(copy)}`;
      }),
    );
    await using sender = publisherTo(`tls://127.0.0.1:${server.port}?${copies.join('&')}`);
    sender.put('web');
    await sender.emptied();
    t.equal(sender.logged('NATS cannot be reached, will retry').length, 0);
  });
}

await t.test(
  'goes on with a credentials file that was renewed, when the server no longer takes the old one',
  { skip: withoutNatsServer },
  async (t) => {
    const user = createNatsUser();
    await using server = await startRealNatsServer({ configuration: user.serverConfiguration });
    const file = join(server.folder, 'user.creds');
    await writeFile(file, user.credentialsFor(5));
    await using sender = publisherTo(`${server.url}?credentials=${encodeURIComponent(file)}`);
    sender.put('web');
    await sender.emptied();
    // As a rotation does: before the old one expires, while the connection is open.
    await writeFile(file, user.credentials);
    await until('the server ends the connection', () => {
      return sender.logged('lost the connection to NATS, will reconnect').length === 1;
    });
    sender.put('web-2');
    await sender.emptied();
    t.equal(sender.logged('connected to NATS').length, 2);
    t.equal(sender.logged('NATS cannot be reached, will retry').length, 0, 'at the first try');
  },
);

await t.test(
  'connects by TLS, and not to a server of another authority or none',
  { skip: withoutNatsServer },
  async (t) => {
    await using certificate = await makeCertificate();
    await using other = await makeCertificate();
    const configuration = `tls { cert_file: "${certificate.certFile}", key_file: "${certificate.keyFile}" }`;
    await using server = await startRealNatsServer({ configuration });
    const address = `127.0.0.1:${server.port}`;
    await using sender = publisherTo(`tls://${address}?ca=${encodeURIComponent(certificate.certFile)}`);
    await using untrusting = publisherTo(`tls://${address}?ca=${encodeURIComponent(other.certFile)}`);
    await using upgraded = publisherTo(`nats://${address}`);
    sender.put('web');
    untrusting.put('web');
    upgraded.put('web');
    await sender.emptied();
    for (const { logged } of [untrusting, upgraded]) {
      await until('it was refused', () => logged('NATS cannot be reached, will retry').length > 0);
    }
    t.equal(untrusting.sending.size, 1);
    t.equal(upgraded.sending.size, 1);
    await using plain = await startRealNatsServer();
    await using demanding = publisherTo(plain.url.replace('nats:', 'tls:'));
    demanding.put('web');
    await until('it was refused', () => demanding.logged('NATS cannot be reached, will retry').length > 0);
    t.equal(demanding.sending.size, 1, 'never in plain text');
  },
);

await t.test(
  'connects to a server that wants the TLS handshake first where it is told to, and says so where it is not',
  { skip: withoutNatsServerSince(2, 10) },
  async (t) => {
    await using certificate = await makeCertificate();
    await using other = await makeCertificate();
    const { certFile, keyFile } = certificate;
    const files = `cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${certFile}"`;
    const configuration = `tls { ${files}, verify: true, handshake_first: true }`;
    await using server = await startRealNatsServer({ configuration, tlsFirst: true });
    const url = (query: Record<string, string>) =>
      `tls://127.0.0.1:${server.port}?${String(new URLSearchParams(query))}`;
    const trusted = { ca: certFile, cert: certFile, key: keyFile };
    await using sender = publisherTo(url({ ...trusted, tls_first: 'true' }));
    sender.put('web');
    await sender.emptied();
    t.equal(sender.logged('NATS cannot be reached, will retry').length, 0);
    const refused: [query: Record<string, string>, reason: RegExp][] = [
      [trusted, /does not answer, or wants the TLS handshake first \(tls_first=true\)$/],
      [{ ...trusted, ca: other.certFile, tls_first: 'true' }, /self-signed certificate/],
      [{ ca: certFile, tls_first: 'true' }, /certificate required|bad certificate|closed the connection/],
    ];
    for (const [query, reason] of refused) {
      await using refusedSender = publisherTo(url(query), { answerTimeoutMs: 500 });
      const failures = () => refusedSender.logged('NATS cannot be reached, will retry');
      await until('it was refused', () => failures().length > 0);
      t.match(failures()[0], { err: { message: reason } });
    }
  },
);

await t.test('never says the name of a user to a server that does not begin with the TLS handshake', async (t) => {
  await using server = await startCoreNatsServer();
  await using sender = publisherTo(`tls://user:secret@127.0.0.1:${server.port}?tls_first=true`);
  sender.put('web');
  await until('it was refused', () => sender.logged('NATS cannot be reached, will retry').length > 0);
  t.match(sender.logged('NATS cannot be reached, will retry')[0], { err: { code: /SSL|EPROTO/ } });
  t.equal(sender.sending.size, 1);
});

const greeting = `INFO ${JSON.stringify({ server_id: 'x', version: '2.10.0', proto: 1, headers: true, max_payload: 1_048_576, tls_required: true })}\r\n`;

for (const [what, first] of [
  ['says nothing', ''],
  ['never ends the TLS handshake', greeting],
] as const)
  await t.test(`keeps no socket of a server that accepts connections and ${what}`, async (t) => {
    const open = new Set<Socket>();
    const mute = createServer((socket) => {
      open.add(socket);
      socket.write(first);
      socket
        .on('close', () => open.delete(socket))
        .on('error', () => undefined)
        .resume();
    }).listen(0, '127.0.0.1');
    t.teardown(() => mute.close());
    await once(mute, 'listening');
    await using sender = publisherTo(`nats://127.0.0.1:${(mute.address() as AddressInfo).port}`, {
      answerTimeoutMs: 300,
    });
    await until('it was tried', () => open.size > 0);
    await until('it was given up', () => sender.logged('NATS cannot be reached, will retry').length > 0);
    t.match(sender.logged('NATS cannot be reached, will retry')[0], { err: { message: /does not answer$/ } });
    await sender[Symbol.asyncDispose]();
    await until('the socket is closed', () => open.size === 0);
  });

await t.test('says of another server that it is not NATS', async (t) => {
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
  t.teardown(() => web.close());
  await once(web, 'listening');
  await using sender = publisherTo(`nats://127.0.0.1:${(web.address() as AddressInfo).port}`);
  await until('it was tried', () => sender.logged('NATS cannot be reached, will retry').length > 0);
  t.match(sender.logged('NATS cannot be reached, will retry')[0], { err: { message: /is not a NATS server$/ } });
});

await t.test('stops at any time', async (t) => {
  const sender = publisherTo(`nats://127.0.0.1:${await findFreePort()}`);
  await sender[Symbol.asyncDispose]();
  await t.rejects(sender.publisher.publish({ id: randomUUID(), contentType: 'text/plain', body: '' }));
  await using server = await startCoreNatsServer();
  for (const wait of [0, 1, 5]) {
    const early = publisherTo(server.url);
    await new Promise((resolve) => setTimeout(resolve, wait));
    await early[Symbol.asyncDispose]();
    t.notOk(early.publisher.connected);
  }
});
