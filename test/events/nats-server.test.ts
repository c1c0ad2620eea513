import { connect as openSocket } from 'node:net';
import type { NatsError } from 'nats';
import { connect, headers, StringCodec } from 'nats';
import t from 'tap';
import { isLiteral, isSubject, matches } from '../../scripts/sandbox/nats/subjects.ts';
import { startNatsServer as startSandboxServer } from '../../scripts/sandbox/nats/start.ts';
import { startCoreNatsServer, startRealNatsServer, withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { until } from '../support/until.ts';

const { encode, decode } = StringCodec();

const servers = [
  { name: 'nats-server', start: startRealNatsServer, skip: withoutNatsServer },
  { name: 'the small server', start: startCoreNatsServer, skip: false as const },
];

for (const { name, start, skip } of servers) {
  await t.test(`${name} delivers what is published to those who subscribed`, { skip }, async (t) => {
    await using server = await start();
    await using receiver = await clientOf(server.url);
    await using sender = await clientOf(server.url);
    const received: string[] = [];
    for (const pattern of ['a.b', 'a.*', 'a.>', '>', 'a', 'b.*']) {
      receiver.subscribe(pattern, { callback: (_, { data }) => received.push(`${pattern} ${decode(data)}`) });
    }
    await receiver.flush();
    sender.publish('a.b', encode('1'));
    sender.publish('a.b.c', encode('2'));
    sender.publish('a', encode('3'));
    await sender.flush();
    await receiver.flush();
    t.strictSame(received.sort(), ['> 1', '> 2', '> 3', 'a 3', 'a.* 1', 'a.> 1', 'a.> 2', 'a.b 1']);
  });

  await t.test(`${name} keeps headers, empty payloads and the order`, { skip }, async (t) => {
    await using server = await start();
    await using client = await clientOf(server.url);
    const received: [string, string | undefined][] = [];
    client.subscribe('a', {
      callback: (_, message) => received.push([decode(message.data), message.headers?.get('x')]),
    });
    const withHeader = headers();
    withHeader.set('x', 'y');
    client.publish('a', encode('1'), { headers: withHeader });
    client.publish('a');
    client.publish('a', encode('ü\r\nPING\r\n'), { headers: withHeader });
    for (let count = 0; count < 2_000; count++) client.publish('a', encode(String(count).repeat(100)));
    await client.flush();
    t.strictSame(received.slice(0, 3), [
      ['1', 'y'],
      ['', undefined],
      ['ü\r\nPING\r\n', 'y'],
    ]);
    t.strictSame(
      received.slice(3).map(([data]) => data),
      Array.from({ length: 2_000 }, (_, count) => String(count).repeat(100)),
    );
  });

  await t.test(`${name} gives a queue group each message once`, { skip }, async (t) => {
    await using server = await start();
    await using client = await clientOf(server.url);
    const received: string[] = [];
    for (let member = 0; member < 3; member++) {
      client.subscribe('work', { queue: 'group', callback: (_, { data }) => received.push(decode(data)) });
    }
    for (let task = 0; task < 30; task++) client.publish('work', encode(String(task)));
    await client.flush();
    t.equal(received.length, 30);
    t.equal(new Set(received).size, 30);
  });

  await t.test(`${name} answers requests, and says when nobody listens`, { skip }, async (t) => {
    await using server = await start();
    await using client = await clientOf(server.url);
    client.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
    t.equal(decode((await client.request('echo', encode('hello'))).data), 'hello');
    t.equal(decode((await client.request('echo', encode('hello'), { noMux: true, timeout: 5_000 })).data), 'hello');
    await t.rejects(client.request('nobody', encode('hello'), { timeout: 5_000 }), { code: '503' });
  });

  await t.test(`${name} ends subscriptions, at once or after some messages`, { skip }, async (t) => {
    await using server = await start();
    await using client = await clientOf(server.url);
    const received: string[] = [];
    const callback = (_: NatsError | null, { subject }: { subject: string }) => void received.push(subject);
    client.subscribe('twice', { callback }).unsubscribe(2);
    const ended = client.subscribe('ended', { callback });
    client.publish('ended');
    await client.flush();
    ended.unsubscribe();
    for (let count = 0; count < 5; count++) {
      client.publish('twice');
      client.publish('ended');
    }
    await client.flush();
    t.strictSame(received, ['ended', 'twice', 'twice']);
  });

  await t.test(`${name} cuts off what breaks the protocol, and serves on`, { skip }, async (t) => {
    await using server = await start();
    t.match(await sent(server.port, 'NONSENSE\r\n'), /-ERR 'Unknown Protocol Operation'/);
    t.match(await sent(server.port, 'CONNECT {}\r\nPUB a 99999999\r\n'), /-ERR 'Maximum Payload Violation'/);
    t.match(
      await sent(server.port, `CONNECT {}\r\nSUB ${'a'.repeat(5_000)}`),
      /-ERR '(?:Maximum Control Line|maximum control line)/i,
    );
    await using client = await clientOf(server.url);
    await client.flush();
  });

  await t.test(`${name} takes commands in pieces of any size`, { skip }, async (t) => {
    await using server = await start();
    await using client = await clientOf(server.url);
    const received: string[] = [];
    client.subscribe('a', { callback: (_, { data }) => received.push(decode(data)) });
    await client.flush();
    const socket = openSocket(server.port, '127.0.0.1').setNoDelay();
    socket.on('error', () => undefined);
    for (const byte of 'CONNECT {"verbose":false}\r\nPUB a 5\r\nhello\r\npub a 0\r\n\r\nPING\r\n') {
      await new Promise<unknown>((resolve) => socket.write(byte, resolve));
    }
    await until('both messages are there', () => received.length === 2);
    t.strictSame(received, ['hello', '']);
    socket.destroy();
  });

  await t.test(`${name} says when its port is taken`, { skip }, async (t) => {
    await using server = await start();
    await t.rejects(start({ port: server.port }), { message: /address already in use/ });
  });
}

await t.test('the sandbox starts whichever server there is', async (t) => {
  await using server = await startSandboxServer();
  await using client = await clientOf(server.url);
  await client.flush();
  t.match(server.description, withoutNatsServer === false ? /^nats-server$/ : /not installed/);
});

await t.test('subjects', (t) => {
  for (const [pattern, subject, expected] of [
    ['a.b', 'a.b', true],
    ['a.*', 'a.b', true],
    ['*.b', 'a.b', true],
    ['*', 'a.b', false],
    ['>', 'a.b', true],
    ['a.>', 'a', false],
    ['a.>', 'a.b.c', true],
    ['a.>.c', 'a.b.c', false],
    ['a.b.c', 'a.b', false],
    ['a.b', 'a.b.c', false],
  ] as const) {
    t.equal(matches(pattern, subject), expected, `${pattern} ${expected ? 'matches' : 'does not match'} ${subject}`);
  }
  t.ok(isSubject('a.*.>') && isLiteral('a.b') && !isLiteral('a.*') && !isSubject('a..b') && !isSubject(''));
  t.end();
});

async function clientOf(url: string) {
  const connection = await connect({ servers: url, reconnect: false });
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

/** All that the server says to these bytes until it closes the connection. */
async function sent(port: number, bytes: string): Promise<string> {
  const socket = openSocket(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}
