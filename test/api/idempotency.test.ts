/** `Idempotency-Key` and `validate_only` over HTTP. */
import t from 'tap';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpec, sendRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';

const base = '/api/v1alpha1/containers';

/** With header lines that client libraries would put together. */
function sendCreate(server: HttpServer, path: string, lines: string[]) {
  const body = JSON.stringify({ spec: containerSpec() });
  const headers = ['Host: localhost', 'Content-Type: application/json', `Content-Length: ${body.length}`, ...lines];
  return sendRaw(server.port, `POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}

function post(
  server: HttpServer,
  keys: string[],
  { query = '', spec = containerSpec() }: { query?: string; spec?: object } = {},
) {
  const headers = new Headers({ 'content-type': 'application/json' });
  for (const key of keys) headers.append('idempotency-key', key);
  const init = { method: 'POST', headers, body: JSON.stringify({ spec }) };
  return conformingFetch(`${server.url}/api/v1alpha1/containers${query}`, init);
}

t.test('the same request with the same key gets the same container, and is told so', async (t) => {
  await using server = await startHttpServer();
  const first = await post(server, ['order-7']);
  t.match([first.status, first.headers.get('idempotency-replayed')], [201, null]);
  const made = await first.json();
  for (const key of ['order-7', '"order-7"']) {
    const again = await post(server, [key]);
    t.match([again.status, again.headers.get('idempotency-replayed')], [201, 'true']);
    t.same(await again.json(), made);
  }
  const other = await post(server, ['order-7'], { spec: { ...containerSpec(), image: { reference: 'other' } } });
  t.equal(other.status, 422);
  t.match(await other.json(), { type: 'INVALID_ARGUMENT', status: 422 });
});

t.test('what is no key is refused, and nothing is made', async (t) => {
  await using server = await startHttpServer();
  for (const keys of [[''], ['""'], ['"open'], ['k'.repeat(256)]]) {
    const answer = await post(server, keys);
    t.equal(answer.status, 400, JSON.stringify(keys));
    t.match(await answer.json(), { errors: [{ parameter: 'Idempotency-Key' }] });
  }
  t.equal(server.repository.containers.size, 0);
});

t.test('a key that is given twice is refused', async (t) => {
  await using server = await startHttpServer();
  const answer = await sendCreate(server, `${base}?id=web`, ['Idempotency-Key: a', 'Idempotency-Key: a']);
  t.equal(answer.status, 400);
  t.strictSame(answer.problem.errors, [{ detail: 'must be given once', parameter: 'Idempotency-Key' }]);
  t.equal(server.repository.containers.size, 0);
});

t.test('with validate_only nothing is made, and a key is ignored', async (t) => {
  await using server = await startHttpServer();
  for (const lines of [['Idempotency-Key: "open'], ['Idempotency-Key: a', 'Idempotency-Key: b']]) {
    const answer = await sendCreate(server, `${base}?id=web&validate_only=true`, lines);
    t.equal(answer.status, 200, lines.join());
    t.match(JSON.parse(answer.body), { id: 'web', status: 'PENDING' });
  }
  t.equal(server.repository.containers.size, 0);
  t.equal((await post(server, [], { query: '?id=web&validate_only=false' })).status, 201);
  t.equal((await post(server, [], { query: '?id=web&validate_only=true' })).status, 409);
  t.equal((await post(server, [], { query: '?validate_only=yes' })).status, 400);
  t.equal((await post(server, [], { query: '?validate_only=true', spec: {} })).status, 400);
});

t.test('a delete with a key is answered 204 where there is nothing, and one without 404', async (t) => {
  await using server = await startHttpServer();
  const remove = (headers: Record<string, string>) =>
    conformingFetch(`${server.url}${base}/web`, { method: 'DELETE', headers });
  t.equal((await remove({ 'idempotency-key': 'k' })).status, 204);
  t.equal((await remove({})).status, 404);
  await post(server, [], { query: '?id=web' });
  t.equal((await remove({ 'idempotency-key': 'k' })).status, 204);
  t.equal((await remove({ 'idempotency-key': '"k"' })).status, 204);
  await post(server, [], { query: '?id=web' });
  t.equal((await remove({ 'idempotency-key': '"k"' })).status, 204);
  t.ok(server.repository.containers.has('web'), 'the same key, bare or as a string, leaves what was made anew');
  t.equal((await remove({ 'idempotency-key': 'other' })).status, 204);
  t.notOk(server.repository.containers.has('web'));
});

t.test('a delete with what is no key is refused, and nothing is removed', async (t) => {
  await using server = await startHttpServer();
  await post(server, [], { query: '?id=web' });
  for (const lines of [[''], ['""'], ['"open'], ['k'.repeat(256)], ['a', 'a']]) {
    const headers = ['Host: localhost', ...lines.map((line) => `Idempotency-Key: ${line}`)];
    const answer = await sendRaw(server.port, `DELETE ${base}/web HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
    t.equal(answer.status, 400, JSON.stringify(lines));
    t.match(answer.problem.errors, [{ parameter: 'Idempotency-Key' }]);
  }
  t.ok(server.repository.containers.has('web'));
});
