/** Creates with an idempotency key, over two replicas of one cluster. */
import t from 'tap';
import type { Container } from '../../../src/containers/container.ts';
import { ConflictError, KeyReusedError, UnavailableError } from '../../../src/containers/errors.ts';
import { containerIdOfKey } from '../../../src/containers/idempotency.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

/** What does not change while the container lives on. */
const lasting = ({ id, create_time, service, spec }: Container) => ({ id, create_time, service: service?.name, spec });

t.test('creating once', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using first = await connect(cluster);
  await using second = await connect(cluster);
  const replicas = [first.repository, second.repository] as const;
  const { faults, requests, objects } = cluster.sandbox;
  const named = (kind: 'deployments' | 'services', id: string) =>
    objects.list(kind, cluster.namespace).filter(({ metadata }) => metadata.name.startsWith(`dcm-${id}`));
  const place = (id: string) => ({ resource: 'deployments', namespace: cluster.namespace, name: `dcm-${id}` });
  t.afterEach(() => faults.clear());

  await t.test('two hundred at once get one container, with its Service', async (t) => {
    const spec = withPorts({ 80: 'internal' });
    const id = containerIdOfKey('many');
    const request = { id, key: 'many', spec };
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => replicas[index % 2]!.createOnce(request, unhurried())),
    );
    t.equal(results.filter(({ replayed }) => !replayed).length, 1);
    for (const { container } of results) t.same(lasting(container), lasting(results[0]!.container));
    t.match(results[0]!.container, { id, service: { cluster_ip: /^10\./ } });
    t.same([named('deployments', id).length, named('services', id).length], [1, 1]);
  });

  await t.test('the key has the id that was asked for, and no other', async (t) => {
    const spec = containerSpec();
    t.match(await first.repository.createOnce({ id: 'chosen', key: 'k', spec }, unhurried()), { replayed: false });
    t.match(await second.repository.createOnce({ id: 'chosen', key: 'k', spec }, unhurried()), {
      replayed: true,
      container: { id: 'chosen' },
    });
    const other = { id: 'chosen', key: 'k', spec: { ...spec, image: { reference: 'other' } } };
    t.type(await failureOf(second.repository.createOnce(other, unhurried())), KeyReusedError);
    t.type(await failureOf(first.repository.createOnce({ id: 'chosen', key: 'l', spec }, unhurried())), ConflictError);
    t.type(await failureOf(first.repository.create({ id: 'chosen', spec }, unhurried())), ConflictError);
  });

  await t.test('a container that was made without a key is a conflict', async (t) => {
    await first.repository.create({ id: 'keyless', spec: containerSpec() }, unhurried());
    objects.create(legacyDeployment('reference', cluster.namespace));
    await eventually(() => first.source.view('reference'), Boolean);
    for (const id of ['keyless', 'reference']) {
      const call = first.repository.createOnce({ id, key: 'k', spec: containerSpec() }, unhurried());
      t.type(await failureOf(call), ConflictError, id);
    }
    const stranger = {
      ...legacyDeployment('x', cluster.namespace),
      metadata: { name: 'dcm-alien', namespace: cluster.namespace },
    };
    objects.create(stranger);
    const alien = first.repository.createOnce({ id: 'alien', key: 'k', spec: containerSpec() }, unhurried());
    t.match(await failureOf(alien), { name: 'ConflictError', message: /not a container of DCM/ });
  });

  await t.test('a try whose answer was lost has made what the next one gets', async (t) => {
    const request = { id: 'lost', key: 'lost', spec: withPorts({ 80: 'internal' }) };
    faults.add({ verb: 'create', resource: 'deployments', action: { kind: 'drop-answer' }, times: 1 });
    const made = await first.repository.createOnce(request, unhurried());
    const next = await second.repository.createOnce(request, unhurried());
    t.equal(next.replayed, true);
    t.same(lasting(next.container), lasting(made.container));
    t.equal(named('services', 'lost').length, 1);
  });

  await t.test('lists show it at once on whatever replica answered, even while the watches say nothing', async (t) => {
    const quiet = await openSandbox({ controllers: false });
    t.teardown(() => quiet[Symbol.asyncDispose]());
    await using maker = await connect(quiet);
    await using other = await connect(quiet);
    quiet.sandbox.faults.silenceWatches();
    const request = { id: 'listed', key: 'listed', spec: withPorts({ 80: 'internal' }) };
    for (const round of ['made for the first time', 'made anew']) {
      await maker.repository.createOnce(request, unhurried());
      const { container } = await other.repository.createOnce(request, unhurried());
      t.same(await other.repository.get('listed', unhurried()), container, round);
      const { containers } = await other.repository.list({ pageSize: 10 }, unhurried());
      t.same(containers, [container], round);
      await maker.repository.delete('listed', unhurried());
    }
  });

  await t.test('one that is in the making is waited for, and given with its Service', async (t) => {
    const request = { id: 'slow', key: 'slow', spec: withPorts({ 80: 'internal' }) };
    using held = faults.add({ verb: 'create', resource: 'services', action: { kind: 'delay', milliseconds: 700 } });
    const made = first.repository.createOnce(request, unhurried());
    await eventually(
      () => named('deployments', 'slow').length,
      (count) => count === 1,
    );
    const [one, other] = await Promise.all([made, second.repository.createOnce(request, unhurried())]);
    t.same([one.replayed, other.replayed, held.hits], [false, true, 1]);
    t.same(lasting(other.container), lasting(one.container));
  });

  await t.test('one that is rolled back meanwhile is made by whoever waits', async (t) => {
    await using hasty = await connect(cluster, {
      bounds: { writes: { writeMs: 700, rollBackMs: 10_000, marginMs: 0 } },
    });
    const request = { id: 'undone', key: 'undone', spec: withPorts({ 80: 'internal' }) };
    faults.add({ verb: 'create', resource: 'services', action: { kind: 'hang' }, times: 1 });
    const failed = failureOf(hasty.repository.createOnce(request, unhurried()));
    await eventually(
      () => named('deployments', 'undone').length,
      (count) => count === 1,
    );
    const made = await second.repository.createOnce(request, unhurried());
    t.type(await failed, UnavailableError);
    t.match(made, { replayed: false, container: { id: 'undone', service: {} } });
    t.same([named('deployments', 'undone').length, named('services', 'undone').length], [1, 1]);
  });

  await t.test('one that was left without its Service for longer than a create can last is completed', async (t) => {
    await using impatient = await connect(cluster, {
      bounds: { writes: { writeMs: 3_000, rollBackMs: 0, marginMs: 0 } },
    });
    const request = { id: 'half', key: 'half', spec: withPorts({ 80: 'internal' }) };
    const { container } = await first.repository.createOnce(request, unhurried());
    objects.delete({ resource: 'services', namespace: cluster.namespace, name: container.service!.name });
    await eventually(
      () => Date.now() - Date.parse(container.create_time),
      (age) => age > 3_500,
    );
    const completed = await impatient.repository.createOnce(request, unhurried());
    t.match(completed, { replayed: true, container: { id: 'half', service: { name: container.service!.name } } });
    t.equal(named('services', 'half').length, 1);
  });

  await t.test(
    'one whose Service is being removed is 503, and one whose Service lost its labels a conflict',
    async (t) => {
      await using impatient = await connect(cluster, {
        bounds: { writes: { writeMs: 1_000, rollBackMs: 0, marginMs: 0 } },
      });
      const request = { id: 'robbed', key: 'robbed', spec: withPorts({ 80: 'internal' }) };
      const { container } = await first.repository.createOnce(request, unhurried());
      const { name } = container.service!;
      const service = { resource: 'services', namespace: cluster.namespace, name };
      await eventually(
        () => Date.now() - Date.parse(container.create_time),
        (age) => age > 2_000,
      );
      const again = () => failureOf(impatient.repository.createOnce(request, unhurried()));
      objects.patch(service, { metadata: { finalizers: ['example.com/hold'] } });
      objects.delete(service);
      t.match(await again(), { name: 'UnavailableError', message: /former Service .* is still being removed/ });
      objects.patch(service, { metadata: { finalizers: null } });
      t.match(await impatient.repository.createOnce(request, unhurried()), {
        replayed: true,
        container: { service: {} },
      });

      const labels = Object.keys(objects.get(service)!.metadata.labels!).map((label) => [label, null]);
      objects.patch(service, { metadata: { labels: Object.fromEntries(labels) as object } });
      t.match(await again(), {
        name: 'ConflictError',
        message: new RegExp(`named ${name} that is not known as one of`),
      });
      t.same(
        impatient.lines.filter(({ level }) => level === 'error'),
        [],
      );
    },
  );

  await t.test('one that is being removed is 503, and one that was deleted is made anew', async (t) => {
    const request = { id: 'gone', key: 'gone', spec: containerSpec() };
    const { container } = await first.repository.createOnce(request, unhurried());
    objects.patch(place('gone'), { metadata: { finalizers: ['example.com/hold'] } });
    await first.repository.delete('gone', unhurried());
    t.type(await failureOf(second.repository.createOnce(request, unhurried())), UnavailableError);
    objects.patch(place('gone'), { metadata: { finalizers: null } });
    const anew = await second.repository.createOnce(request, unhurried());
    t.equal(anew.replayed, false);
    t.not(named('deployments', 'gone')[0]!.metadata.uid, undefined);
    t.equal(anew.container.id, container.id);
  });

  await t.test('what is kept tells neither key nor values', async (t) => {
    const key = 'a-key-nobody-guesses';
    const spec = { ...containerSpec(), process: { env: [{ name: 'PASSWORD', value: 'hunter2' }] } };
    await first.repository.createOnce({ id: 'quiet', key, spec }, unhurried());
    const { annotations } = objects.get(place('quiet'))!.metadata as { annotations: Record<string, string> };
    t.notMatch(JSON.stringify(annotations), /hunter2|a-key-nobody/);
    t.match(annotations, {
      'dcm.project/idempotency-key': /^[0-9a-f]{64}$/,
      'dcm.project/idempotency-request': /^[0-9a-f]{64}$/,
    });
  });

  await t.test('a create that nobody repeats costs no more calls', async (t) => {
    requests.clear();
    await first.repository.createOnce({ id: 'cheap', key: 'cheap', spec: containerSpec() }, unhurried());
    t.equal(requests.count({ verb: ['create', 'get', 'list'] }), 1);
  });
});

t.test('validating', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { faults, objects } = cluster.sandbox;
  t.afterEach(() => faults.clear());

  await t.test('gives the container as it would be, and makes nothing', async (t) => {
    const container = await repository.validate({ id: 'dry', spec: withPorts({ 80: 'external' }) }, unhurried());
    t.match(container, { id: 'dry', status: 'PENDING', path: 'containers/dry' });
    t.equal(container.service, undefined);
    t.same(objects.list('deployments', cluster.namespace), []);
    t.same(objects.list('services', cluster.namespace), []);
    t.equal((await failureOf(repository.get('dry', unhurried()))).name, 'NotFoundError');
  });

  await t.test('refuses what a create refuses, in the same words', async (t) => {
    await repository.create({ id: 'taken', spec: containerSpec() }, unhurried());
    const name = 'a'.repeat(63);
    const bad = { ...containerSpec(), metadata: { name, labels: {} }, process: { env: [{ name: 'A B', value: '' }] } };
    for (const request of [
      { id: 'taken', spec: containerSpec() },
      { id: 'bad', spec: bad },
    ]) {
      const dry = await failureOf(repository.validate(request, unhurried())).catch((error: unknown) => error as Error);
      const real = await failureOf(repository.create(request, unhurried())).catch((error: unknown) => error as Error);
      t.same([dry.name, dry.message], [real.name, real.message], request.id);
    }
  });

  await t.test('asks the admission of the Service too', async (t) => {
    faults.add({
      verb: 'create',
      resource: 'services',
      action: {
        kind: 'refuse',
        code: 403,
        reason: 'Forbidden',
        message: 'admission webhook "x" denied the request: no Services',
      },
    });
    const error = await failureOf(repository.validate({ id: 'x', spec: withPorts({ 80: 'internal' }) }, unhurried()));
    t.match(error, { name: 'InvalidArgumentError', message: /no Services/ });
  });

  await t.test('cannot tell where a webhook takes no part in dry runs', async (t) => {
    const message = 'admission webhook "x.example.com" does not support dry run';
    faults.add({ verb: 'create', action: { kind: 'refuse', code: 400, reason: 'BadRequest', message } });
    const error = await failureOf(repository.validate({ id: 'x', spec: containerSpec() }, unhurried()));
    t.match(error, { name: 'UnavailableError', message: /takes no part in dry runs/ });
  });
});
