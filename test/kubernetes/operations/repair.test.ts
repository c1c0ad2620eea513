import t from 'tap';

import { connect, openSandbox, unhurried } from '../../support/cluster.ts';
import type { SandboxCluster } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

const still = { controllers: false } as const;
/** A create is over at once: whatever lacks its Service may be repaired after a second. */
const old = { bounds: { writes: { writeMs: 500, rollBackMs: 0, marginMs: 0 } } };

function serviceNames({ sandbox, namespace }: SandboxCluster): string[] {
  return sandbox.objects.list('services', namespace).map(({ metadata }) => metadata.name);
}

/** Containers whose provider died before it made their Services. Gives the names that those have to get. */
async function makeIncomplete(cluster: SandboxCluster, ...ids: string[]): Promise<string[]> {
  await using connected = await connect(cluster);
  const names: string[] = [];
  for (const id of ids) {
    const spec = withPorts({ 80: 'internal', 81: 'external' });
    const { service } = await connected.repository.create({ id, spec }, unhurried());
    const { name } = service!;
    names.push(name);
    cluster.sandbox.objects.delete({ resource: 'services', namespace: cluster.namespace, name: name });
  }
  return names;
}

t.test('a container that lacks its Service gets it after the start, once it is old enough', async (t) => {
  await using cluster = await openSandbox(still);
  const names = await makeIncomplete(cluster, 'a', 'b');
  await using connected = await connect(cluster, { ...old, externalServiceType: 'NodePort' });
  await eventually(
    () => serviceNames(cluster).join(),
    (found) => found === names.join(),
  );
  const { service } = await connected.repository.get('a', unhurried());
  t.match(service, { name: names[0], type: 'NodePort', ports: [{ port: 80 }, { port: 81 }] });
  const [stored] = cluster.sandbox.objects.list('services', cluster.namespace);
  const [deployment] = cluster.sandbox.objects.list('deployments', cluster.namespace);
  t.match(stored!.metadata.ownerReferences, [{ uid: deployment!.metadata.uid }]);
});

t.test('a resync repairs, and leaves young containers alone', async (t) => {
  await using cluster = await openSandbox(still);
  const [name] = await makeIncomplete(cluster, 'a');
  await using patient = await connect(cluster);
  await patient.source.resync(unhurried().signal);
  t.same(serviceNames(cluster), [], 'it may still be in the making');
  await using repairing = await connect(cluster, old);
  await eventually(
    async () => {
      await repairing.source.resync(unhurried().signal);
      return serviceNames(cluster).join();
    },
    (found) => found === name,
  );
});

t.test('two replicas that repair make one Service', async (t) => {
  await using cluster = await openSandbox(still);
  const names = await makeIncomplete(cluster, 'a');
  await using first = await connect(cluster, old);
  await using second = await connect(cluster, old);
  await eventually(
    () => serviceNames(cluster),
    ({ length }) => length > 0,
  );
  const { signal } = unhurried();
  await Promise.all([first.source.resync(signal), second.source.resync(signal)]);
  t.same(serviceNames(cluster), names);
});

t.test('what has its Service, wants none or is not ours is left alone', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster, {
    bounds: { writes: { writeMs: 500, rollBackMs: 0, marginMs: -10_000 } },
  });
  const { objects, requests } = cluster.sandbox;
  objects.create(legacyDeployment('legacy', cluster.namespace));
  await using maker = await connect(cluster);
  await maker.repository.create({ id: 'whole', spec: withPorts({ 80: 'internal' }) }, unhurried());
  await maker.repository.create({ id: 'plain', spec: containerSpec() }, unhurried());
  await eventually(
    () => [...connected.source.ids()].length,
    (count) => count === 3,
  );
  requests.clear();
  await connected.source.resync(unhurried().signal);
  t.equal(requests.count({ verb: 'create' }), 0);
  t.equal(serviceNames(cluster).length, 1);
});

t.test('a repair that fails is tried again at the next resync', async (t) => {
  await using cluster = await openSandbox(still);
  const [name] = await makeIncomplete(cluster, 'a');
  const refused = cluster.sandbox.faults.refuse({ code: 403 }, { verb: 'create', resource: 'services' });
  await using connected = await connect(cluster, old);
  await eventually(() => refused.hits, Boolean);
  await eventually(
    () => connected.lines,
    (lines) => lines.some(({ level, containerId }) => level === 'warn' && containerId === 'a'),
  );
  t.same(serviceNames(cluster), []);
  refused.remove();
  await connected.source.resync(unhurried().signal);
  t.same(serviceNames(cluster), [name]);
});

t.test('a Service of the same name that is another’s is no success', async (t) => {
  await using cluster = await openSandbox(still);
  const [name] = await makeIncomplete(cluster, 'a');
  cluster.sandbox.objects.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: name!, namespace: cluster.namespace },
    ...{ spec: { ports: [{ port: 1 }] } },
  });
  await using connected = await connect(cluster, old);
  await eventually(
    () => connected.lines,
    (lines) => lines.some(({ level, containerId }) => level === 'warn' && containerId === 'a'),
  );
  t.notOk((await connected.repository.get('a', unhurried())).service);
});
