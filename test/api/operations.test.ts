/** What the operations do, over a real port and through the generated client. */
import t from 'tap';
import { createClient } from '../../generated/client.ts';
import { ConflictError, InternalError, InvalidArgumentError, UnavailableError } from '../../src/containers/errors.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';

const base = '/api/v1alpha1/containers';

t.test('a container is created, read, listed and deleted', async (t) => {
  await using server = await startHttpServer();
  const { client } = server;
  const params = { path: { container_id: 'web-1' } };

  const created = await client.POST('/containers', {
    params: { query: { id: 'web-1' } },
    body: { spec: containerSpec() },
  });
  t.equal(created.response.status, 201);
  t.match(created.data, { id: 'web-1', path: 'containers/web-1', status: 'PENDING' });
  const read = await client.GET('/containers/{container_id}', { params });
  t.same(read.data, created.data);
  t.equal(read.response.headers.get('etag'), created.response.headers.get('etag'), 'one tag');
  const listed = await client.GET('/containers');
  t.same(listed.data, { containers: [created.data] });

  const deleted = await client.DELETE('/containers/{container_id}', { params });
  t.equal(deleted.response.status, 204);
  t.equal(await deleted.response.text(), '');
  const gone = await client.GET('/containers/{container_id}', { params });
  t.match(gone.error, { type: 'NOT_FOUND', status: 404, instance: `${base}/web-1` });
  t.same((await client.GET('/containers')).data, { containers: [] });
});

t.test('a container whose client chooses no id gets a random one', async (t) => {
  await using server = await startHttpServer();
  const created = await server.client.POST('/containers', { body: { spec: containerSpec() } });
  t.match(created.data?.id, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
});

t.test('what was sent comes back as it was sent, unknown fields of every object included', async (t) => {
  await using server = await startHttpServer();
  const open = { unknown: { deep: [1, null, 'x', { a: [] }] }, camelCase: true, empty: '', zero: 0, none: null };
  const spec = {
    ...open,
    service_type: 'container' as const,
    metadata: { name: 'web', labels: { 'a.b/c': '', tier: 'front' }, ...open },
    image: { reference: 'nginx', ...open },
    resources: { cpu: { min: 1, max: 1, ...open }, memory: { min: '1024MB', max: '1GB', ...open }, ...open },
    process: { command: [], args: ['a b', ''], env: [{ name: 'A B', value: '', ...open }], ...open },
    network: { ports: [{ container_port: 80, visibility: 'internal' as const, ...open }], ...open },
    provider_hints: { anything: [true] },
  };
  const { data } = await server.client.POST('/containers', { body: { spec } });
  t.same(data?.spec, { ...spec, metadata: { ...spec.metadata, namespace: 'default' } });
});

t.test('names that objects have by nature are names like others', async (t) => {
  await using server = await startHttpServer();
  const unknown = '{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}},"toString":null}';
  const spec = JSON.stringify(containerSpec()).replace('"web"', `"web","unknown":${unknown}`);
  const response = await conformingFetch(`${server.url}${base}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"__proto__":{"spec":null},"spec":${spec}}`,
  });
  t.equal(response.status, 201);
  t.ok((await response.text()).includes(`"unknown":${unknown}`));
});

t.test('read-only fields and unknown fields beside spec are ignored, whatever they hold', async (t) => {
  await using server = await startHttpServer();
  const body = {
    id: 5,
    path: [],
    status: 'RUNNING',
    create_time: 'yesterday',
    service: null,
    more: { x: 1 },
    spec: {
      ...containerSpec(),
      metadata: { name: 'web', namespace: 7 },
      network: { ip: null, ports: [] },
    },
  };
  const response = await conformingFetch(`${server.url}${base}?id=web-1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  });
  t.equal(response.status, 201);
  const container = server.repository.containers.get('web-1')!;
  t.same(Object.keys(container).sort(), ['create_time', 'id', 'path', 'reconciling', 'spec', 'status', 'update_time']);
  t.same(container.spec.network, { ports: [] });
  t.equal(container.spec.metadata.namespace, 'default');
});

t.test('an id that is taken is a conflict', async (t) => {
  await using server = await startHttpServer();
  const create = () =>
    server.client.POST('/containers', { params: { query: { id: 'web-1' } }, body: { spec: containerSpec() } });
  const answers = await Promise.all(Array.from({ length: 20 }, create));
  t.equal(answers.filter(({ response }) => response.status === 201).length, 1);
  t.equal(answers.filter(({ error }) => error?.type === 'ALREADY_EXISTS').length, 19);
});

t.test('a walk over pages gives every container once, and ends without a token', async (t) => {
  await using server = await startHttpServer();
  for (const id of ['c', 'a', 'e', 'b', 'd']) {
    await server.client.POST('/containers', { params: { query: { id } }, body: { spec: containerSpec() } });
  }
  const pages: string[][] = [];
  let token: string | undefined;
  do {
    const query = { max_page_size: 2, ...(token !== undefined && { page_token: token }) };
    const { data } = await server.client.GET('/containers', { params: { query } });
    pages.push(data!.containers.map(({ id }) => id));
    token = data!.next_page_token;
  } while (token !== undefined);
  t.same(pages, [['a', 'b'], ['c', 'd'], ['e']]);
});

t.test('a page has 50 containers where its client names no size', async (t) => {
  await using server = await startHttpServer();
  for (let index = 0; index < 51; index++) {
    await server.repository.create({ id: `c${index}`, spec: containerSpec() }, { signal: AbortSignal.timeout(1_000) });
  }
  const { data } = await server.client.GET('/containers');
  t.equal(data?.containers.length, 50);
  t.type(data?.next_page_token, 'string');
});

t.test('HEAD answers as GET does, without the body', async (t) => {
  await using server = await startHttpServer();
  await server.client.POST('/containers', { params: { query: { id: 'web-1' } }, body: { spec: containerSpec() } });
  const paths = { '': 200, '/web-1': 200, '/health': 200, '?max_page_size=0': 400, '/Web': 400, '/nope': 404 };
  for (const [path, status] of Object.entries(paths)) {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => conformingFetch(`${server.url}${base}${path}`, { method })),
    );
    t.equal(head!.status, status, path);
    for (const name of ['content-type', 'content-length']) t.equal(head!.headers.get(name), get!.headers.get(name));
    t.equal(await head!.text(), '');
  }
  for (const path of ['/openapi.json', '/openapi.yaml', '/docs/']) {
    t.equal((await conformingFetch(`${server.url}${path}`, { method: 'HEAD' })).status, 200, path);
  }
});

t.test('the health is always 200, and says whether the cluster can be worked with', async (t) => {
  let healthy = true;
  await using server = await startHttpServer({ isClusterHealthy: () => Promise.resolve(healthy) });
  const read = async () => (await server.client.GET('/containers/health')).data;
  const type = 'k8s-container-service-provider.dcm.io/health';
  t.match(await read(), { type, status: 'healthy', path: 'health', version: '1.2.3', uptime: Number });
  healthy = false;
  t.match(await read(), { type, status: 'unhealthy', path: 'health', version: '1.2.3', uptime: Number });
});

t.test("the repository's errors become problems", async (t) => {
  await using server = await startHttpServer();
  const cases = [
    {
      error: new InvalidArgumentError('Kubernetes refuses it.', [
        { detail: 'is odd', pointer: '/spec/image/reference' },
      ]),
      status: 400,
      type: 'INVALID_ARGUMENT',
      detail: 'Kubernetes refuses it.',
      errors: [{ detail: 'is odd', pointer: '/spec/image/reference' }],
    },
    { error: new ConflictError('Two of them.'), status: 409, type: 'ALREADY_EXISTS', detail: 'Two of them.' },
    {
      error: new UnavailableError('Not now.', 6.2),
      status: 503,
      type: 'INTERNAL',
      detail: 'Not now.',
      retryAfter: '7',
    },
    { error: new InternalError('No permission.'), status: 500, type: 'INTERNAL', detail: 'No permission.' },
    {
      error: new Error('password=hunter2 at /home/x/y.ts'),
      status: 500,
      type: 'INTERNAL',
      detail: 'The provider could not handle the request.',
    },
  ];
  for (const { error, retryAfter = null, ...problem } of cases) {
    server.repository.intercept = () => Promise.reject(error);
    const answer = await server.client.GET('/containers/{container_id}', {
      params: { path: { container_id: 'web-1' } },
    });
    t.match(answer.error, { ...problem, instance: `${base}/web-1` }, error.message);
    t.equal(answer.response.headers.get('retry-after'), retryAfter);
    t.notMatch(JSON.stringify(answer.error), 'hunter2');
  }
  const levels = server.logLines.filter(({ err }) => err).map(({ level, msg }) => [level, msg]);
  t.same(levels, [
    [40, 'request cannot be served now'],
    [50, 'request failed'],
    [50, 'request failed'],
  ]);
  t.match(
    server.logLines.find(({ err }) => /hunter2/.test(JSON.stringify(err))),
    { err: { stack: String } },
  );
});

t.test('a sane request id is taken over, another is replaced, and the log has it', async (t) => {
  await using server = await startHttpServer();
  const idOf = async (sent: string) => {
    const response = await conformingFetch(`${server.url}${base}/health?token=secret`, {
      headers: { 'x-request-id': sent },
    });
    return response.headers.get('x-request-id')!;
  };
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  t.equal(await idOf('Root=1-67891233-abc:42/x'), 'Root=1-67891233-abc:42/x');
  t.equal(await idOf('a'.repeat(128)), 'a'.repeat(128));
  t.match(await idOf('a'.repeat(129)), uuid);
  t.match(await idOf('a b'), uuid);
  t.match(await idOf('{"a"}'), uuid);
  t.not(await idOf(''), await idOf(''));
});

t.test('a request is one line at INFO, with its path but not its query', async (t) => {
  await using server = await startHttpServer();
  await conformingFetch(`${server.url}${base}/web-1?token=secret`, { headers: { 'x-request-id': 'the-id' } });
  while (server.logLines.length === 0) await new Promise(setImmediate);
  t.equal(server.logLines.length, 1);
  t.match(server.logLines[0], {
    level: 30,
    msg: 'request',
    requestId: 'the-id',
    method: 'GET',
    path: `${base}/web-1`,
    status: 404,
    durationMs: Number,
  });
  t.notMatch(JSON.stringify(server.logLines), 'secret');
});

t.test('polls of health are no lines of the log where they are not wanted, but for those that fail', async (t) => {
  await using server = await startHttpServer({ logHealth: false });
  await conformingFetch(`${server.url}${base}/health`);
  await conformingFetch(`${server.url}${base}/health`, { method: 'HEAD' });
  await conformingFetch(`${server.url}${base}/health`, { method: 'PUT' });
  await conformingFetch(`${server.url}${base}/web-1`);
  while (server.logLines.length < 2) await new Promise(setImmediate);
  t.match(server.logLines, [
    { method: 'PUT', status: 405 },
    { path: `${base}/web-1`, status: 404 },
  ]);
  t.equal(server.logLines.length, 2);
});

t.test('the client takes a base URL with or without a trailing slash', async (t) => {
  await using server = await startHttpServer();
  const client = createClient({ baseUrl: `${server.url}/`, fetch: conformingFetch });
  t.equal((await client.GET('/containers/health')).response.status, 200);
});
