import t from 'tap';

import {
  ConflictError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  UnavailableError,
} from '../../../src/containers/errors.ts';
import { KubernetesApiError } from '../../../src/kubernetes/api/api-error.ts';
import type { ClusterContext } from '../../../src/kubernetes/operations/cluster-context.ts';
import { createContainer } from '../../../src/kubernetes/operations/create-container.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

const quickWrites = { writeMs: 300, rollBackMs: 300, marginMs: 0 };

t.test('creating', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { faults, requests, objects } = cluster.sandbox;
  const deployments = () => objects.list('deployments', cluster.namespace).map(({ metadata }) => metadata.name);
  const services = () => objects.list('services', cluster.namespace);
  t.beforeEach(() => requests.clear());
  t.afterEach(() => faults.clear());

  await t.test('takes one call without ports and two with', async (t) => {
    await repository.create({ id: 'plain', spec: containerSpec() }, unhurried());
    t.equal(requests.count({ verb: ['create', 'get', 'list'] }), 1);
    requests.clear();
    const { service } = await repository.create({ id: 'ports', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.equal(requests.count({ verb: ['create', 'get', 'list'] }), 2);
    t.match(service, { name: /^dcm-ports-/, type: 'ClusterIP', cluster_ip: /^10\./, ports: [{ port: 80 }] });
  });

  await t.test('is seen by reads at once, even while the watch says nothing', async (t) => {
    faults.silenceWatches();
    const created = await repository.create({ id: 'at-once', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.equal(await repository.get('at-once', unhurried()), created, 'the very same');
    const { containers } = await repository.list({ pageSize: 100 }, unhurried());
    t.ok(containers.some(({ id }) => id === 'at-once'));
    faults.resetWatches();
  });

  await t.test('answers in the words of reads, without reading its numbers a second time', async (t) => {
    const env = [{ value: 'v', note: JSON.rawJSON('2.50'), name: 'A' }];
    const spec = { precise: [JSON.rawJSON('1.0')], ...containerSpec({ process: { env, args: ['a'] } }) };
    const rawJSON = t.capture(JSON, 'rawJSON', JSON.rawJSON);
    const created = await repository.create({ id: 'precise', spec }, unhurried());
    t.equal(rawJSON().length, 0);
    await using other = await connect(cluster);
    const read = await other.repository.get('precise', unhurried());
    t.equal(JSON.stringify(created.spec), JSON.stringify(read.spec));
    t.match(JSON.stringify(read.spec), '"env":[{"note":2.50,"name":"A","value":"v"}]');
  });

  await t.test('refuses an id that is taken, by what the API server says', async (t) => {
    await t.rejects(repository.create({ id: 'plain', spec: containerSpec() }, unhurried()), ConflictError);
    t.equal(requests.count({ verb: 'create' }), 1);
  });

  await t.test('makes what another replica deleted, though memory has not heard of it', async (t) => {
    await repository.create({ id: 'stale', spec: containerSpec() }, unhurried());
    await eventually(() => connected.source.view('stale'), Boolean);
    faults.silenceWatches();
    objects.delete({ resource: 'deployments', namespace: cluster.namespace, name: 'dcm-stale' });
    const made = await repository.create({ id: 'stale', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.same(await repository.get('stale', unhurried()), made);
    await repository.delete('stale', unhurried());
    t.notOk(deployments().includes('dcm-stale'));
    faults.resetWatches();
  });

  await t.test('makes an id that memory still knows as being removed', async () => {
    await repository.create({ id: 'held-then-gone', spec: containerSpec() }, unhurried());
    const place = { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-held-then-gone' };
    objects.patch(place, { metadata: { finalizers: ['example.com/hold'] } });
    objects.delete(place);
    await eventually(() => connected.source.view('held-then-gone')?.status === 'DELETED', Boolean);
    faults.silenceWatches();
    objects.patch(place, { metadata: { finalizers: null } });
    await repository.create({ id: 'held-then-gone', spec: containerSpec() }, unhurried());
    faults.resetWatches();
  });

  await t.test('makes an id whose container of the reference provider has gone, unheard of', async (t) => {
    const legacy = legacyDeployment('former', cluster.namespace);
    objects.create(legacy);
    await eventually(() => connected.source.view('former'), Boolean);
    faults.silenceWatches();
    objects.delete({ resource: 'deployments', namespace: cluster.namespace, name: legacy.metadata.name });
    const made = await repository.create({ id: 'former', spec: containerSpec() }, unhurried());
    t.same(await repository.get('former', unhurried()), made);
    faults.resetWatches();
  });

  await t.test('refuses an id that a container of the reference provider has', async (t) => {
    objects.create(legacyDeployment('legacy', cluster.namespace));
    await eventually(() => connected.source.view('legacy'), Boolean);
    await t.rejects(repository.create({ id: 'legacy', spec: containerSpec() }, unhurried()), ConflictError);
  });

  await t.test("refuses a name that a stranger's Deployment has, and says so", async (t) => {
    const stranger = legacyDeployment('x', cluster.namespace);
    const metadata = { name: 'dcm-strange', namespace: cluster.namespace, labels: { app: 'other' } };
    const before = objects.create({ ...stranger, metadata });
    const error = await failureOf(repository.create({ id: 'strange', spec: containerSpec() }, unhurried()));
    t.type(error, ConflictError);
    t.match(error.message, /Deployment named dcm-strange/);
    const place = { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-strange' };
    t.equal(objects.get(place)!.metadata.resourceVersion, before.metadata.resourceVersion);
  });

  await t.test('is told to wait while the former container is held by a finalizer', async (t) => {
    await repository.create({ id: 'held', spec: containerSpec() }, unhurried());
    const place = { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-held' };
    objects.patch(place, { metadata: { finalizers: ['example.com/hold'] } });
    await repository.delete('held', unhurried());
    const refusal = { name: 'UnavailableError', message: /held is still being removed/, retryAfterSeconds: 5 };
    t.match(await failureOf(repository.create({ id: 'held', spec: containerSpec() }, unhurried())), refusal);
    objects.patch(place, { metadata: { finalizers: null } });
    await repository.create({ id: 'held', spec: containerSpec() }, unhurried());
  });

  await t.test('again right after a delete makes a container that has nothing of the old one', async (t) => {
    const { service: old } = await repository.create({ id: 'again', spec: withPorts({ 80: 'internal' }) }, unhurried());
    const [kept] = services().filter(({ metadata }) => metadata.name === old!.name);
    objects.patch(
      { resource: 'services', namespace: cluster.namespace, name: old!.name },
      { metadata: { finalizers: ['service.kubernetes.io/load-balancer-cleanup'] } },
    );
    await repository.delete('again', unhurried());
    const plain = await repository.create({ id: 'again', spec: containerSpec() }, unhurried());
    t.notOk(plain.service);
    await repository.delete('again', unhurried());
    const { service } = await repository.create({ id: 'again', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.ok(kept);
    t.not(service!.name, old!.name);
    t.equal((await repository.get('again', unhurried())).service!.name, service!.name);
  });

  await t.test('without the Service takes the Deployment back', async (t) => {
    faults.refuse(
      { code: 403, message: 'services "x" is forbidden: exceeded quota: few, limited: 1' },
      { verb: 'create', resource: 'services' },
    );
    const error = await failureOf(
      repository.create({ id: 'no-service', spec: withPorts({ 80: 'internal' }) }, unhurried()),
    );
    t.type(error, UnavailableError);
    t.match(error.message, /exceeded quota: few/);
    t.notOk(deployments().includes('dcm-no-service'));
    t.match(await failureOf(repository.get('no-service', unhurried())), { name: 'NotFoundError' });
  });

  await t.test('waits for the Service as long as the API server asks, within its deadline', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 1 }, { verb: 'create', resource: 'services', times: 2 });
    const startedAt = performance.now();
    const { service } = await repository.create({ id: 'throttled', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.match(service, { name: /^dcm-throttled-/ });
    t.equal(throttle.hits, 2);
    t.ok(performance.now() - startedAt >= 2_000);
  });

  await t.test('does not wait for a Service beyond its deadline', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 60 }, { verb: 'create', resource: 'services' });
    const create = repository.create({ id: 'too-long', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.match(await failureOf(create), { name: 'UnavailableError', retryAfterSeconds: 60 });
    t.equal(throttle.hits, 1);
    t.notOk(deployments().includes('dcm-too-long'));
  });

  await t.test('says which ports the cluster finds invalid, by their place in the request', async (t) => {
    const causes = [{ reason: 'FieldValueInvalid', message: 'Invalid value: 0', field: 'spec.ports[0].port' }];
    faults.refuse({ code: 422, causes }, { verb: 'create', resource: 'services' });
    const spec = withPorts({ 80: 'none', 81: 'internal' });
    const error = await failureOf(repository.create({ id: 'bad-port', spec }, unhurried()));
    t.type(error, InvalidArgumentError);
    t.same((error as { violations?: unknown }).violations, [
      { pointer: '/spec/network/ports/1', detail: 'Invalid value: 0' },
    ]);
  });

  await t.test('finds what it made when the answer is lost', async (t) => {
    faults.dropAnswer({ verb: 'create', resource: 'deployments', times: 1 });
    faults.dropAnswer({ verb: 'create', resource: 'services', times: 1 });
    const { service } = await repository.create({ id: 'lost', spec: withPorts({ 80: 'internal' }) }, unhurried());
    t.match(service, { name: /^dcm-lost-/ });
    t.equal(requests.count({ verb: 'create' }), 2, 'nothing is sent twice');
  });

  await t.test('says that the outcome is not known when it is not', async (t) => {
    faults.drop({ verb: 'create', resource: 'deployments' });
    const error = await failureOf(repository.create({ id: 'unknown', spec: containerSpec() }, unhurried()));
    t.type(error, UnavailableError);
    t.match(error.message, /not known whether the container unknown was created. Read it before/);
  });

  await t.test('takes no answer of something else than the API server for a container that was made', async (t) => {
    const strange = { code: 200, body: '{"status":"ok"}', contentType: 'application/json' };
    using once = faults.refuse(strange, { verb: 'create', resource: 'deployments' });
    const request = { id: 'misled', spec: withPorts({ 80: 'internal' }) };
    t.match(await failureOf(repository.create(request, unhurried())), {
      name: 'UnavailableError',
      message: /not known whether the container misled was created/,
    });
    once.remove();
    faults.refuse(strange, { verb: 'create', resource: 'services', times: 1 });
    t.match(await failureOf(repository.create(request, unhurried())), {
      name: 'UnavailableError',
      message: 'The Kubernetes API server cannot be reached.',
    });
    t.match(connected.lines.at(-1), {
      level: 'warn',
      err: { message: 'create services: the answer is not a Service' },
    });
    await t.rejects(repository.get('misled', unhurried()), NotFoundError);
  });

  await t.test('tells what the cluster said when it surely has not made it', async (t) => {
    faults.refuse({ code: 500 }, { verb: 'create', resource: 'deployments' });
    const error = await failureOf(repository.create({ id: 'refused', spec: containerSpec() }, unhurried()));
    t.match(error, { name: 'UnavailableError', message: 'The Kubernetes API server cannot do it now.' });
  });

  await t.test('without the permission names it in the log, and not in the error', async (t) => {
    const message = 'deployments.apps is forbidden: User "u" cannot create resource "deployments" in API group "apps"';
    faults.refuse({ code: 403, message }, { verb: 'create' });
    const error = await failureOf(repository.create({ id: 'forbidden', spec: containerSpec() }, unhurried()));
    t.type(error, InternalError);
    t.notMatch(error.message, /User|deployments/);
    const expected = { level: 'error', verb: 'create', resource: 'deployments', namespace: cluster.namespace };
    t.match(connected.lines.at(-1), expected);
  });

  await t.test('goes on when its client leaves after the first write', async (t) => {
    faults.delay(100, { verb: 'create', resource: 'services' });
    const controller = new AbortController();
    const create = repository.create({ id: 'left', spec: withPorts({ 80: 'internal' }) }, controller);
    await eventually(deployments, (names) => names.includes('dcm-left'));
    controller.abort();
    await create;
    t.ok(services().some(({ metadata }) => metadata.name.startsWith('dcm-left-')));
  });

  await t.test('takes back when its client has left, too', async (t) => {
    faults.delay(100, { verb: 'create', resource: 'deployments' });
    using refused = faults.refuse({ code: 422 }, { verb: 'create', resource: 'services' });
    const controller = new AbortController();
    const create = repository.create({ id: 'left-too', spec: withPorts({ 80: 'internal' }) }, controller);
    await eventually(() => requests.count({ verb: 'create' }), Boolean);
    controller.abort();
    t.type(await failureOf(create), InvalidArgumentError);
    t.equal(refused.hits, 1);
    t.notOk(deployments().includes('dcm-left-too'));
  });

  await t.test('does not begin once its client has left', async (t) => {
    const signal = AbortSignal.abort(new RangeError('gone'));
    await t.rejects(repository.create({ id: 'never', spec: containerSpec() }, { signal }), RangeError);
    t.equal(requests.count({ verb: 'create' }), 0);
  });
});

t.test('a create that hangs ends within its own deadline, and what it began is taken back', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { bounds: { writes: quickWrites } });
  cluster.sandbox.faults.hang({ verb: 'create', resource: 'services' });
  const create = connected.repository.create({ id: 'slow', spec: withPorts({ 80: 'internal' }) }, unhurried());
  t.type(await failureOf(create), UnavailableError);
  t.same(cluster.sandbox.objects.list('deployments', cluster.namespace), []);
});

t.test('what could not be taken back is logged, and gets its Service later', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { bounds: { writes: quickWrites } });
  const { faults, objects } = cluster.sandbox;
  faults.refuse({ code: 500 }, { verb: 'create', resource: 'services' });
  faults.drop({ verb: 'delete' });
  const create = connected.repository.create({ id: 'stuck', spec: withPorts({ 80: 'internal' }) }, unhurried());
  t.type(await failureOf(create), UnavailableError);
  t.match(
    connected.lines.filter(({ level }) => level === 'error'),
    [{ containerId: 'stuck' }],
  );
  t.equal(objects.list('deployments', cluster.namespace).length, 1);
  faults.clear();
  const [service] = await eventually(
    () => objects.list('services', cluster.namespace),
    ({ length }) => length > 0,
  );
  t.match(service!.metadata.name, /^dcm-stuck-/);
  await eventually(
    () => connected.repository.get('stuck', unhurried()),
    (container) => container.service !== undefined,
  );
});

t.test('without live caches it asks the cluster whether the id is taken', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { start: false });
  cluster.sandbox.objects.create(legacyDeployment('legacy', cluster.namespace));
  const { repository } = connected;
  await t.rejects(repository.create({ id: 'legacy', spec: containerSpec() }, unhurried()), ConflictError);
  const { id } = await repository.create({ id: 'fresh', spec: containerSpec() }, unhurried());
  t.equal((await repository.get(id, unhurried())).id, 'fresh');
});

t.test('of 200 creates of one id over two providers one succeeds', async (t) => {
  await using cluster = await openSandbox();
  await using first = await connect(cluster);
  await using second = await connect(cluster);
  const creates = Array.from({ length: 200 }, (_, index) => {
    const { repository } = index % 2 === 0 ? first : second;
    return repository.create({ id: 'contended', spec: withPorts({ 80: 'internal' }) }, unhurried());
  });
  const outcomes = await Promise.allSettled(creates);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  t.equal(outcomes.length - refused.length, 1);
  t.ok(refused.every(({ reason }) => reason instanceof ConflictError));
  t.equal(cluster.sandbox.objects.list('deployments', cluster.namespace).length, 1);
  t.equal(cluster.sandbox.objects.list('services', cluster.namespace).length, 1);
});

t.test('an id that another replica gives away between two looks is taken, not a stranger’s', async (t) => {
  let looks = 0;
  const taken = new KubernetesApiError({ verb: 'create', resource: 'deployments' }, 409, {
    kind: 'Status',
    reason: 'AlreadyExists',
  });
  const named = { ...legacyDeployment('raced', 'containers').metadata, uid: 'u', resourceVersion: '1' };
  const api = {
    create: () => Promise.reject(taken),
    listAll: () => Promise.resolve(++looks === 1 ? [] : [{ metadata: named }]),
  };
  const bounds = { writeMs: 1_000, rollBackMs: 1_000, marginMs: 0 };
  const context = {
    api,
    bounds,
    caches: { isLive: false },
    view: {},
    namespace: 'containers',
  } as unknown as ClusterContext;
  const error = await failureOf(createContainer(context, { id: 'raced', spec: containerSpec() }));
  t.match(error, { name: 'ConflictError', message: 'There is already a container raced.' });
  t.equal(looks, 2);
});
