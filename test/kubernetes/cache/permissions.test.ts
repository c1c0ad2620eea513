/** Without its permissions the provider says so; that an API server that starts has not loaded them yet is no fault. */
import t from 'tap';

import { InternalError, UnavailableError } from '../../../src/containers/errors.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { connect, failureOf, openSandbox, quickReflector, unhurried } from '../../support/cluster.ts';
import type { SandboxCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';

/** From now on the API server refuses as it does by RBAC. */
function forbid({ sandbox, namespace }: SandboxCluster, verb: 'watch' | 'list' | 'create', resource: string) {
  const message = `${resource} is forbidden: User "system:serviceaccount:dcm:provider" cannot ${verb} resource "${resource}" in API group "" in the namespace "${namespace}"`;
  return sandbox.faults.refuse({ code: 403, message }, { verb, resource });
}

t.test('after a watch was refused for long enough', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const reflector = { ...quickReflector, permissionsLoadMs: 300 };
  await using connected = await connect(cluster, { bounds: { reflector } });
  const { repository, isHealthy, lines } = connected;
  await repository.create({ id: 'web', spec: containerSpec() }, unhurried());
  const list = () => repository.list({ pageSize: 10 }, unhurried());
  t.equal((await list()).containers.length, 1);
  const refusals = ['deployments', 'pods', 'services'].flatMap((resource) => [
    forbid(cluster, 'watch', resource),
    forbid(cluster, 'list', resource),
  ]);
  cluster.sandbox.faults.resetWatches();
  const error = await eventually(
    () =>
      list().then(
        () => undefined,
        (error: unknown) => error as Error,
      ),
    (error) => error !== undefined,
  );
  const words =
    /^The provider lacks a permission in the cluster: it may not (watch|list) (deployments|pods|services)\.$/;
  for (const refusal of [
    error,
    await failureOf(repository.get('web', unhurried())),
    await failureOf(repository.get('x', unhurried())),
  ]) {
    t.ok(refusal instanceof UnavailableError);
    t.match(refusal, { message: words });
  }
  await eventually(
    () => isHealthy(),
    (healthy) => !healthy,
  );
  const told = await eventually(
    () => lines.find(({ level }) => level === 'error'),
    (line) => line !== undefined,
  );
  t.match(told, {
    msg: 'a permission in the cluster is missing',
    verb: /watch|list/,
    namespace: cluster.namespace,
    role: `in the namespace ${cluster.namespace}, bound to the provider's ServiceAccount`,
  });

  for (const refusal of refusals) refusal.remove();
  await eventually(
    () =>
      list().then(
        ({ containers }) => containers.length,
        () => 0,
      ),
    (count) => count === 1,
  );
  await eventually(() => isHealthy(), Boolean);
});

t.test('while an API server that starts refuses everything, nothing is an ERROR and nothing flaps', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository, isHealthy, lines } = connected;
  const { faults, requests } = cluster.sandbox;
  await repository.create({ id: 'web', spec: containerSpec() }, unhurried());
  const refusals = [
    ...['deployments', 'pods', 'services'].map((resource) => forbid(cluster, 'watch', resource)),
    forbid(cluster, 'create', 'deployments'),
  ];
  requests.clear();
  faults.resetWatches();
  await eventually(
    () => requests.count({ verb: 'watch' }),
    (count) => count >= 9,
  );
  t.match(await failureOf(repository.create({ id: 'other', spec: containerSpec() }, unhurried())), {
    name: 'UnavailableError',
    message: 'The Kubernetes API server is starting.',
  });
  t.equal((await repository.list({ pageSize: 10 }, unhurried())).containers.length, 1);
  t.equal((await repository.get('web', unhurried())).id, 'web');
  t.ok(await isHealthy());
  for (const refusal of refusals) refusal.remove();
  await repository.create({ id: 'other', spec: containerSpec() }, unhurried());
  t.strictSame(
    lines.filter(({ level }) => level === 'error'),
    [],
  );
});

t.test('where the watches are open, a refused create lacks its permission, and is told so at once', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  forbid(cluster, 'create', 'deployments');
  const refused = await failureOf(connected.repository.create({ id: 'web', spec: containerSpec() }, unhurried()));
  t.ok(refused instanceof InternalError);
  t.ok(connected.lines.some(({ level, verb }) => level === 'error' && verb === 'create'));
});
