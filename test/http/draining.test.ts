/** `close()` answers what is under way, refuses what is new, and ends in time whatever clients do. */
import { test } from 'tap';
import { openRaw, startHttpServer } from '../support/http.ts';
import { until } from '../support/until.ts';

const base = '/api/v1alpha1/containers';
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
/** Long enough to show that an end did not wait for it. */
const longMs = 60_000;

test('a request in flight is answered, with connection: close, and then close() ends', async (t) => {
  await using server = await startHttpServer({ timeouts: { shutdownMs: longMs } });
  const held = Promise.withResolvers<undefined>();
  server.repository.intercept = () => held.promise;
  using connection = await openRaw(server.port);
  connection.write(get(base));
  await until('the list has begun', () => server.repository.calls === 1);

  const closed = server.app.close();
  await until('the server takes no connections', () => !server.app.server.listening);
  held.resolve(undefined);
  const answer = await connection.answer({ path: base });
  t.equal(answer.status, 200);
  t.equal(answer.headers.get('connection'), 'close');
  t.equal(await connection.closed(), '');
  await closed;
});

test('a request that arrives meanwhile is refused with 503', async (t) => {
  await using server = await startHttpServer({ timeouts: { shutdownMs: longMs } });
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

test('a request behind one that is in flight is refused as well', async (t) => {
  await using server = await startHttpServer({ timeouts: { shutdownMs: longMs } });
  const held = Promise.withResolvers<undefined>();
  server.repository.intercept = () => held.promise;
  using connection = await openRaw(server.port);
  connection.write(get(base));
  await until('the list has begun', () => server.repository.calls === 1);
  const closed = server.app.close();
  await until('the server takes no connections', () => !server.app.server.listening);
  connection.write(get(base));
  held.resolve(undefined);
  t.equal((await connection.answer({ path: base })).status, 200);
  await connection.closed();
  await closed;
  t.equal(server.repository.calls, 1);
});

test('connections that are silent or idle are not waited for', async (t) => {
  await using server = await startHttpServer({ timeouts: { shutdownMs: longMs } });
  using silent = await openRaw(server.port);
  using idle = await openRaw(server.port);
  idle.write(get(`${base}/health`));
  await idle.answer({ path: `${base}/health` });
  await until('both are connected', () => server.connections().length === 2);
  await server.app.close();
  t.equal(await silent.closed(), '');
  t.equal(await idle.closed(), '');
});

test('what is left is cut before the time is over', async (t) => {
  await using server = await startHttpServer({ timeouts: { shutdownMs: 500 } });
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
  const startedAt = performance.now();
  await server.app.close();
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs < 5_000, `${tookMs} ms`);
  t.equal(await hanging.closed(), '');
  t.equal(await slow.closed(), '');
  await until('the signal is aborted', () => aborted);
});

test('an application that never listened can be closed', async (t) => {
  const server = await startHttpServer({ listen: false });
  await server.app.close();
  t.pass();
});
