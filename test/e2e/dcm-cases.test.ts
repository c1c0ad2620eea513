/**
 * What the end-to-end cases of DCM ask of a container provider by HTTP: the newest ones with URIs as types of problems, and
 * those of before, which look at statuses alone, with names.
 */
import t from 'tap';
import type { Test } from 'tap';
import { problemTypes } from '../../scripts/contract/problem-types.ts';
import { until } from '../support/until.ts';
import { startSystem } from '../support/system.ts';

interface Answer {
  status: number;
  mediaType: string;
  body: Record<string, unknown>;
}

type Call = (method: string, path: string, body?: string | object) => Promise<Answer>;

/** As a client that knows nothing of our types calls it. */
function caller(url: string): Call {
  return async (method, path, body) => {
    const response = await fetch(`${url}/api/v1alpha1/containers${path}`, {
      method,
      ...(body !== undefined && {
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    const text = await response.text();
    return {
      status: response.status,
      mediaType: response.headers.get('content-type')?.split(';')[0] ?? '',
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  };
}

/** CPU as text, as DCM's catalogue has it. */
function request(name: string, { withPort = false } = {}) {
  return {
    spec: {
      service_type: 'container',
      metadata: { name },
      image: { reference: 'docker.io/library/nginx:alpine' },
      resources: { cpu: { min: '1', max: '1' }, memory: { min: '128MB', max: '256MB' } },
      ...(withPort && { network: { ports: [{ container_port: 80, visibility: 'internal' }] } }),
    },
  };
}

/** More CPU at least than at most, and a label that is not the client's. */
const twiceInvalid = {
  spec: {
    service_type: 'container',
    metadata: { name: 'twice-invalid', labels: { 'dcm.project/managed-by': 'bad' } },
    image: { reference: 'docker.io/library/nginx:alpine' },
    resources: { cpu: { min: '10', max: '5' }, memory: { min: '128MB', max: '256MB' } },
  },
};

t.test("DCM's cases for a container provider", async (t) => {
  await using system = await startSystem();
  const call = caller(system.provider.url);
  await t.test('health', async (t) => {
    t.match(await call('GET', '/health'), {
      status: 200,
      body: { status: 'healthy', uptime: Number, version: String, type: String },
    });
  });
  await t.test('life of a container', (t) => passLifecycle(t, call));
  await t.test('Deployments of others are not listed', async (t) => {
    const labels = { app: 'by-hand' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'by-hand', image: 'nginx' }] } };
    await system.workloads.create('deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'by-hand', labels },
      spec: { selector: { matchLabels: labels }, template },
    });
    const { body } = await call('GET', '?max_page_size=1000');
    t.notMatch(JSON.stringify(body), 'by-hand');
  });
  await t.test('what is wrong', (t) => passRefusals(t, call));
  await t.test('form of problems', (t) =>
    problemTypes === 'uris' ? passNewestProblems(t, call) : passProblems(t, call),
  );
});

async function passLifecycle(t: Test, call: Call): Promise<void> {
  const created = await call('POST', '', request('generated'));
  t.equal(created.status, 201);
  const id = created.body['id'] as string;
  t.match(id, /./);
  t.match(await call('POST', '?id=chosen-1', request('chosen')), { status: 201, body: { id: 'chosen-1' } });
  t.equal((await call('POST', '?id=ports-1', request('ports', { withPort: true }))).status, 201);
  t.match(await call('GET', '/ports-1'), { status: 200, body: { service: {} } });
  await until('it runs', async () => (await call('GET', `/${id}`)).body['status'] === 'RUNNING');

  const all = await call('GET', '');
  t.equal((all.body['containers'] as unknown[]).length, 3);
  const first = await call('GET', '?max_page_size=2');
  t.equal((first.body['containers'] as unknown[]).length, 2);
  const token = encodeURIComponent(first.body['next_page_token'] as string);
  const second = await call('GET', `?max_page_size=2&page_token=${token}`);
  t.equal((second.body['containers'] as unknown[]).length, 1);

  t.equal((await call('DELETE', '/ports-1')).status, 204);
  t.equal((await call('GET', '/ports-1')).status, 404);
}

async function passRefusals(t: Test, call: Call): Promise<void> {
  t.equal((await call('POST', '', '')).status, 400, 'an empty body');
  t.equal((await call('POST', '', '{"spec":{}}')).status, 400, 'nothing that is required');
  t.equal((await call('POST', '', '{"spec": {"service_type": 12345}}')).status, 400, 'a wrong type');
  t.equal((await call('POST', '')).status, 400, 'no body');
  t.equal((await call('GET', '/does-not-exist')).status, 404);
  t.equal((await call('DELETE', '/does-not-exist')).status, 404);
}

async function passNewestProblems(t: Test, call: Call): Promise<void> {
  const invalid = {
    type: 'https://dcm-project.github.io/problems/invalid-argument',
    title: 'Invalid argument',
    status: 400,
  };
  const empty = await call('POST', '', '{}');
  t.match(empty, { status: 400, mediaType: 'application/problem+json', body: { ...invalid, detail: /./ } });

  const { body, ...twice } = await call('POST', '', twiceInvalid);
  t.match(twice, { status: 400, mediaType: 'application/problem+json' });
  const { type, title, status, detail, errors } = body;
  t.strictSame({ type, title, status }, invalid);
  t.equal(detail, 'multiple validation errors, see the errors array for details');
  t.match(errors, [
    { detail: /cpu\.min/, pointer: '#/spec/resources/cpu/min' },
    { detail: /dcm\.project\/managed-by/, pointer: '#/spec/metadata/labels/dcm.project~1managed-by' },
  ]);
  t.equal((errors as unknown[]).length, 2);

  const { cpu } = twiceInvalid.spec.resources;
  const once = request('once');
  once.spec.resources.cpu = cpu;
  const single = await call('POST', '', once);
  t.match(single.body, { ...invalid, detail: /cpu\.min/, pointer: '#/spec/resources/cpu/min' });
  t.notOk('errors' in single.body);

  t.match((await call('GET', '/does-not-exist')).body, {
    type: 'https://dcm-project.github.io/problems/not-found',
    title: 'Not found',
  });
}

async function passProblems(t: Test, call: Call): Promise<void> {
  const { body, ...answer } = await call('POST', '', twiceInvalid);
  t.match(answer, { status: 400, mediaType: 'application/problem+json' });
  t.match(body, { type: 'INVALID_ARGUMENT', title: 'Invalid argument', status: 400 });
  t.equal((body['errors'] as unknown[]).length, 2);
  t.match((await call('GET', '/does-not-exist')).body, { type: 'NOT_FOUND', title: 'Not found' });
  t.match((await call('POST', '?id=chosen-1', request('chosen'))).body, { type: 'ALREADY_EXISTS' });
}
