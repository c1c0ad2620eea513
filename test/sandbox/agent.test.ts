import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import t from 'tap';

import { startAgent } from '../../scripts/sandbox/agent.ts';
import type { Dispatch, ProviderState } from '../../scripts/sandbox/agent.ts';
import { buildRegistration } from '../../src/registration/registry-client.ts';
import { until } from '../support/until.ts';

const asJson = { 'content-type': 'application/json' };

/** A provider that answers as a test says, and keeps what it is asked. */
async function startProvider(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: { method: string; url: string; key: unknown; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      if (!url.endsWith('/health')) requests.push({ method, url, key: headers['idempotency-key'], body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, requests, [Symbol.asyncDispose]: close };
}

async function register(agent: { url: string }, name: string, more: object = {}) {
  const body = { ...buildRegistration({ name, endpoint: 'http://provider:8080' }), ...more };
  const response = await fetch(`${agent.url}/providers`, {
    method: 'POST',
    headers: asJson,
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

t.test('an agent has one provider for each type of service, and knows it by its name', async (t) => {
  await using agent = await startAgent();
  const { status, body } = await register(agent, 'first');
  t.equal(status, 201);
  t.match(body, { name: 'first', type: 'external', path: `providers/${String(body['id'])}` });
  const renewed = await register(agent, 'first', { endpoint: 'http://elsewhere:8080' });
  t.match(renewed, { status: 200, body: { id: body['id'], endpoint: 'http://elsewhere:8080' } });
  t.match(await register(agent, 'second'), {
    status: 409,
    body: { type: 'CONFLICT', detail: "service type 'container' is already served by provider 'first'" },
  });
  t.match(await register(agent, 'second', { service_type: 'vm' }), { status: 201 });
  t.match(await register(agent, 'third', { service_type: 'storage', endpoint: 'nowhere' }), { status: 422 });
  const { results } = (await (await fetch(`${agent.url}/providers`)).json()) as { results: { name: string }[] };
  t.strictSame(
    results.map(({ name }) => name),
    ['first', 'second'],
  );
});

t.test('an agent asks for health, and gives a provider up after three polls that failed', async (t) => {
  const states: ProviderState[] = [];
  await using agent = await startAgent({ pollMs: 20, onState: (_, state) => states.push(state) });
  const answers = [
    [200, '{"status":"healthy"}'],
    [200, '{"status":"unhealthy"}'],
    [200, '{"status":"healthy"}'],
  ] as const;
  let polls = 0;
  await using provider = await startProvider((_, response) => {
    const [status, body] = answers[polls++] ?? [503, '{"status":"healthy"}'];
    response.writeHead(status, asJson).end(body);
  });
  await register(agent, 'sp', { endpoint: provider.endpoint });
  await until('it was given up', () => states.includes('unavailable'));
  t.strictSame(states, ['ready', 'unhealthy', 'ready', 'unavailable']);
  t.ok(polls >= 6, `${polls} polls`);
});

t.test('an agent dispatches a bare create and deletes by id, each with a key, and repeats what may pass', async (t) => {
  const dispatched: Dispatch[] = [];
  const states: ProviderState[] = [];
  const options = { pollMs: 20, retryMs: 1, onDispatch: (made: Dispatch) => dispatched.push(made) };
  await using agent = await startAgent({ ...options, onState: (_, state) => states.push(state) });
  const statuses = [400, 503, 429, 204, 500, 500, 500];
  await using provider = await startProvider(({ url }, response) => {
    if (url?.endsWith('/health')) return void response.writeHead(200, asJson).end('{"status":"healthy"}');
    const status = statuses.shift()!;
    response.writeHead(status, asJson).end(status === 204 ? undefined : `{"detail":"answer ${status}"}`);
  });
  const dispatch = async (method: string, path = '', body?: object) => {
    const response = await fetch(`${agent.url}/dispatch${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Dispatch;
  };
  t.match(await dispatch('DELETE', '/web'), { tries: 0, detail: 'the provider is not known' });
  await register(agent, 'sp', { endpoint: `${provider.endpoint}/containers` });
  await until('it is ready', () => states.includes('ready'));
  t.match(await dispatch('POST', '', { service_type: 'container' }), { status: 400, tries: 1, detail: 'answer 400' });
  t.match(await dispatch('DELETE', '/web'), { status: 204, tries: 3 });
  t.match(await dispatch('DELETE', '/web'), { status: 500, tries: 3, detail: 'answer 500' });
  t.equal(dispatched.length, 4);
  t.match(provider.requests.slice(0, 2), [
    { method: 'POST', url: '/containers', body: '{"service_type":"container"}', key: /^[0-9a-f-]{36}$/ },
    { method: 'DELETE', url: '/containers/web', body: '', key: /^[0-9a-f-]{36}$/ },
  ]);
  t.equal(new Set(provider.requests.slice(1, 4).map(({ key }) => key)).size, 1, 'one key for all tries');
  t.equal(provider.requests.length, 7);
});
