import t from 'tap';

import { connect, openSandbox, unhurried } from '../../support/cluster.ts';
import type { SandboxCluster } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';
import { ManualLeadership } from '../../support/manual-leadership.ts';

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

t.test('a standby leaves repairs to the leader, until it leads itself', async (t) => {
  await using cluster = await openSandbox(still);
  const [name] = await makeIncomplete(cluster, 'a');
  const leadership = new ManualLeadership(false);
  await using connected = await connect(cluster, { ...old, leadership });
  const [deployment] = cluster.sandbox.objects.list('deployments', cluster.namespace);
  const createdAt = Date.parse(deployment!.metadata.creationTimestamp);
  await eventually(
    () => Date.now() - createdAt,
    (age) => age > 2_000,
  );
  await connected.source.resync(unhurried().signal);
  t.strictSame(serviceNames(cluster), []);
  leadership.set(true);
  await eventually(
    () => serviceNames(cluster).join(),
    (found) => found === name,
  );
});

t.test('a new leader that does not know the Services yet takes none of them for missing', async (t) => {
  await using cluster = await openSandbox(still);
  {
    await using maker = await connect(cluster);
    for (const id of ['a', 'b', 'c'])
      await maker.repository.create({ id, spec: withPorts({ 80: 'internal' }) }, unhurried());
  }
  const { faults, requests } = cluster.sandbox;
  const leadership = new ManualLeadership(false);
  const bounds = { writes: { writeMs: 500, rollBackMs: 0, marginMs: -10_000 } };
  await using connected = await connect(cluster, { leadership, bounds, start: false });
  using late = faults.delay(500, { verb: 'list', resource: 'services', times: 1 });
  requests.clear();
  connected.start();
  await eventually(
    () => [...connected.source.ids()].length,
    (count) => count === 3,
  );
  leadership.set(true);
  await connected.source.ready;
  await connected.source.resync(unhurried().signal);
  t.same([late.hits, requests.count({ verb: 'list', resource: 'services' })], [1, 2], 'one to fill, one to resync');
});

t.test('a standby completes what it left half-done itself', async (t) => {
  await using cluster = await openSandbox(still);
  await makeIncomplete(cluster, 'others');
  const { faults } = cluster.sandbox;
  await using connected = await connect(cluster, { ...old, leadership: new ManualLeadership(false) });
  faults.dropAnswer({ verb: 'create', resource: 'deployments', times: 1 });
  faults.refuse({ code: 500 }, { verb: 'list', resource: 'deployments' });
  const spec = withPorts({ 80: 'internal' });
  await t.rejects(connected.repository.create({ id: 'own', spec }, unhurried()), /not known whether/);
  faults.clear();
  await eventually(
    () => serviceNames(cluster),
    (found) => found.length > 0,
  );
  t.match(serviceNames(cluster), [/^dcm-own-/]);
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

t.test('a Service that is refused keeps no other container from its own', async (t) => {
  await using cluster = await openSandbox(still);
  const [, ...others] = await makeIncomplete(cluster, 'a', 'b', 'c');
  const message = 'services "x" is forbidden: exceeded quota: load-balancers, requested: services.loadbalancers=1';
  const refused = cluster.sandbox.faults.refuse(
    { code: 403, message },
    { verb: 'create', resource: 'services', times: 1 },
  );
  await using connected = await connect(cluster, old);
  await eventually(
    () => serviceNames(cluster).join(),
    (found) => found === others.join(),
  );
  t.equal(refused.hits, 1);
  t.match(
    connected.lines.filter(({ level }) => level === 'warn'),
    [{ containerId: 'a' }],
  );
});

t.test('a Service that a webhook refuses as an error of its own keeps no other container from its own', async (t) => {
  await using cluster = await openSandbox(still);
  const [, ...others] = await makeIncomplete(cluster, 'a', 'b', 'c');
  const message = 'admission webhook "services.example" denied the request: cannot look up the pool of "a"';
  cluster.sandbox.faults.refuse({ code: 500, message }, { verb: 'create', resource: 'services', times: 1 });
  await using connected = await connect(cluster, old);
  await eventually(
    () => serviceNames(cluster).join(),
    (found) => found === others.join(),
    20_000,
  );
  t.match(
    connected.lines.filter(({ level }) => level === 'warn'),
    [{ containerId: 'a' }],
  );
});

t.test('a cluster that throttles is left alone', async (t) => {
  await using cluster = await openSandbox(still);
  await makeIncomplete(cluster, 'a', 'b', 'c');
  const throttled = cluster.sandbox.faults.refuse(
    { code: 429, retryAfter: 60 },
    { verb: 'create', resource: 'services' },
  );
  await using connected = await connect(cluster, old);
  await eventually(
    () => connected.lines,
    (lines) => lines.some(({ level, containerId }) => level === 'warn' && containerId === 'a'),
  );
  await connected.source.resync(unhurried().signal);
  t.ok(throttled.hits >= 1);
  t.notOk(connected.lines.some(({ containerId }) => containerId === 'b' || containerId === 'c'));
});

t.test('creates of which the outcome is not known do not put repairs off forever', async () => {
  await using cluster = await openSandbox(still);
  const [name] = await makeIncomplete(cluster, 'a');
  const bounds = { writes: { writeMs: 2_000, rollBackMs: 0, marginMs: 0 } };
  await using connected = await connect(cluster, { bounds });
  cluster.sandbox.faults.dropAnswer({ verb: 'create', resource: 'deployments' });
  let creates = 0;
  await eventually(
    async () => {
      await connected.repository.create({ id: `b${creates++}`, spec: containerSpec() }, unhurried()).catch(() => 0);
      return serviceNames(cluster);
    },
    (names) => names.includes(name!),
    15_000,
  );
});

t.test('a resync ends with its signal while it repairs', async (t) => {
  await using cluster = await openSandbox(still);
  await makeIncomplete(cluster, 'a');
  const hanging = cluster.sandbox.faults.hang({ verb: 'create', resource: 'services' });
  const bounds = { writes: { writeMs: 5_000, rollBackMs: 0, marginMs: -5_000 } };
  await using connected = await connect(cluster, { bounds });
  const controller = new AbortController();
  const resync = connected.source.resync(controller.signal);
  await eventually(() => hanging.hits, Boolean);
  controller.abort(new RangeError('enough'));
  await t.rejects(resync, RangeError);
  cluster.sandbox.faults.clear();
});
