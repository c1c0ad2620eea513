/** What is wrong with a request is told in one answer, each violation where it is, in the order of the document. */
import t from 'tap';
import type { Schemas } from '../../generated/client.ts';
import { encodePageToken } from '../../src/containers/page-token.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';

const base = '/api/v1alpha1/containers';

type Answer = Partial<Schemas['Problem']> & { status: number };

async function post(server: HttpServer, body: unknown, query = ''): Promise<Answer> {
  return await sendJson(server, JSON.stringify(body), query);
}

async function sendJson(server: HttpServer, body: string, query = ''): Promise<Answer> {
  const response = await conformingFetch(`${server.url}${base}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return { ...((await response.json()) as Partial<Schemas['Problem']>), status: response.status };
}

const idWords = '1 to 63 lower-case letters, digits and hyphens, with a letter or digit at either end';
const nameRule = 'letters, digits, "-", "_" and ".", with a letter or digit at either end';

function andOthers(count: number): string {
  return count === 1 ? 'There is 1 other violation.' : `There are ${count} other violations.`;
}

/** Lists in lists. */
function nested(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels));
}

/** Changes to a valid spec, with the violations that they make: pointers are relative to the spec. */
const cases: Record<string, { change: object; violations: [pointer: string, detail: string][] }> = {
  'an empty object for everything': {
    change: { metadata: {}, image: {}, resources: {} },
    violations: [
      ['/metadata/name', 'is required'],
      ['/image/reference', 'is required'],
      ['/resources/cpu', 'is required'],
      ['/resources/memory', 'is required'],
    ],
  },
  'other types': {
    change: { service_type: 5, metadata: 'x', image: [], process: null, network: true, provider_hints: [] },
    violations: [
      ['/service_type', 'must be a string'],
      ['/metadata', 'must be an object'],
      ['/image', 'must be an object'],
      ['/process', 'must be an object'],
      ['/network', 'must be an object'],
      ['/provider_hints', 'must be an object'],
    ],
  },
  'another service': { change: { service_type: 'vm' }, violations: [['/service_type', 'must be "container"']] },
  'a name in upper case': {
    change: { metadata: { name: 'Web' } },
    violations: [['/metadata/name', `must be ${idWords}`]],
  },
  'an empty name': { change: { metadata: { name: '' } }, violations: [['/metadata/name', 'must not be empty']] },
  'a name that is too long': {
    change: { metadata: { name: 'a'.repeat(64) } },
    violations: [['/metadata/name', 'must have at most 63 characters']],
  },
  'an empty reference': {
    change: { image: { reference: '' } },
    violations: [['/image/reference', 'must not be empty']],
  },
  'null for a string': {
    change: { image: { reference: null } },
    violations: [['/image/reference', 'must be a string']],
  },
  'cores as null, and in halves': {
    change: { resources: { cpu: { min: null, max: 1.5 }, memory: { min: '1MB', max: '1MB' } } },
    violations: [
      ['/resources/cpu/min', 'must be whole cores, or a string such as 500m'],
      ['/resources/cpu/max', 'must be whole cores, or a string such as 500m'],
    ],
  },
  'cores as text that is no amount': {
    change: { resources: { cpu: { min: '0.5', max: '0m' }, memory: { min: '1MB', max: '1MB' } } },
    violations: [
      ['/resources/cpu/min', 'must be whole cores, or a string such as 500m'],
      ['/resources/cpu/max', 'must be whole cores, or a string such as 500m'],
    ],
  },
  'far too many cores as text': {
    change: { resources: { cpu: { min: '1000001', max: '1000000001m' }, memory: { min: '1MB', max: '1MB' } } },
    violations: [
      ['/resources/cpu/min', 'must be <= 1000000 cores'],
      ['/resources/cpu/max', 'must be <= 1000000 cores'],
    ],
  },
  'more cores at least than at most, in different forms': {
    change: { resources: { cpu: { min: 1, max: '999m' }, memory: { min: '1MB', max: '1MB' } } },
    violations: [['/resources/cpu/min', 'must be <= max']],
  },
  'no cores, and far too many': {
    change: { resources: { cpu: { min: 0, max: 1_000_001 }, memory: { min: '1MB', max: '1MB' } } },
    violations: [
      ['/resources/cpu/min', 'must be >= 1'],
      ['/resources/cpu/max', 'must be <= 1000000'],
    ],
  },
  'cores at most that are none': {
    change: { resources: { cpu: { min: 1, max: 0 }, memory: { min: '1MB', max: '1MB' } } },
    violations: [['/resources/cpu/max', 'must be >= 1']],
  },
  'cores at least that are too many': {
    change: { resources: { cpu: { min: 1_000_001, max: '2' }, memory: { min: '1MB', max: '1MB' } } },
    violations: [['/resources/cpu/min', 'must be <= 1000000']],
  },
  'min above max, across units': {
    change: { resources: { cpu: { min: 3, max: 2 }, memory: { min: '1025MB', max: '1GB' } } },
    violations: [
      ['/resources/cpu/min', 'must be <= max'],
      ['/resources/memory/min', 'must be <= max'],
    ],
  },
  'memory without a unit, in unknown ones, negative': {
    change: { resources: { cpu: { min: 1, max: 1 }, memory: { min: '512', max: '-1GB' } } },
    violations: [
      ['/resources/memory/min', 'must be a whole number with MB, GB or TB, such as 512MB'],
      ['/resources/memory/max', 'must be a whole number with MB, GB or TB, such as 512MB'],
    ],
  },
  'no memory, and more than there can be': {
    change: { resources: { cpu: { min: 1, max: 1 }, memory: { min: '0MB', max: '8388608TB' } } },
    violations: [
      ['/resources/memory/min', 'must be more than zero'],
      ['/resources/memory/max', 'must be less than 2^63 bytes (8388608TB)'],
    ],
  },
  'memory with too many digits': {
    change: { resources: { cpu: { min: 1, max: 1 }, memory: { min: '00000000001MB', max: '1GB' } } },
    violations: [['/resources/memory/min', 'must have at most 12 characters']],
  },
  'labels of all wrong kinds': {
    change: {
      metadata: {
        name: 'web',
        labels: {
          'dcm.project/x': 'a',
          'service.kubernetes.io/x': 'a',
          'pod-template-hash': 'a',
          'Bad.prefix/x': 'a',
          'a/b/c': 'a',
          '-x': 'a',
          good: 'not good',
          number: 5,
        },
      },
    },
    violations: [
      ['/metadata/labels/dcm.project~1x', 'must not have a key under dcm.project/, which is reserved'],
      [
        '/metadata/labels/service.kubernetes.io~1x',
        'must not have a key under service.kubernetes.io/, which is reserved',
      ],
      ['/metadata/labels/pod-template-hash', 'must not have the key pod-template-hash, which is reserved'],
      ['/metadata/labels/Bad.prefix~1x', 'must have a key whose prefix is a DNS name of at most 253 characters'],
      ['/metadata/labels/a~1b~1c', `must have a key of 1 to 63 ${nameRule}`],
      ['/metadata/labels/-x', `must have a key of 1 to 63 ${nameRule}`],
      ['/metadata/labels/good', `must be empty or 1 to 63 ${nameRule}`],
      ['/metadata/labels/number', 'must be a string'],
    ],
  },
  'environment variables': {
    change: {
      process: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A=B', value: '' },
          { name: '' },
          { value: 5 },
          { name: 'A', value: '2' },
          'A',
        ],
      },
    },
    violations: [
      ['/process/env/1/name', 'must be one or more printable ASCII characters other than "="'],
      ['/process/env/2/name', 'must not be empty'],
      ['/process/env/2/value', 'is required'],
      ['/process/env/3/name', 'is required'],
      ['/process/env/3/value', 'must be a string'],
      ['/process/env/4/name', 'must not be the same as /spec/process/env/0/name'],
      ['/process/env/5', 'must be an object'],
    ],
  },
  'commands and arguments that are not text': {
    change: { process: { command: 'nginx', args: ['a', 1, null] } },
    violations: [
      ['/process/command', 'must be an array'],
      ['/process/args/1', 'must be a string'],
      ['/process/args/2', 'must be a string'],
    ],
  },
  'text that has no UTF-8': {
    change: {
      image: { reference: 'a\ud800' },
      process: { command: ['a', '\udfff'], args: ['\ud800x', '\ud83d\ude00'], env: [{ name: 'A', value: '\udc00' }] },
      unknown: '\ud800',
    },
    violations: ['/image/reference', '/process/command/1', '/process/args/0', '/process/env/0/value'].map((pointer) => [
      pointer,
      'must not have half of a surrogate pair',
    ]),
  },
  'members that are too deep to be told again': {
    change: { a: nested(500), 'b/c': nested(501), metadata: { name: 'web', deep: nested(500) } },
    violations: ['/metadata', '/b~1c'].map((pointer) => [pointer, 'must not be more than 500 levels deep']),
  },
  ports: {
    change: {
      network: {
        ports: [
          { container_port: 80, visibility: 'internal' },
          { container_port: 0, visibility: 'public' },
          { container_port: 65_536 },
          { visibility: 'none' },
          { container_port: 80, visibility: 'none' },
        ],
      },
    },
    violations: [
      ['/network/ports/1/container_port', 'must be >= 1'],
      ['/network/ports/1/visibility', 'must be "none" or "internal" or "external"'],
      ['/network/ports/2/container_port', 'must be <= 65535'],
      ['/network/ports/2/visibility', 'is required'],
      ['/network/ports/3/container_port', 'is required'],
      ['/network/ports/4/container_port', 'must not be the same as /spec/network/ports/0/container_port'],
    ],
  },
};

t.test('every violation of a spec is told, where it is and what is allowed', async (t) => {
  await using server = await startHttpServer();
  for (const [name, { change, violations }] of Object.entries(cases)) {
    const problem = await post(server, { spec: { ...containerSpec(), ...change } });
    t.equal(problem.status, 400, name);
    const [[firstPointer, firstDetail], ...others] = violations as [[string, string], ...[string, string][]];
    const first = `The field /spec${firstPointer} ${firstDetail}.`;
    t.equal(problem.detail, others.length === 0 ? first : `${first} ${andOthers(others.length)}`, name);
    const expected = violations.map(([pointer, detail]) => ({ detail, pointer: `/spec${pointer}` }));
    t.same(problem.errors, expected, name);
  }
  t.equal(server.repository.containers.size, 0);
});

t.test('violations of parameters come first, then those of the body, schema and rules together', async (t) => {
  await using server = await startHttpServer();
  const problem = await post(server, { spec: containerSpec({ image: { reference: '' } }) }, '?id=health');
  t.same(problem.errors, [
    { detail: 'must not be "health", which is a path of its own', parameter: 'id' },
    { detail: 'must not be empty', pointer: '/spec/image/reference' },
  ]);
});

t.test('violations come in the order in which the body has what they point to', async (t) => {
  await using server = await startHttpServer();
  const spec = {
    resources: { memory: { max: '1XB', min: '0MB' }, cpu: { max: 1, min: 2 } },
    image: {},
    metadata: { labels: { '-': 'x' }, name: 'web' },
  };
  const { errors } = await post(server, { spec });
  t.same(
    errors?.map(({ pointer }) => pointer),
    [
      '/spec/service_type',
      '/spec/resources/memory/max',
      '/spec/resources/memory/min',
      '/spec/resources/cpu/min',
      '/spec/image/reference',
      '/spec/metadata/labels/-',
    ],
  );
});

t.test('a body that is not an object is told at its root', async (t) => {
  await using server = await startHttpServer();
  t.equal((await post(server, null)).detail, 'The body must be an object.');
  t.same((await post(server, null)).errors, [{ detail: 'must be an object', pointer: '' }]);
  t.same((await post(server, 'spec')).errors, [{ detail: 'must be an object', pointer: '' }]);
  t.same((await post(server, {})).errors, [{ detail: 'is required', pointer: '/spec' }]);
  t.same((await post(server, { spec: null })).errors, [{ detail: 'must be an object', pointer: '/spec' }]);
});

t.test('a body that is too deep to be told again is refused, however deep it is', async (t) => {
  await using server = await startHttpServer();
  const spec = JSON.stringify(containerSpec());
  const send = (levels: number) =>
    sendJson(server, `{"spec":${spec.slice(0, -1)},"deep":${'['.repeat(levels)}${']'.repeat(levels)}}}`);
  t.equal((await send(500)).status, 201);
  for (const levels of [501, 5_000, 100_000]) {
    const { status, errors } = await send(levels);
    t.equal(status, 400);
    t.same(errors, [{ detail: 'must not be more than 500 levels deep', pointer: '/spec/deep' }]);
  }
  t.equal((await server.client.GET('/containers')).data?.containers.length, 1);
});

t.test('a body with very many violations is answered quickly, with as many as fit', async (t) => {
  await using server = await startHttpServer();
  const ports = Array.from({ length: 65_000 }, () => ({}));
  const startedAt = performance.now();
  const problem = await post(server, { spec: { ...containerSpec(), network: { ports } } });
  t.ok(performance.now() - startedAt < 2_000);
  t.equal(problem.errors?.length, 1_000);
  t.equal(
    problem.detail,
    'The field /spec/network/ports/0/container_port is required. There are at least 999 other violations.',
  );
  t.equal(problem.errors?.[999]?.pointer, '/spec/network/ports/499/visibility');
});

const parameterCases: Record<string, { path: string; violations: [parameter: string, detail: string][] }> = {
  'a page of none': { path: '?max_page_size=0', violations: [['max_page_size', 'must be >= 1']] },
  'a page that is too large': { path: '?max_page_size=1001', violations: [['max_page_size', 'must be <= 1000']] },
  'an exponent': { path: '?max_page_size=1e2', violations: [['max_page_size', 'must be an integer']] },
  hexadecimal: { path: '?max_page_size=0x10', violations: [['max_page_size', 'must be an integer']] },
  'a leading space': { path: '?max_page_size=%205', violations: [['max_page_size', 'must be an integer']] },
  'a sign that is a space': { path: '?max_page_size=+5', violations: [['max_page_size', 'must be an integer']] },
  'a fraction': { path: '?max_page_size=5.0', violations: [['max_page_size', 'must be an integer']] },
  nothing: { path: '?max_page_size=', violations: [['max_page_size', 'must be an integer']] },
  'a number beyond all numbers': {
    path: `?max_page_size=${'9'.repeat(400)}`,
    violations: [['max_page_size', 'must be an integer']],
  },
  'given twice': { path: '?max_page_size=5&max_page_size=5', violations: [['max_page_size', 'must be given once']] },
  'a token that is none': {
    path: '?page_token=!',
    violations: [['page_token', 'must be a next_page_token of an earlier page']],
  },
  'two at once': {
    path: '?page_token=&max_page_size=x',
    violations: [
      ['max_page_size', 'must be an integer'],
      ['page_token', 'must not be empty'],
    ],
  },
  'a token that is none, and a page of none': {
    path: '?page_token=xx&max_page_size=0',
    violations: [
      ['max_page_size', 'must be >= 1'],
      ['page_token', 'must be a next_page_token of an earlier page'],
    ],
  },
  'a filter that is none': {
    path: '?filter=status%20=%20running',
    violations: [['filter', 'must have PENDING, RUNNING, FAILED, UNKNOWN, DELETED at character 10, not "running"']],
  },
  'a filter that is too long': {
    path: `?filter=${'('.repeat(2_049)}`,
    violations: [['filter', 'must have at most 2048 characters']],
  },
  'a filter that is given twice': {
    path: '?filter=status=RUNNING&filter=status=FAILED',
    violations: [['filter', 'must be given once']],
  },
  'a token of another filter': {
    path: `?filter=status=RUNNING&page_token=${encodePageToken('web', 'status=FAILED')}`,
    violations: [['page_token', 'must be a next_page_token of an earlier page with the same filter']],
  },
  'a token of a filter, and none with it': {
    path: `?page_token=${encodePageToken('web', 'status=FAILED')}`,
    violations: [['page_token', 'must be a next_page_token of an earlier page with the same filter']],
  },
  'a token and a filter that are none': {
    path: '?filter=x&page_token=x',
    violations: [
      ['page_token', 'must be a next_page_token of an earlier page with the same filter'],
      [
        'filter',
        'must have one of status, reconciling, spec.metadata.name, spec.image.reference, spec.metadata.labels.KEY, spec.metadata.labels at character 1, not "x"',
      ],
    ],
  },
  'an id in upper case': { path: '/Web', violations: [['container_id', `must be ${idWords}`]] },
  'an id that ends in a hyphen': { path: '/web-', violations: [['container_id', `must be ${idWords}`]] },
  'an id with a line feed': { path: '/web%0A', violations: [['container_id', `must be ${idWords}`]] },
  'an id of 64': { path: `/${'a'.repeat(64)}`, violations: [['container_id', 'must have at most 63 characters']] },
  'an empty id': { path: '/', violations: [['container_id', 'must not be empty']] },
};

t.test('every violation of a parameter is told by its name', async (t) => {
  await using server = await startHttpServer();
  for (const [name, { path, violations }] of Object.entries(parameterCases)) {
    const response = await conformingFetch(`${server.url}${base}${path}`);
    t.equal(response.status, 400, name);
    const { detail, errors } = (await response.json()) as Schemas['Problem'];
    const [parameter, words] = violations[0]!;
    t.match(detail, `The parameter ${parameter} ${words}.`, name);
    t.same(
      errors,
      violations.map(([parameter, detail]) => ({ detail, parameter })),
      name,
    );
  }
});

t.test('plain digits are integers, at both ends of the range', async (t) => {
  await using server = await startHttpServer();
  for (const size of ['1', '1000', '007']) {
    t.equal((await conformingFetch(`${server.url}${base}?max_page_size=${size}`)).status, 200);
  }
});

t.test('ids at both ends of what is allowed are accepted', async (t) => {
  await using server = await startHttpServer();
  for (const id of ['a', '0', 'a'.repeat(63), 'a--b', 'health-1']) {
    t.equal((await post(server, { spec: containerSpec() }, `?id=${id}`)).status, 201, id);
  }
});
