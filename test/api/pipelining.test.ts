/** Requests that a client sends without waiting for the answers to those before (RFC 9112, section 9.3.2). */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { makeCertificate } from '../support/certificate.ts';
import { containerSpec, openRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';
import { until } from '../support/until.ts';

const base = '/api/v1alpha1/containers';
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const remove = (path: string) => `DELETE ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

function post(path: string): string {
  const body = JSON.stringify({ spec: containerSpec() });
  const headers = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  return `POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n${body}`;
}

/** Makes every read wait until the test lets it go on. */
function holdReads(server: HttpServer): { release: () => void } {
  const held = Promise.withResolvers<undefined>();
  server.repository.intercept = (method) => (method === 'get' ? held.promise : undefined);
  return { release: () => held.resolve(undefined) };
}

t.test('requests of one connection are handled one after another, in the order in which they came', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  const paths = [`${base}?id=a`, `${base}/a`, `${base}/a`, `${base}?id=a`, `${base}/a`];
  const [create, read, erase, createAgain, readAgain] = paths as [string, string, string, string, string];
  connection.write(post(create) + get(read) + remove(erase) + post(createAgain) + get(readAgain));
  t.equal((await connection.answer({ method: 'POST', path: base })).status, 201);
  t.equal((await connection.answer({ path: `${base}/a` })).status, 200);
  t.equal((await connection.answer({ method: 'DELETE', path: `${base}/a` })).status, 204);
  t.equal((await connection.answer({ method: 'POST', path: base })).status, 201);
  t.equal((await connection.answer({ path: `${base}/a` })).status, 200);
});

t.test('what is behind a request that is not answered yet is not begun', async (t) => {
  await using server = await startHttpServer();
  const hold = holdReads(server);
  using connection = await openRaw(server.port);
  connection.write(get(`${base}/none`).repeat(20));
  await until('the first has begun', () => server.repository.calls > 0);
  using other = await openRaw(server.port);
  other.write(get(`${base}/health`));
  await other.answer({ path: `${base}/health` });
  t.equal(server.repository.calls, 1);
  hold.release();
  for (let index = 0; index < 20; index++) t.equal((await connection.answer({ path: `${base}/none` })).status, 404);
  t.equal(server.repository.calls, 20);
});

t.test('the time of a request runs while it waits for those before it', async (t) => {
  await using server = await startHttpServer({ timeouts: { requestMs: 200 } });
  holdReads(server);
  using connection = await openRaw(server.port);
  connection.write(get(`${base}/none`).repeat(10));
  for (let index = 0; index < 10; index++) {
    const answer = await connection.answer({ path: `${base}/none` });
    t.match([answer.status, answer.headers.get('retry-after')], [503, '5']);
  }
  // Where the first one's time is up a moment before, the second may have its turn.
  t.ok(server.repository.calls <= 2, `${server.repository.calls} were handled`);
  connection.write(get(`${base}/health`));
  t.equal((await connection.answer({ path: `${base}/health` })).status, 200, 'and the connection serves on');
});

t.test('a request that waits for too long, or behind too many, is answered 503 whatever its URL is', async (t) => {
  await using server = await startHttpServer({ timeouts: { requestMs: 500 } });
  holdReads(server);
  const [readable, malformed] = [`${base}/none`, `${base}/%zz`];
  using connection = await openRaw(server.port);
  connection.write(get(readable) + get(malformed));
  using crowd = await openRaw(server.port);
  crowd.write(get(readable) + get(malformed).repeat(33));
  t.equal((await connection.answer({ path: readable })).status, 503);
  t.match(await connection.answer({ path: malformed }), { status: 503, problem: { detail: /time .* is up/ } });
  t.equal((await crowd.answer({ path: readable })).status, 503);
  for (let waiting = 1; waiting <= 32; waiting++) {
    t.match(await crowd.answer({ path: malformed }), { status: 503, problem: { detail: /time .* is up/ } });
  }
  t.match(await crowd.answer({ path: malformed }), { status: 503, problem: { detail: /^Too many requests wait/ } });
  t.equal(server.logLines.filter(({ level }) => level === 50).length, 0);
  connection.write(get(malformed));
  t.equal((await connection.answer({ path: malformed })).status, 400, 'and the connection serves on');
});

t.test('a client that leaves takes with it all that it has asked for', async (t) => {
  await using server = await startHttpServer();
  holdReads(server);
  const connection = await openRaw(server.port);
  connection.write(get(`${base}/none`).repeat(20));
  await until('the first has begun', () => server.repository.calls > 0);
  connection.socket.destroy();
  const aborted = () => server.logLines.filter(({ msg }) => msg === 'request aborted').length;
  await until('all are given up', () => aborted() === 20);
  t.equal(server.repository.calls, 1);
  const startedAt = performance.now();
  await server.app.close();
  t.ok(performance.now() - startedAt < 30_000, 'nothing is waited for');
});

t.test('nothing is begun behind an answer that closes the connection', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  connection.write(`GET ${base}/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n${get(`${base}/none`)}`);
  t.equal((await connection.answer({ path: `${base}/none` })).status, 404);
  t.equal(await connection.closed(), '');
  t.equal(server.repository.calls, 1);
});

const chunked = `POST ${base} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
const unreadable = {
  'a body that breaks off': { text: `${chunked}no length\r\n`, request: { method: 'POST', path: base }, status: 400 },
  'a body that comes too slowly': { text: `${chunked}2\r\n{`, request: { method: 'POST', path: base }, status: 408 },
  'what is no HTTP': { text: 'NO HTTP AT ALL\r\n\r\n', request: {}, status: 400 },
  'a tunnel': { text: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', request: { method: 'CONNECT' }, status: 405 },
};

for (const [name, { text, request, status }] of Object.entries(unreadable)) {
  t.test(`${name} is refused after the answers to what came before it`, async (t) => {
    await using server = await startHttpServer({ timeouts: { readMs: 500 } });
    const hold = holdReads(server);
    using connection = await openRaw(server.port);
    connection.write(get(`${base}/none`).repeat(2) + text);
    await until('the first has begun', () => server.repository.calls > 0);
    const startedAt = performance.now();
    await until('what is wrong has been noticed', () => performance.now() - startedAt > 2_000);
    t.equal(connection.received(), '');
    hold.release();
    for (const _ of [1, 2]) t.equal((await connection.answer({ path: `${base}/none` })).status, 404);
    t.equal((await connection.answer(request)).status, status);
    t.equal(await connection.closed(), '');
  });
}

t.test('a client that leaves after it asked for a tunnel is noticed', async (t) => {
  await using server = await startHttpServer();
  holdReads(server);
  using connection = await openRaw(server.port);
  connection.write(`${get(`${base}/none`)}CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n`);
  await until('the first has begun', () => server.repository.calls > 0);
  connection.socket.destroy();
  await until('it is given up', () => server.logLines.some(({ msg }) => msg === 'request aborted'));
  t.equal(server.connections().length, 0);
});

t.test('what waits when its client leaves is given up by its limits, whatever is wrong with it', async (t) => {
  await using server = await startHttpServer({ timeouts: { requestMs: 200, writeMs: 200 } });
  holdReads(server);
  using connection = await openRaw(server.port);
  connection.write(`${get(`${base}/none`)}${get(`${base}/%zz`)}CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n`);
  await until('the first has begun', () => server.repository.calls > 0);
  connection.socket.destroy();
  const aborted = () => server.logLines.filter(({ msg }) => msg === 'request aborted').length;
  await until('both are given up', () => aborted() === 2);
  t.equal(server.connections().length, 0);
});

t.test('a refusal that waits for the answers before it is not too slow', async (t) => {
  await using server = await startHttpServer({ timeouts: { writeMs: 200 } });
  const hold = holdReads(server);
  using connection = await openRaw(server.port);
  connection.write(get(`${base}/none`).repeat(40));
  const refused = () => server.logLines.filter(({ msg }) => msg === 'request cannot be served now').length;
  await until('those past the limit are refused', () => refused() === 7);
  const startedAt = performance.now();
  await until('the time to write is up', () => performance.now() - startedAt > 1_000);
  hold.release();
  for (let index = 0; index < 40; index++) await connection.answer({ path: `${base}/none` });
  await until('all are logged', () => server.logLines.filter(({ msg }) => msg === 'request').length === 40);
  t.notOk(server.logLines.some(({ msg }) => msg === 'request aborted'));
});

for (const tls of [false, true]) {
  t.test(`of a flood behind one request little is taken in, over ${tls ? 'TLS' : 'TCP'}`, async (t) => {
    await using certificate = await makeCertificate();
    await using server = await startHttpServer(tls ? { tls: certificate } : {});
    const hold = holdReads(server);
    using connection = await openRaw(server.port, tls ? { ca: await readFile(certificate.certFile) } : {});
    const count = 200_000;
    connection.write(get(`${base}/none`));
    await until('the first has begun', () => server.repository.calls > 0);
    connection.write(get(`${base}/none`).repeat(count));
    const bytesRead = () => server.connections().reduce((sum, socket) => sum + socket.bytesRead, 0);
    let last = { bytes: -1, at: 0 };
    // Over TLS nothing shows that reading has stopped, but that the bytes have been the same for a while.
    await until('nothing more is read', () => {
      const bytes = bytesRead();
      if (bytes !== last.bytes) last = { bytes, at: performance.now() };
      return performance.now() - last.at > 200;
    });
    t.ok(bytesRead() < 1024 * 1024, `${bytesRead()} bytes`);
    hold.release();
    // Node 24 does not take up reading again over TLS: it ends the connection.
    if (tls) return;
    const statuses: number[] = [];
    while (statuses.length < 2_000) {
      const { status, headers } = await connection.answer({ path: `${base}/none` });
      if (status === 503) t.equal(headers.get('retry-after'), '5');
      statuses.push(status);
    }
    t.strictSame(statuses.slice(0, 33), Array(33).fill(404));
    t.strictSame([...new Set(statuses)].sort(), [404, 503]);
  });
}
