import t from 'tap';

import { ConflictError, NotFoundError, UnavailableError } from '../../../src/containers/errors.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment, legacyService } from '../../support/legacy.ts';

t.test('deleting', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { faults, requests, objects } = cluster.sandbox;
  const names = (kind: string) => objects.list(kind, cluster.namespace).map(({ metadata }) => metadata.name);
  t.beforeEach(() => requests.clear());
  t.afterEach(() => faults.clear());
  const create = async (id: string, spec = withPorts({ 80: 'internal' })) => {
    const container = await repository.create({ id, spec }, unhurried());
    requests.clear();
    return container;
  };

  await t.test('takes one call without ports and two with, and leaves nothing', async (t) => {
    await create('ports');
    await repository.delete('ports', unhurried());
    t.equal(requests.count(), 2);
    await create('plain', containerSpec());
    await repository.delete('plain', unhurried());
    t.equal(requests.count(), 1);
    t.same(names('deployments'), []);
    t.same(names('services'), []);
  });

  await t.test('is seen by reads at once, even while the watch says nothing', async (t) => {
    await create('at-once');
    faults.silenceWatches();
    await repository.delete('at-once', unhurried());
    await t.rejects(repository.get('at-once', unhurried()), NotFoundError);
    t.same(await repository.list({ pageSize: 10 }, unhurried()), { containers: [] });
    await t.rejects(repository.delete('at-once', unhurried()), NotFoundError);
    faults.resetWatches();
  });

  await t.test('hints at the change', async (t) => {
    await create('hint');
    const hints: string[] = [];
    const end = connected.source.onChange((id) => hints.push(id));
    await repository.delete('hint', unhurried());
    end();
    t.ok(hints.includes('hint'));
    t.notOk(connected.source.view('hint'));
  });

  await t.test('what is not there is not found, after a look at the cluster', async (t) => {
    await t.rejects(repository.delete('absent', unhurried()), NotFoundError);
    t.equal(requests.count({ verb: 'list' }), 1);
    t.equal(requests.count({ verb: 'delete' }), 0);
  });

  await t.test('a container that a finalizer holds counts as gone', async (t) => {
    await create('held', containerSpec());
    const place = { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-held' };
    objects.patch(place, { metadata: { finalizers: ['example.com/hold'] } });
    await repository.delete('held', unhurried());
    t.ok(objects.get(place)!.metadata.deletionTimestamp);
    await t.rejects(repository.get('held', unhurried()), NotFoundError);
    await t.rejects(repository.delete('held', unhurried()), NotFoundError);
    objects.patch(place, { metadata: { finalizers: null } });
  });

  await t.test('a container that someone else is deleting counts as gone', async (t) => {
    await create('elsewhere', containerSpec());
    const place = { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-elsewhere' };
    objects.patch(place, { metadata: { finalizers: ['example.com/hold'] } });
    objects.delete(place);
    await eventually(() => connected.source.view('elsewhere')?.status === 'DELETED', Boolean);
    await t.rejects(repository.get('elsewhere', unhurried()), NotFoundError);
    t.same(await repository.list({ pageSize: 10 }, unhurried()), { containers: [] });
    const again = repository.create({ id: 'elsewhere', spec: containerSpec() }, unhurried());
    t.match(await failureOf(again), { name: 'UnavailableError', message: /still being removed/ });
    objects.patch(place, { metadata: { finalizers: null } });
  });

  await t.test('an id that two Deployments carry is refused, and both stay', async (t) => {
    for (let copy = 0; copy < 2; copy++) objects.create(legacyDeployment('twice', cluster.namespace));
    await eventually(
      () => [...connected.source.ids()],
      (ids) => ids.includes('twice'),
    );
    await eventually(
      () => failureOf(repository.get('twice', unhurried())).catch(() => undefined),
      (error) => error instanceof ConflictError,
    );
    await t.rejects(repository.delete('twice', unhurried()), ConflictError);
    await t.rejects(repository.create({ id: 'twice', spec: containerSpec() }, unhurried()), ConflictError);
    t.equal(requests.count({ verb: 'delete' }), 0);
    t.equal(names('deployments').filter((name) => name.startsWith('legacy-')).length, 2);
    const { containers } = await repository.list({ pageSize: 10 }, unhurried());
    t.same(
      containers.map(({ id }) => id),
      ['twice'],
      'a list shows it once',
    );
    for (const name of names('deployments'))
      objects.delete({ resource: 'deployments', namespace: cluster.namespace, name });
  });

  await t.test('takes a container of the reference provider with its Service, the Service first', async (t) => {
    const deployment = legacyDeployment('legacy', cluster.namespace);
    objects.create(deployment);
    objects.create(legacyService('legacy', cluster.namespace));
    await eventually(
      () => repository.get('legacy', unhurried()).catch(() => undefined),
      (found) => found?.service !== undefined,
    );
    requests.clear();
    await repository.delete('legacy', unhurried());
    t.same(
      requests.last({ verb: 'delete' }).map(({ resource }) => resource),
      ['services', 'deployments'],
    );
    t.same([...names('deployments'), ...names('services')], []);
  });

  await t.test('keeps a container of the reference provider whose Service cannot be deleted', async (t) => {
    objects.create(legacyDeployment('kept', cluster.namespace));
    objects.create(legacyService('kept', cluster.namespace));
    await eventually(
      () => repository.get('kept', unhurried()).catch(() => undefined),
      (found) => found?.service !== undefined,
    );
    faults.refuse(
      { code: 403, message: 'User "u" cannot delete resource "services"' },
      { verb: 'delete', resource: 'services' },
    );
    t.match(await failureOf(repository.delete('kept', unhurried())), { name: 'InternalError' });
    t.equal((await repository.get('kept', unhurried())).id, 'kept');
    faults.clear();
    await repository.delete('kept', unhurried());
  });

  await t.test('leaves a Service that cannot be deleted to the garbage collector', async (t) => {
    const { service } = await create('collected');
    faults.refuse({ code: 403 }, { verb: 'delete', resource: 'services' });
    await repository.delete('collected', unhurried());
    t.match(connected.lines.at(-1), { level: 'warn', containerId: 'collected' });
    objects.delete({ resource: 'services', namespace: cluster.namespace, name: service!.name });
  });

  await t.test('deletes a Service that the watch has not told of', async (t) => {
    await create('unseen', withPorts({ 80: 'internal' }));
    await using other = await connect(cluster, { start: false });
    await other.repository.delete('unseen', unhurried());
    t.notOk(names('services').some((name) => name.startsWith('dcm-unseen-')));
  });

  await t.test('is asked for again when its answer is lost or the API server has no time', async (t) => {
    await create('lost', containerSpec());
    using dropped = faults.dropAnswer({ verb: 'delete', times: 1 });
    using throttled = faults.refuse({ code: 429, retryAfter: 0 }, { verb: 'delete', times: 1 });
    await repository.delete('lost', unhurried());
    t.same([dropped.hits, throttled.hits], [1, 1]);
    t.notOk(names('deployments').includes('dcm-lost'));
  });

  await t.test('takes nothing that may have been made after it when its answer was lost', async (t) => {
    await create('again', containerSpec());
    await using other = await connect(cluster);
    faults.dropAnswer({ verb: 'delete', resource: 'deployments', times: 1 });
    const failed = failureOf(repository.delete('again', unhurried()));
    await eventually(
      () => names('deployments'),
      (found) => !found.includes('dcm-again'),
    );
    await other.repository.create({ id: 'again', spec: containerSpec() }, unhurried());
    t.type(await failed, UnavailableError);
    t.ok(names('deployments').includes('dcm-again'));
  });

  await t.test('does not say that it deleted what may have been there before it', async (t) => {
    await create('before', containerSpec());
    await using other = await connect(cluster);
    faults.silenceWatches();
    await other.repository.delete('before', unhurried());
    await other.repository.create({ id: 'before', spec: containerSpec() }, unhurried());
    faults.drop({ verb: 'delete', times: 1 });
    t.type(await failureOf(repository.delete('before', unhurried())), UnavailableError);
    await repository.delete('before', unhurried());
    t.notOk(names('deployments').includes('dcm-before'));
    faults.resetWatches();
  });

  await t.test('deletes what has the id now, where another replica made it anew', async (t) => {
    await create('renewed', containerSpec());
    await using other = await connect(cluster);
    faults.silenceWatches();
    await other.repository.delete('renewed', unhurried());
    await other.repository.create({ id: 'renewed', spec: containerSpec() }, unhurried());
    await repository.delete('renewed', unhurried());
    t.notOk(names('deployments').includes('dcm-renewed'));
    t.type(await failureOf(repository.get('renewed', unhurried())), NotFoundError);
    const { containers } = await repository.list({ pageSize: 1_000 }, unhurried());
    t.notOk(containers.some(({ id }) => id === 'renewed'));
    faults.resetWatches();
  });

  await t.test('finds nothing where another replica was faster', async (t) => {
    await create('faster', containerSpec());
    await using other = await connect(cluster);
    faults.silenceWatches();
    await other.repository.delete('faster', unhurried());
    await t.rejects(repository.delete('faster', unhurried()), NotFoundError);
    faults.resetWatches();
  });

  await t.test('deletes what has the id now, under whatever name', async (t) => {
    await create('renamed', containerSpec());
    faults.silenceWatches();
    objects.delete({ resource: 'deployments', namespace: cluster.namespace, name: 'dcm-renamed' });
    objects.create(legacyDeployment('renamed', cluster.namespace));
    await repository.delete('renamed', unhurried());
    t.same(
      names('deployments').filter((name) => name.startsWith('legacy-')),
      [],
    );
    faults.resetWatches();
  });

  await t.test('takes no answer for "absent" but that of the API server about that very name', async (t) => {
    await create('proxied', containerSpec());
    const answers = [
      { code: 404, body: '<html>404 page not found</html>', contentType: 'text/html' },
      { code: 404, reason: 'NotFound', message: 'the server could not find the requested resource' },
      { code: 404, body: statusOf('deployments', 'dcm-other'), contentType: 'application/json' },
      { code: 404, body: statusOf('namespaces', 'dcm-proxied'), contentType: 'application/json' },
      { code: 409, body: '<html>conflict</html>', contentType: 'text/html' },
    ];
    for (const answer of answers) {
      using _fault = faults.refuse(answer, { verb: 'delete' });
      const error = await failureOf(repository.delete('proxied', unhurried()));
      t.match(error.name, /^(InternalError|UnavailableError)$/, JSON.stringify(answer));
      t.equal((await repository.get('proxied', unhurried())).id, 'proxied');
    }
    await repository.delete('proxied', unhurried());
    t.notOk(names('deployments').includes('dcm-proxied'));
  });

  await t.test('what was hidden shows again once a later list still has it', async (t) => {
    await create('back', containerSpec());
    // Something answers in the API server's words and has not asked it.
    using fault = faults.refuse(
      { code: 200, body: '{"kind":"Status","status":"Success"}', contentType: 'application/json' },
      { verb: 'delete' },
    );
    await repository.delete('back', unhurried());
    t.equal(fault.hits, 1);
    t.notOk([...connected.source.ids()].includes('back'));
    await connected.source.resync(unhurried().signal);
    t.equal((await repository.get('back', unhurried())).id, 'back');
    t.ok([...connected.source.ids()].includes('back'));
    fault.remove();
    await repository.delete('back', unhurried());
  });

  await t.test('changes nothing once its client has left', async (t) => {
    await create('left', containerSpec());
    const signal = AbortSignal.abort(new RangeError('gone'));
    await t.rejects(repository.delete('left', { signal }), RangeError);
    t.equal(requests.count({ verb: 'delete' }), 0);
  });
});

/** What the API server says of an object that is not there. */
function statusOf(kind: string, name: string): string {
  return JSON.stringify({ kind: 'Status', reason: 'NotFound', code: 404, details: { kind, name } });
}

t.test('a delete that gets no answer ends within its deadline', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const bounds = { writes: { writeMs: 300, rollBackMs: 300, marginMs: 0 } };
  await using connected = await connect(cluster, { bounds });
  await connected.repository.create({ id: 'slow', spec: containerSpec() }, unhurried());
  cluster.sandbox.faults.hang({ verb: 'delete' });
  t.type(await failureOf(connected.repository.delete('slow', unhurried())), UnavailableError);
  t.equal((await connected.repository.get('slow', unhurried())).id, 'slow');
});
