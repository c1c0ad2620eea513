/** Numbers come back as they were written where the document says nothing of them, and are judged as numbers elsewhere. */
import t from 'tap';
import type { Test } from 'tap';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { openRaw, sendRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';
import { until } from '../support/until.ts';

const resources = '"resources":{"cpu":{"min":1,"max":2.0},"memory":{"min":"1MB","max":"1MB"}}';

/** A spec in which `members` stand last. */
function specWith(members: string): string {
  return `{"service_type":"container","metadata":{"name":"web"},"image":{"reference":"a"},${resources},${members}}`;
}

function create(server: HttpServer, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return conformingFetch(`${server.url}/api/v1alpha1/containers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

async function pointersOf(response: Response): Promise<string[]> {
  const { errors = [] } = (await response.json()) as { errors?: { pointer: string }[] };
  return errors.map(({ pointer }) => pointer);
}

t.test('numbers of which nothing is known come back as they were written', async (t) => {
  await using server = await startHttpServer();
  const unknown = '"x":[12345678901234567890,1.0,1e400,-0,{"y":0.10}],"provider_hints":{"other":1E2,"kubernetes":2.50}';
  const response = await create(server, `{"id":1.0,"spec":${specWith(unknown)},"x":1.0}`);
  t.equal(response.status, 201);
  const text = await response.text();
  t.match(text, unknown);
  t.match(text, '"cpu":{"min":1,"max":2}', 'but those that are known are numbers');
  t.notMatch(text, '1.0}', 'what stands beside the spec is dropped');
  t.notOk(server.logLines.some(({ hints }) => hints !== undefined));
});

t.test('numbers of which something is known are those that they were before', async (t) => {
  await using server = await startHttpServer();
  const hints = '"provider_hints":{"kubernetes":{"termination_grace_period_seconds":3e1}}';
  const ports = '"network":{"ports":[{"container_port":8080.0,"visibility":"none","x":1.0}],"ip":1.0}';
  const text = await (await create(server, `{"spec":${specWith(`${hints},${ports}`)}}`)).text();
  t.match(text, '"termination_grace_period_seconds":30}');
  t.match(text, '"ports":[{"container_port":8080,"visibility":"none","x":1.0}]}');
});

t.test('numbers are refused where they were before', async (t) => {
  await using server = await startHttpServer();
  for (const [members, ...pointers] of [
    ['"process":1.0', '/spec/process'],
    ['"network":1e400', '/spec/network'],
    ['"provider_hints":-0', '/spec/provider_hints'],
    ['"x":1.0,"process":{"env":[{"name":"A","value":1.0}]}', '/spec/process/env/0/value'],
    ['"network":{"ports":[{"container_port":1.50,"visibility":"none"}]}', '/spec/network/ports/0/container_port'],
    ['"network":{"ports":[{"container_port":1e400,"visibility":"none"}]}', '/spec/network/ports/0/container_port'],
  ] as const) {
    const response = await create(server, `{"spec":${specWith(members)}}`);
    t.equal(response.status, 400, members);
    t.same(await pointersOf(response), pointers, members);
  }
});

async function refusesDepth(t: Test, name: string, body: string, pointer: string): Promise<void> {
  await using server = await startHttpServer();
  const response = await create(server, body);
  t.equal(response.status, 400, name);
  t.same(await pointersOf(response), [pointer], name);
}

t.test('what is nested too deeply is refused, wherever it is', async (t) => {
  const nested = `${'['.repeat(20_000)}1.0${']'.repeat(20_000)}`;
  await refusesDepth(t, 'in the spec', `{"spec":${specWith(`"x":${nested}`)}}`, '/spec/x');
  await refusesDepth(t, 'beside it', `{"spec":${specWith('"x":1')},"x/":${nested}}`, '/x~1');
});

t.test('requests that differ in the last digit of a number are two', async (t) => {
  await using server = await startHttpServer();
  const send = (number: string) =>
    create(server, `{"spec":${specWith(`"x":${number}`)}}`, { 'idempotency-key': 'order-7' });
  t.equal((await send('12345678901234567890')).status, 201);
  t.equal((await send('12345678901234567890')).headers.get('idempotency-replayed'), 'true');
  t.equal((await send('12345678901234567891')).status, 422);
});

t.test('health is answered between bodies full of numbers that must be read exactly', async (t) => {
  await using server = await startHttpServer();
  using stack = new DisposableStack();
  let begun = 0;
  server.repository.intercept = (method) => void (begun += Number(method === 'create'));
  const body = `{"spec":${specWith(`"x":[${'1.0,'.repeat(48_000)}1.0]`)}}`;
  const head = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const connections = await Promise.all(Array.from({ length: 16 }, () => openRaw(server.port)));
  for (const connection of connections) {
    stack.use(connection);
    connection.write(`POST /api/v1alpha1/containers HTTP/1.1\r\n${head}${body.slice(0, -1)}`);
  }
  await until('all but the last bytes have arrived', () =>
    server.connections().every(({ bytesRead }) => bytesRead > body.length),
  );
  for (const connection of connections) connection.write('}');
  const { status } = await sendRaw(server.port, 'GET /api/v1alpha1/containers/health HTTP/1.1\r\nHost: x\r\n\r\n');
  t.equal(status, 200);
  t.ok(begun < connections.length / 2, `${begun} were read before`);
  await until('all are created', () => server.repository.containers.size === connections.length);
});
