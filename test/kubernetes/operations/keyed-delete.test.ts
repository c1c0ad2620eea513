/** Deletes with an idempotency key, by one replica and by its neighbour. */
import t from 'tap';
import { ConflictError, NotFoundError, UnavailableError } from '../../../src/containers/errors.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import type { ConnectedCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

t.test('deleting with a key', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using one = await connect(cluster);
  await using other = await connect(cluster);
  const { faults, requests, objects } = cluster.sandbox;
  const isThere = (id: string) =>
    objects.list('deployments', cluster.namespace).some(({ metadata }) => metadata.name === `dcm-${id}`);
  const create = (id: string, by = one) => by.repository.create({ id, spec: containerSpec() }, unhurried());
  const remove = (id: string, key: string, by = one) => by.repository.delete(id, { ...unhurried(), key });
  const hasHeard = (by: ConnectedCluster, id: string) =>
    eventually(
      () => by.source.view(id),
      (deployment) => deployment === undefined,
    );
  const hasSeen = (by: ConnectedCluster, id: string) => eventually(() => by.source.view(id), Boolean);
  t.beforeEach(() => requests.clear());
  t.afterEach(() => faults.clear());

  await t.test('what is not there is as it was asked for', async (t) => {
    await remove('absent', 'k');
    t.equal(requests.count({ verb: 'delete' }), 0);
    await t.rejects(one.repository.delete('absent', unhurried()), NotFoundError);
  });

  await t.test('takes one call more than without, and a repeat none', async (t) => {
    await create('web');
    requests.clear();
    await remove('web', 'k');
    t.same(
      requests.last().map(({ verb }) => verb),
      ['patch', 'delete'],
    );
    t.notOk(isThere('web'));
    await remove('web', 'k');
    t.equal(requests.count({ verb: 'delete' }), 1);
  });

  await t.test('a repeat leaves what was made anew, here and where the watch told of it', async (t) => {
    await create('anew');
    await hasSeen(other, 'anew');
    await remove('anew', 'k');
    await hasHeard(other, 'anew');
    await create('anew');
    await hasSeen(other, 'anew');
    for (const by of [one, other]) {
      await remove('anew', 'k', by);
      t.ok(isThere('anew'));
    }
    await remove('anew', 'other key', other);
    t.notOk(isThere('anew'));
  });

  await t.test('a repeat leaves what was made anew where only the end was told of', async (t) => {
    await create('briefly');
    await hasSeen(other, 'briefly');
    faults.endWatches();
    await remove('briefly', 'k');
    await hasHeard(other, 'briefly');
    await create('briefly');
    await remove('briefly', 'k', other);
    t.ok(isThere('briefly'));
  });

  await t.test('of two at the same time with one key one removes it, and both have what they asked for', async (t) => {
    await create('twice');
    await Promise.all([remove('twice', 'k'), remove('twice', 'k'), remove('twice', 'k', other)]);
    t.notOk(isThere('twice'));
  });

  await t.test('a delete that failed removes the same container when it is repeated', async (t) => {
    await create('failed');
    const message = 'User "u" cannot delete resource "deployments"';
    using fault = faults.refuse({ code: 403, message }, { verb: 'delete', times: 1 });
    t.match((await failureOf(remove('failed', 'k'))).name, /^(?:InternalError|UnavailableError)$/);
    t.equal(fault.hits, 1);
    await remove('failed', 'k', other);
    t.notOk(isThere('failed'));
  });

  await t.test('a delete whose answer was lost is not repeated on what was made anew', async (t) => {
    await create('lost');
    faults.dropAnswer({ verb: 'delete', resource: 'deployments', times: 1 });
    const failed = failureOf(remove('lost', 'k'));
    await eventually(
      () => isThere('lost'),
      (there) => !there,
    );
    await create('lost', other);
    t.type(await failed, UnavailableError);
    await hasSeen(one, 'lost');
    await remove('lost', 'k');
    t.ok(isThere('lost'));
  });

  await t.test('does not fail where the key cannot be written down, and says so', async (t) => {
    const refusals = [
      { code: 403, message: 'User "u" cannot patch resource "deployments"' },
      { code: 422, message: `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not so` },
      { code: 500 },
      { code: 200, body: '<html>', contentType: 'text/html' },
    ];
    for (const refusal of refusals) {
      await create('unmarked');
      using fault = faults.refuse(refusal, { verb: 'patch' });
      const key = `k-${refusal.code}`;
      await remove('unmarked', key);
      t.equal(fault.hits, 1);
      t.notOk(isThere('unmarked'));
      t.match(one.lines.at(-1), { level: 'warn', containerId: 'unmarked' });
      await create('unmarked');
      await remove('unmarked', key);
      t.ok(isThere('unmarked'), 'known here all the same');
      await one.repository.delete('unmarked', unhurried());
    }
  });

  await t.test('waits two seconds and no longer until the key is written down', async (t) => {
    await create('frozen');
    using _fault = faults.hang({ verb: 'patch' });
    const startedAt = performance.now();
    await remove('frozen', 'k');
    const took = performance.now() - startedAt;
    t.notOk(isThere('frozen'));
    t.ok(took >= 1_900 && took < 10_000, `${took} ms`);
  });

  await t.test('an id that two Deployments carry is refused as without a key', async (t) => {
    for (let copy = 0; copy < 2; copy++) objects.create(legacyDeployment('double', cluster.namespace));
    await eventually(
      () => failureOf(one.repository.get('double', unhurried())).catch(() => undefined),
      (error) => error instanceof ConflictError,
    );
    await t.rejects(remove('double', 'k'), ConflictError);
  });
});
