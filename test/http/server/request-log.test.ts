/** What the log says of each request: the container that it is about, and who called. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { UnavailableError } from '../../../src/containers/errors.ts';
import { holderOf } from '../../../src/http/server/request-log.ts';
import { conformingFetch } from '../../../scripts/contract/conformance.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { containerSpec, startHttpServer } from '../../support/http.ts';
import type { HttpServer } from '../../support/http.ts';
import { startOpenIdProvider } from '../../support/openid-provider.ts';
import { until } from '../../support/until.ts';

const base = '/api/v1alpha1/containers';

/** The line of a request, which comes once the answer is out. */
async function lineOf(server: HttpServer, send: () => Promise<unknown>): Promise<Record<string, unknown>> {
  const requestLines = () => server.logLines.filter(({ msg }) => msg === 'request' || msg === 'request aborted');
  const before = requestLines().length;
  await send();
  await until('the line is there', () => requestLines().length > before);
  return requestLines().at(-1)!;
}

function post(server: HttpServer, query: string, headers: Record<string, string> = {}, spec: object = containerSpec()) {
  return conformingFetch(`${server.url}${base}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ spec }),
  });
}

t.test('each line of a request about a container has its id, also the one that the provider chose', async (t) => {
  await using server = await startHttpServer();
  const get = (path: string, init?: RequestInit) => () => conformingFetch(`${server.url}${base}${path}`, init);
  const idOf = async (send: () => Promise<unknown>) => (await lineOf(server, send))['containerId'];
  t.equal(await idOf(() => post(server, '?id=web')), 'web');
  t.equal(await idOf(get('/web')), 'web');
  t.equal(await idOf(get('/nobody')), 'nobody');
  t.equal(await idOf(get('/web:wait?timeout=0s')), 'web');
  t.equal(await idOf(() => post(server, '?id=web')), 'web', 'a conflict');
  t.equal(await idOf(() => post(server, '?id=refused', {}, {})), 'refused', 'a refusal before the handler');
  t.equal(await idOf(get('/web', { method: 'DELETE' })), 'web');

  const chosen: string[] = [];
  const create = (headers?: Record<string, string>) => async () => {
    const { id } = (await (await post(server, '', headers)).json()) as { id: string };
    chosen.push(id);
  };
  t.equal(await idOf(create()), chosen[0]);
  t.equal(await idOf(create({ 'idempotency-key': 'k' })), chosen[1]);
  t.equal(await idOf(create({ 'idempotency-key': 'k' })), chosen[1]);
});

t.test('what is no id, or about no container, is not told as one', async (t) => {
  await using server = await startHttpServer();
  for (const path of ['', '/health', '/Web', `/${'a'.repeat(64)}`, '?id=web']) {
    t.notOk('containerId' in (await lineOf(server, () => conformingFetch(`${server.url}${base}${path}`))), path);
  }
});

t.test('why a request failed is told with the id', async (t) => {
  await using server = await startHttpServer();
  server.repository.intercept = () => {
    throw new UnavailableError('The cluster is away.', 1);
  };
  const { containerId } = await lineOf(server, () => post(server, ''));
  t.match(containerId, /^[0-9a-f-]{36}$/);
  t.match(
    server.logLines.find(({ level }) => level === 40),
    { containerId, msg: 'request cannot be served now' },
  );
});

t.test(
  'the line of a refused request names the fields and parameters at fault, and nothing that stood there',
  async (t) => {
    await using server = await startHttpServer();
    const faultsOf = async (send: () => Promise<unknown>) => (await lineOf(server, send))['faults'];
    const spec = { ...containerSpec(), image: { reference: 'SECRET image' }, process: { args: [7] } };
    t.strictSame(await faultsOf(() => post(server, '?validate_only=x', {}, spec)), [
      'validate_only',
      '/spec/image/reference',
      '/spec/process/args/0',
    ]);
    t.notMatch(JSON.stringify(server.logLines), 'SECRET');
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${'x'.repeat(500)}!`, '']));
    const many = await faultsOf(() => post(server, '', {}, { ...containerSpec(), metadata: { name: 'web', labels } }));
    t.equal((many as string[]).length, 20);
    t.ok((many as string[]).every(({ length }) => length <= 256));
    t.equal(await faultsOf(() => post(server, '?id=web')), undefined);
    t.equal(await faultsOf(() => conformingFetch(`${server.url}${base}/nobody`)), undefined);
  },
);

t.test('each line has the address of who called', async (t) => {
  await using server = await startHttpServer();
  t.match(await lineOf(server, () => conformingFetch(`${server.url}${base}`)), { remoteAddress: '127.0.0.1' });
  const left = new AbortController();
  server.repository.intercept = () => {
    left.abort();
    return new Promise(() => undefined);
  };
  const leave = () => fetch(`${server.url}${base}/web`, { signal: left.signal }).catch(() => undefined);
  t.match(await lineOf(server, leave), { msg: 'request aborted', remoteAddress: '127.0.0.1', containerId: 'web' });
});

t.test('with tokens each line says whose it was, also that of a refusal for its scope', async (t) => {
  await using issuer = await startOpenIdProvider();
  const tokens = { issuer: issuer.issuer, audience: 'containers', scope: 'containers' };
  await using server = await startHttpServer({ tokens });
  const call = (token: string) => () =>
    conformingFetch(`${server.url}${base}`, { headers: { authorization: `Bearer ${token}` } });
  t.match(await lineOf(server, call(await issuer.token())), { status: 200, clientId: 'dcm' });
  const refused = await lineOf(server, call(await issuer.token({ scope: 'other' })));
  t.match(refused, { status: 403, clientId: 'dcm' });
  const bad = await lineOf(server, call('a.b.c'));
  t.equal(bad['status'], 401);
  t.notOk('clientId' in bad || 'sub' in bad);
});

t.test('of a token its subject and its client are told, wherever its issuer has that', (t) => {
  t.strictSame(holderOf({ sub: 'alice', client_id: 'cli', azp: 'other' }), { sub: 'alice', clientId: 'cli' });
  t.strictSame(holderOf({ azp: 'cli' }), { clientId: 'cli' });
  t.strictSame(holderOf({ client_id: 7 }), {});
  t.equal(holderOf({ sub: 'a'.repeat(10_000) }).sub?.length, 256);
  t.end();
});

t.test("with clients' certificates each line has the subject of theirs", async (t) => {
  await using certificate = await makeCertificate();
  const tls = { certFile: certificate.certFile, keyFile: certificate.keyFile, clientCaFile: certificate.certFile };
  await using server = await startHttpServer({ tls });
  const [cert, key] = await Promise.all([readFile(certificate.certFile), readFile(certificate.keyFile)]);
  const agent = new Agent({ ca: cert, cert, key });
  const call = async () => {
    const sent = request({ host: '127.0.0.1', port: server.port, path: base, agent }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
  };
  t.match(await lineOf(server, call), { status: 200, certificate: /^CN=/ });
  agent.destroy();
});
