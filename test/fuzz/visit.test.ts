/** The judge of near-valid requests must see what a provider gets wrong, and its requests must reach what is judged. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { nearValidRequests } from '../../scripts/fuzz/near-valid.ts';
import type { Json, NearValidRequest } from '../../scripts/fuzz/near-valid.ts';
import { findFault } from '../../scripts/fuzz/visit.ts';
import { cpuMillicores } from '../../src/containers/units.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';

const spec = containerSpec() as unknown as Json;

function create(query: string, headers: Record<string, string> = {}): NearValidRequest {
  return {
    method: 'POST',
    target: `/containers${query}`,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ spec }),
    validSpec: spec,
  };
}

const check = create('?id=checked&validate_only=true');
const keyed = create('?id=keyed', { 'idempotency-key': 'key' });

t.test('finds nothing wrong with a provider that is right', async (t) => {
  await using server = await startHttpServer();
  for (const request of [create(''), create('?id=a'), check, keyed, keyed]) {
    t.equal(await findFault(server.url, request), undefined, request.target);
  }
  t.equal(server.repository.containers.size, 0);
});

const wrongs: [what: string, NearValidRequest, (server: HttpServer) => void, fault: RegExp][] = [
  [
    'a check that makes the container',
    check,
    ({ repository }) => (repository.validate = (...call) => repository.create(...call)),
    /only to be checked, and a read after it was answered 200/,
  ],
  [
    'a check that is answered with another spec',
    check,
    ({ repository }) => {
      const validate = repository.validate.bind(repository);
      repository.validate = async (...call) => withoutLabels(await validate(...call));
    },
    /the spec came back as/,
  ],
  [
    'a create that is answered with another spec',
    create('?id=a'),
    ({ repository }) => {
      const create = repository.create.bind(repository);
      repository.create = async (...call) => withoutLabels(await create(...call));
    },
    /the spec came back as/,
  ],
  [
    'a key that makes no replay',
    keyed,
    ({ repository }) => {
      const createOnce = repository.createOnce.bind(repository);
      repository.createOnce = async (...call) => ({ ...(await createOnce(...call)), replayed: false });
    },
    /was sent again, and was answered 201, not replayed/,
  ],
  [
    'a key that is forgotten',
    keyed,
    ({ repository }) =>
      (repository.createOnce = async (...call) => ({ container: await repository.create(...call), replayed: false })),
    /was sent again, and was answered 409/,
  ],
  [
    'a key that makes another container each time',
    create('', { 'idempotency-key': 'key' }),
    ({ repository }) =>
      (repository.createOnce = async ({ spec }, options) => ({
        container: await repository.create({ id: randomUUID(), spec }, options),
        replayed: true,
      })),
    /was sent again, and made .* beside/,
  ],
  [
    'a key that takes any request',
    keyed,
    ({ repository }) => {
      const createOnce = repository.createOnce.bind(repository);
      repository.createOnce = (request, options) => createOnce({ ...request, spec: containerSpec() }, options);
    },
    /another request with its key was answered 201/,
  ],
  [
    'an amount that is wrong and taken',
    { ...create(''), faultAt: '/spec/resources/cpu/min' },
    () => undefined,
    /wrong at \/spec\/resources\/cpu\/min alone, and was answered 201/,
  ],
  [
    'a fault that is told at another place',
    { ...withCpu({ min: 2, max: 1 }), faultAt: '/spec/resources/cpu/max' },
    () => undefined,
    /wrong at \/spec\/resources\/cpu\/max alone, and was answered 400/,
  ],
  [
    'a fault that is told with another one',
    { ...withCpu({ min: '0m', max: '0m' }), faultAt: '/spec/resources/cpu/min' },
    () => undefined,
    /wrong at \/spec\/resources\/cpu\/min alone, and was answered 400/,
  ],
];

for (const [what, request, make, fault] of wrongs) {
  t.test(`finds ${what}`, async (t) => {
    await using server = await startHttpServer();
    make(server);
    t.match(await findFault(server.url, request), fault);
  });
}

t.test('finds what the cluster has of a container that was only checked, also while the cluster fails', async (t) => {
  await using server = await startHttpServer();
  const objectsOf = (id: string) => (id === 'checked' ? ['services/dcm-checked'] : []);
  for (const underFaults of [false, true]) {
    t.match(await findFault(server.url, check, { objectsOf, underFaults }), /there is services\/dcm-checked/);
  }
});

t.test('the requests have all forms of amounts, checks and keys, and know what is wrong', (t) => {
  const requests = fc.sample(nearValidRequests('marked'), { numRuns: 2_000, seed: 20260121 });
  const has = (what: string, wanted: (request: NearValidRequest) => boolean) =>
    t.ok(requests.filter(wanted).length >= 5, what);
  const cpuOf = ({ validSpec, body }: NearValidRequest) => {
    const sent = (validSpec ?? (JSON.parse(body!) as { spec: Json }).spec) as {
      resources: { cpu: { min: Json; max: Json } };
    };
    return sent.resources.cpu;
  };
  const isValid = ({ validSpec }: NearValidRequest) => validSpec !== undefined;
  const isCheck = ({ target }: NearValidRequest) => target.includes('validate_only=true');
  has('valid checks', (request) => isValid(request) && isCheck(request));
  has('checks of what is wrong', (request) => !isValid(request) && isCheck(request));
  has('bare keys', ({ headers }) => /^[^"]/.test(headers['idempotency-key'] ?? ''));
  has('quoted keys', ({ headers }) => /^".*[^"]"$/.test(headers['idempotency-key'] ?? ''));
  has(
    'amounts in both forms',
    (request) => isValid(request) && typeof cpuOf(request).min !== typeof cpuOf(request).max,
  );
  has('millicores', (request) => isValid(request) && /m"$/.test(JSON.stringify(cpuOf(request).min)));
  has('cores as text', (request) => isValid(request) && /^"\d+"$/.test(JSON.stringify(cpuOf(request).max)));
  has('amounts that are none', ({ faultAt }) => faultAt === '/spec/resources/cpu/max');
  has('more at least than at most', (request) => request.faultAt !== undefined && isAbove(cpuOf(request)));
  for (const request of requests.filter(isValid)) t.notOk(isAbove(cpuOf(request)), JSON.stringify(cpuOf(request)));
  t.end();
});

function isAbove({ min, max }: { min: Json; max: Json }): boolean {
  const [least, most] = [cpuMillicores(min), cpuMillicores(max)];
  return least !== undefined && most !== undefined && most > 0 && least > most;
}

function withCpu(cpu: Json): NearValidRequest {
  const changed = { ...(spec as object), resources: { memory: { min: '1MB', max: '1MB' }, cpu } };
  const { validSpec: _validSpec, ...request } = create('');
  return { ...request, body: JSON.stringify({ spec: changed }) };
}

function withoutLabels<Container extends { spec: object }>(container: Container): Container {
  return { ...container, spec: { ...container.spec, metadata: { name: 'another' } } };
}
