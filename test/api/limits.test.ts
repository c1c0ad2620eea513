/** No client and no handler holds a connection for longer than the limits say. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { containerSpec, openRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';
import { until } from '../support/until.ts';

const base = '/api/v1alpha1/containers';
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

async function lineOf(server: HttpServer, message: string): Promise<Record<string, unknown>> {
  const find = () => server.logLines.find(({ msg }) => msg === message);
  await until(`the log says "${message}"`, () => find() !== undefined);
  return find()!;
}

/** Makes reads wait until they are aborted, and tells with what reason they were. */
function hangUntilAborted(server: HttpServer): Promise<unknown> {
  return new Promise((resolve) => {
    server.repository.intercept = (_method, { signal }) =>
      new Promise((_, reject) => {
        const abort = () => {
          resolve(signal.reason);
          reject(signal.reason as Error);
        };
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort);
      });
  });
}

t.test('a handler that takes too long is answered 503, and its signal is aborted', async (t) => {
  await using server = await startHttpServer({ timeouts: { requestMs: 100 } });
  const aborted = hangUntilAborted(server);
  const answer = await server.client.GET('/containers/{container_id}', { params: { path: { container_id: 'web-1' } } });
  t.equal(answer.response.status, 503);
  t.match(answer.error, { type: 'INTERNAL', detail: 'The time for the request is up.' });
  t.match(await aborted, { message: 'The time for the request is up.' });
  t.notOk(
    server.logLines.some(({ level }) => level === 50),
    'the end of the handler is no error',
  );
});

t.test('a handler that never looks at its signal is answered 503 all the same', async (t) => {
  await using server = await startHttpServer({ timeouts: { requestMs: 100 } });
  const end = Promise.withResolvers<undefined>();
  server.repository.intercept = () => end.promise;
  const { response } = await server.client.GET('/containers');
  t.equal(response.status, 503);
  // What it answers later is dropped, and does no harm.
  end.resolve(undefined);
  server.repository.intercept = () => undefined;
  t.equal((await server.client.GET('/containers')).response.status, 200);
  t.notOk(server.logLines.some(({ level }) => level === 50));
});

t.test("a client that leaves aborts its handler's signal, and is logged, not as an error", async (t) => {
  await using server = await startHttpServer();
  const aborted = hangUntilAborted(server);
  using connection = await openRaw(server.port);
  connection.write(get(`${base}/web-1`));
  await until('the read has begun', () => server.repository.calls > 0);
  connection.socket.destroy();
  t.match(await aborted, { message: 'the client left' });
  const line = await lineOf(server, 'request aborted');
  t.match(line, { level: 30, method: 'GET', path: `${base}/web-1`, aborted: true });
  t.notOk(server.logLines.some(({ level }) => Number(level) > 30));
});

t.test('a client that leaves within its body is no error', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  connection.write(
    `POST ${base} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"spec"`,
  );
  await until('the request has begun', () => server.connections().some(({ bytesRead }) => bytesRead > 0));
  connection.socket.end();
  await connection.closed();
  await until('the request is logged', () => server.logLines.length > 0);
  t.notOk(
    server.logLines.some(({ level }) => Number(level) > 30),
    JSON.stringify(server.logLines),
  );
});

t.test('headers that come too slowly are answered 408', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 200 } });
  using connection = await openRaw(server.port);
  connection.write(`GET ${base} HTTP/1.1\r\nHost: loc`);
  t.equal((await connection.answer()).status, 408);
  t.equal(await connection.closed(), '');
});

t.test('a body that comes too slowly is answered 408, with the URI and the id of its request', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 200 } });
  using connection = await openRaw(server.port);
  const headers = 'Host: a\r\nX-Request-Id: slow-1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n';
  connection.write(`POST ${base}?id=a HTTP/1.1\r\n${headers}\r\n{"spec"`);
  const answer = await connection.answer({ method: 'POST', path: base });
  t.equal(answer.status, 408);
  t.equal(answer.problem.instance, `${base}?id=a`);
  t.equal(answer.headers.get('x-request-id'), 'slow-1');
  t.equal(await connection.closed(), '');
});

t.test('a body that comes too slowly has one id in its answer and in all its lines', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 200 } });
  using connection = await openRaw(server.port);
  connection.write(`POST ${base} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`);
  const answer = await connection.answer({ method: 'POST', path: base });
  await until('both lines are there', () => server.logLines.length === 2);
  const id = answer.headers.get('x-request-id');
  t.match(server.logLines, [
    { msg: 'request could not be read', requestId: id },
    { msg: 'request aborted', requestId: id },
  ]);
});

t.test('a connection on which nothing comes is closed', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 200 } });
  using connection = await openRaw(server.port);
  t.equal((await connection.answer()).status, 408);
  t.equal(await connection.closed(), '');
});

t.test('a connection that is kept alive and not used is closed', async (t) => {
  await using server = await startHttpServer({ timeouts: { idleMs: 100 } });
  using connection = await openRaw(server.port);
  connection.write(get(`${base}/health`));
  t.equal((await connection.answer({ path: `${base}/health` })).status, 200);
  t.equal(await connection.closed(), '');
});

t.test('a client that does not take its answer is cut off', async (t) => {
  await using server = await startHttpServer({ timeouts: { writeMs: 200 } });
  // More than the buffers of both ends of the connection hold.
  const spec = containerSpec({ provider_hints: { large: 'x'.repeat(200_000) } });
  for (let index = 0; index < 200; index++) {
    await server.repository.create({ id: `c${index}`, spec }, { signal: AbortSignal.timeout(5_000) });
  }
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(get(`${base}?max_page_size=1000`));
  const line = await lineOf(server, 'request aborted');
  t.match(line, { path: base, aborted: true });
  socket.destroy();
});

t.test('a body that is too large or of no use is read to its end, so that its client sees the answer', async (t) => {
  await using server = await startHttpServer();
  for (const [type, status] of [
    ['application/json', 413],
    ['text/plain', 415],
  ] as const) {
    using connection = await openRaw(server.port);
    const body = 'x'.repeat(4_000_000);
    connection.write(`POST ${base} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\n`);
    connection.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    t.equal((await connection.answer({ method: 'POST', path: base })).status, status);
    connection.write(get(`${base}/health`));
    t.equal((await connection.answer({ path: `${base}/health` })).status, 200);
  }
});

t.test('a client that was refused and keeps its side of the connection open is cut off', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 300 } });
  for (const refused of ['CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n', 'NO HTTP AT ALL\r\n\r\n']) {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.resume().write(refused);
    await once(socket, 'end');
    await until('the server has let go of it', () => server.connections().length === 0);
    t.pass(refused.slice(0, 7));
  }
});

t.test('a request that was answered before its body came is not answered again when the body never does', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 200 } });
  using connection = await openRaw(server.port);
  connection.write(`PUT ${base} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n`);
  t.equal((await connection.answer({ method: 'PUT', path: base })).status, 405);
  t.equal(await connection.closed(), '');
});
