/** The end of the listener: what is under way is answered, what is new is refused, and it is in time whatever clients do. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import t from 'tap';
import { createHttpServer } from '../../../src/http/server/listener.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { containerSpec, openRaw, startHttpServer } from '../../support/http.ts';
import type { RawAnswer } from '../../support/http.ts';
import { until } from '../../support/until.ts';

const base = '/api/v1alpha1/containers';
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
/** Long enough to show that an end did not wait for it. */
const longMs = 60_000;

/** A server that is closing while a list is under way on a connection; `release` lets it be answered. */
async function closeDuringList() {
  const server = await startHttpServer();
  const held = Promise.withResolvers<undefined>();
  server.repository.intercept = () => held.promise;
  const connection = await openRaw(server.port);
  connection.write(get(base));
  await until('the list has begun', () => server.repository.calls === 1);
  const closed = server.app.close();
  await until('the server takes no connections', () => !server.app.server.listening);
  const release = () => held.resolve(undefined);
  return { server, connection, closed, release, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

t.test('a request in flight is answered, with connection: close, and then close() ends', async (t) => {
  await using closing = await closeDuringList();
  const { connection, closed, release } = closing;
  release();
  const answer = await connection.answer({ path: base });
  t.equal(answer.status, 200);
  t.equal(answer.headers.get('connection'), 'close');
  t.equal(await connection.closed(), '');
  await closed;
});

t.test('a request that arrives meanwhile is refused with 503', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  // The beginning of a request keeps the connection from being idle.
  connection.write(`GET ${base} HTTP/1.1\r\n`);
  await until('the request has begun', () => server.connections().some(({ bytesRead }) => bytesRead > 0));
  const closed = server.app.close();
  await until('the server takes no connections', () => !server.app.server.listening);
  connection.write('Host: localhost\r\n\r\n');
  const answer = await connection.answer({ path: base });
  t.equal(answer.status, 503);
  t.match(answer.problem, { type: 'INTERNAL', detail: 'The provider is stopping.', instance: base });
  t.equal(answer.headers.get('connection'), 'close');
  t.equal(await connection.closed(), '');
  await closed;
  t.equal(server.repository.calls, 0);
});

t.test('a request behind one that is in flight is refused as well', async (t) => {
  await using closing = await closeDuringList();
  const { server, connection, closed, release } = closing;
  connection.write(get(base));
  release();
  t.equal((await connection.answer({ path: base })).status, 200);
  await connection.closed();
  await closed;
  t.equal(server.repository.calls, 1);
});

t.test('connections that are silent or idle are not waited for', async (t) => {
  await using server = await startHttpServer();
  using silent = await openRaw(server.port);
  using idle = await openRaw(server.port);
  idle.write(get(`${base}/health`));
  await idle.answer({ path: `${base}/health` });
  await until('both are connected', () => server.connections().length === 2);
  await server.app.close();
  t.equal(await silent.closed(), '');
  t.equal(await idle.closed(), '');
});

t.test('a connection over TLS on which nothing was asked yet is not waited for', async (t) => {
  await using certificate = await makeCertificate();
  const shaken = Promise.withResolvers<undefined>();
  await using server = await startHttpServer({
    tls: certificate,
    prepare: (app) => app.server.once('secureConnection', () => shaken.resolve(undefined)),
  });
  const silent = connectTls({ host: '127.0.0.1', port: server.port, ca: await readFile(certificate.certFile) });
  t.teardown(() => silent.destroy());
  await Promise.all([once(silent, 'secureConnect'), shaken.promise]);
  silent.resume();
  await Promise.all([server.app.close(), once(silent, 'close')]);
});

t.test('a handshake that never ends is not waited for', async (t) => {
  await using certificate = await makeCertificate();
  await using server = await startHttpServer({ timeouts: { readMs: longMs }, tls: certificate });
  using half = await openRaw(server.port);
  // The head of a record that announces more than ever comes.
  half.write('\x16\x03\x01\x02\x00\x01');
  await until('it has begun', () => server.connections().some(({ bytesRead }) => bytesRead > 0));
  const startedAt = performance.now();
  await server.app.close();
  t.ok(performance.now() - startedAt < longMs / 2);
  t.equal(await half.closed(), '');
});

t.test('a client that was refused and keeps its side of the connection open is not waited for', async (t) => {
  const refused = ['CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n', 'NO HTTP AT ALL\r\n\r\n'];
  for (const request of refused) {
    await using server = await startHttpServer();
    const socket = connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.resume().write(request);
    await once(socket, 'end');
    const startedAt = performance.now();
    await server.app.close();
    const tookMs = performance.now() - startedAt;
    t.ok(tookMs < longMs / 2, `${request.slice(0, 7)}: ${tookMs} ms`);
  }
});

t.test('an answer that is read slowly is sent whole', async (t) => {
  await using server = await startHttpServer();
  // Far more than the buffers of a connection take.
  const note = 'x'.repeat(32 * 1024 * 1024);
  await server.repository.create(
    { id: 'web', spec: { ...containerSpec(), note } },
    { signal: new AbortController().signal },
  );
  const socket = connect({ host: '127.0.0.1', port: server.port });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(get(`${base}/web`));
  let received = ((await once(socket, 'data')) as [Buffer])[0].length;
  socket.pause();
  const closed = server.app.close();
  await until('the server takes no connections', () => !server.app.server.listening);
  socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await once(socket, 'close');
  t.ok(received > note.length, `${received} of more than ${note.length} bytes`);
  await closed;
});

t.test('clients that are busy on kept-alive connections are told to leave, and none is cut off', async (t) => {
  await using server = await startHttpServer();
  const path = `${base}/health`;
  const answered = new Set<number>();
  const lastAnswer = async (client: number): Promise<RawAnswer> => {
    using connection = await openRaw(server.port);
    for (;;) {
      connection.write(get(path));
      const answer = await connection.answer({ path });
      answered.add(client);
      if (answer.headers.get('connection') === 'close') return answer;
    }
  };
  const last = Promise.allSettled(Array.from({ length: 40 }, (_, client) => lastAnswer(client)));
  await until('all are busy', () => answered.size === 40);
  await server.app.close();
  const ends = (await last).map((end) => (end.status === 'fulfilled' ? 'told' : String(end.reason)));
  t.strictSame(ends, Array(40).fill('told'));
});

t.test('what is left is cut at the deadline', async (t) => {
  await using server = await startHttpServer();
  let aborted = false;
  server.repository.intercept = (_method, { signal }) =>
    new Promise(() => signal.addEventListener('abort', () => (aborted = true)));
  using hanging = await openRaw(server.port);
  using slow = await openRaw(server.port);
  hanging.write(get(base));
  slow.write('GET / HT');
  await until(
    'both requests have begun',
    () => server.repository.calls === 1 && server.connections().every(({ bytesRead }) => bytesRead > 0),
  );
  const part = createHttpServer({ app: server.app, address: { host: '', port: 0 }, log: pino({ enabled: false }) });
  const startedAt = performance.now();
  await part.stop(AbortSignal.timeout(300));
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs < 5_000, `${tookMs} ms`);
  t.equal(await hanging.closed(), '');
  t.equal(await slow.closed(), '');
  await until('the signal is aborted', () => aborted);
});

t.test('an application that never listened can be closed', async (t) => {
  const server = await startHttpServer({ listen: false });
  await server.app.close();
  t.pass();
});
