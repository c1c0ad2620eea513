/** Containers that have a Service for all ports, and another one for their external ports. */
import t from 'tap';

import { UnavailableError } from '../../../src/containers/errors.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import type { SandboxCluster } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';

const still = { controllers: false } as const;
const isolating = { isolateInternalPorts: true };
/** A create is over at once: whatever lacks a Service may be completed after a second. */
const old = { bounds: { writes: { writeMs: 500, rollBackMs: 0, marginMs: 0 } } };
const mixed = withPorts({ 80: 'internal', 81: 'none', 82: 'external' });

function services({ sandbox, namespace }: SandboxCluster) {
  return sandbox.objects.list('services', namespace);
}

function serviceNames(cluster: SandboxCluster): string[] {
  return services(cluster).map(({ metadata }) => metadata.name);
}

/** Containers of which no Service but the first, or the second, was made. Gives the names of both. */
async function makeHalf(cluster: SandboxCluster, id: string, lacking: 0 | 1 | 'both'): Promise<[string, string]> {
  await using connected = await connect(cluster, isolating);
  const { service } = await connected.repository.create({ id, spec: mixed }, unhurried());
  const names: [string, string] = [service!.name, `${service!.name}-external`];
  const gone = lacking === 'both' ? names : [names[lacking]];
  for (const name of gone) {
    cluster.sandbox.objects.delete({ resource: 'services', namespace: cluster.namespace, name });
  }
  return names;
}

t.test('a container with isolated ports', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster, isolating);
  const { repository } = connected;
  const { faults, requests, objects } = cluster.sandbox;
  const deployments = () => objects.list('deployments', cluster.namespace).map(({ metadata }) => metadata.name);
  t.beforeEach(() => requests.clear());
  t.afterEach(() => faults.clear());

  await t.test('takes three calls, and shows both Services as one at once', async (t) => {
    const made = await repository.create({ id: 'web', spec: mixed }, unhurried());
    t.equal(requests.count({ verb: ['create', 'get', 'list'] }), 3);
    const [inner, outer] = services(cluster) as unknown as {
      metadata: { name: string };
      spec: { clusterIP: string };
    }[];
    t.equal(outer!.metadata.name, `${inner!.metadata.name}-external`);
    t.match(made.service, {
      name: inner!.metadata.name,
      cluster_ip: inner!.spec.clusterIP,
      type: 'LoadBalancer',
      ports: [{ port: 80 }, { port: 82, node_port: Number }],
    });
    t.notOk(made.service!.ports[0]!.node_port);
    t.same(await repository.get('web', unhurried()), made);
  });

  await t.test('takes three calls to delete, and leaves nothing', async (t) => {
    await repository.delete('web', unhurried());
    t.equal(requests.count(), 3);
    t.same([...deployments(), ...serviceNames(cluster)], []);
  });

  await t.test('is as ever where its ports are of one kind', async (t) => {
    for (const [id, spec, type] of [
      ['inside', withPorts({ 80: 'internal' }), 'ClusterIP'],
      ['outside', withPorts({ 80: 'external' }), 'LoadBalancer'],
    ] as const) {
      const { service } = await repository.create({ id, spec }, unhurried());
      t.equal(service!.type, type);
      t.same(serviceNames(cluster), [service!.name]);
      const [{ metadata }] = objects.list('deployments', cluster.namespace) as unknown as [{ metadata: object }];
      t.notMatch(JSON.stringify(metadata), /isolate/);
      await repository.delete(id, unhurried());
      t.same([...deployments(), ...serviceNames(cluster)], []);
    }
  });

  await t.test('is taken back with its first Service where the second is refused', async (t) => {
    faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
    const message = 'services "x" is forbidden: exceeded quota: few, limited: services.loadbalancers=0';
    using refused = faults.refuse({ code: 403, message }, { verb: 'create', resource: 'services' });
    const error = await failureOf(repository.create({ id: 'refused', spec: mixed }, unhurried()));
    t.type(error, UnavailableError);
    t.match(error.message, /exceeded quota: few/);
    t.equal(refused.hits, 1);
    t.same([...deployments(), ...serviceNames(cluster)], []);
    t.match(await failureOf(repository.get('refused', unhurried())), { name: 'NotFoundError' });
    const { service } = await (faults.clear(), repository.create({ id: 'refused', spec: mixed }, unhurried()));
    t.same(serviceNames(cluster), [service!.name, `${service!.name}-external`]);
    await repository.delete('refused', unhurried());
  });

  await t.test('is found whole when the answers are lost', async (t) => {
    faults.dropAnswer({ verb: 'create', resource: 'services', times: 2 });
    const { service } = await repository.create({ id: 'lost', spec: mixed }, unhurried());
    t.equal(requests.count({ verb: 'create' }), 3, 'nothing is sent twice');
    t.match(service, { type: 'LoadBalancer', ports: [{ port: 80 }, { port: 82, node_port: Number }] });
    await repository.delete('lost', unhurried());
  });

  await t.test('is checked with both Services, and nothing is made', async (t) => {
    const checked = await repository.validate({ id: 'dry', spec: mixed }, unhurried());
    t.equal(checked.service, undefined);
    t.equal(requests.count({ verb: 'create', resource: 'services' }), 2);
    t.same([...deployments(), ...serviceNames(cluster)], []);
    faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
    const message = 'admission webhook "x" denied the request: no load balancers';
    faults.refuse({ code: 403, message }, { verb: 'create', resource: 'services' });
    const error = await failureOf(repository.validate({ id: 'dry', spec: mixed }, unhurried()));
    t.match(error, { name: 'InvalidArgumentError', message: /no load balancers/ });
  });

  await t.test('is deleted with Services that the watch has not told of', async (t) => {
    await repository.create({ id: 'unseen', spec: mixed }, unhurried());
    await using other = await connect(cluster, { start: false });
    await other.repository.delete('unseen', unhurried());
    t.same([...deployments(), ...serviceNames(cluster)], []);
  });

  await t.test('is deleted with the one Service that the watch has not told of', async (t) => {
    await using other = await connect(cluster);
    faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
    using late = faults.delay(300, { verb: 'create', resource: 'services' });
    const made = repository.create({ id: 'half-seen', spec: mixed }, unhurried());
    const seen = () => other.stats().services.objects;
    await eventually(seen, (count) => count === 1 && late.hits === 1);
    faults.silenceWatches('services');
    await made;
    await eventually(() => other.source.view('half-seen'), Boolean);
    t.same([seen(), services(cluster).length], [1, 2]);
    await other.repository.delete('half-seen', unhurried());
    t.same([...deployments(), ...serviceNames(cluster)], []);
    faults.resetWatches();
  });

  await t.test('is deleted with a Service more that someone made for it', async (t) => {
    const { service } = await repository.create({ id: 'third', spec: mixed }, unhurried());
    const { labels, ownerReferences } = services(cluster)[0]!.metadata;
    const metadata = { labels, ownerReferences, name: 'third', namespace: cluster.namespace };
    const third = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 1 }] } };
    objects.create(third);
    const read = await eventually(
      async () => (await repository.get('third', unhurried())).service,
      () => connected.stats().services.objects === 3,
    );
    t.equal(read!.name, service!.name, 'which shows nowhere');
    await repository.delete('third', unhurried());
    t.same([...deployments(), ...serviceNames(cluster)], []);
  });
});

for (const lacking of [0, 1, 'both'] as const) {
  const what = lacking === 'both' ? 'its Services' : `its Service ${lacking + 1} of 2`;
  t.test(`a container that lacks ${what} gets it, whatever is configured by then`, async (t) => {
    await using cluster = await openSandbox(still);
    const names = await makeHalf(cluster, 'a', lacking);
    await using connected = await connect(cluster, { ...old, externalServiceType: 'NodePort' });
    await eventually(
      () => serviceNames(cluster).toSorted().join(),
      (found) => found === names.join(),
    );
    const { service } = await eventually(
      () => connected.repository.get('a', unhurried()),
      (container) => container.service?.ports[1]?.node_port !== undefined,
    );
    t.match(service, { name: names[0], ports: [{ port: 80 }, { port: 82, node_port: Number }] });
    t.equal(service!.type, lacking === 0 ? 'LoadBalancer' : 'NodePort');
    const [deployment] = cluster.sandbox.objects.list('deployments', cluster.namespace);
    for (const { metadata } of services(cluster))
      t.match(metadata.ownerReferences, [{ uid: deployment!.metadata.uid }]);
  });
}

t.test('a container that was made with one Service keeps to it, whatever is configured later', async (t) => {
  await using cluster = await openSandbox(still);
  await using before = await connect(cluster);
  const { service } = await before.repository.create({ id: 'a', spec: mixed }, unhurried());
  const place = { resource: 'services', namespace: cluster.namespace, name: service!.name };
  await using after = await connect(cluster, { ...isolating, ...old });
  t.same((await after.repository.get('a', unhurried())).service, service);
  cluster.sandbox.objects.delete(place);
  await eventually(
    async () => {
      await after.source.resync(unhurried().signal);
      return serviceNames(cluster).join();
    },
    (found) => found === service!.name,
  );
  const repaired = await after.repository.get('a', unhurried());
  t.match(repaired.service, { type: 'LoadBalancer', ports: [{ node_port: Number }, { node_port: Number }] });
  await after.repository.delete('a', unhurried());
  t.same(serviceNames(cluster), []);
});

t.test('two replicas that repair make each Service once', async (t) => {
  await using cluster = await openSandbox(still);
  const names = await makeHalf(cluster, 'a', 'both');
  await using first = await connect(cluster, old);
  await using second = await connect(cluster, old);
  await eventually(
    () => serviceNames(cluster).length,
    (count) => count >= 2,
  );
  const { signal } = unhurried();
  await Promise.all([first.source.resync(signal), second.source.resync(signal)]);
  t.same(serviceNames(cluster).toSorted(), names);
});

t.test('one Service that is refused does not keep the container from the other', async (t) => {
  await using cluster = await openSandbox(still);
  const [, outer] = await makeHalf(cluster, 'a', 'both');
  const message = 'services "x" is forbidden: exceeded quota: few, limited: services=1';
  cluster.sandbox.faults.refuse({ code: 403, message }, { verb: 'create', resource: 'services', times: 1 });
  await using connected = await connect(cluster, old);
  await eventually(
    () => serviceNames(cluster).join(),
    (found) => found === outer,
  );
  await eventually(
    () => connected.lines,
    (lines) => lines.some(({ level, containerId }) => level === 'warn' && containerId === 'a'),
  );
  const { service } = await eventually(
    () => connected.repository.get('a', unhurried()),
    (container) => container.service !== undefined,
  );
  t.match(service, { name: outer, type: 'LoadBalancer', ports: [{ port: 82 }] });
});

t.test('a Service of the second name that is another’s is no success', async (t) => {
  await using cluster = await openSandbox(still);
  const [inner, outer] = await makeHalf(cluster, 'a', 1);
  const stranger = { apiVersion: 'v1', kind: 'Service', metadata: { name: outer, namespace: cluster.namespace } };
  cluster.sandbox.objects.create({ ...stranger, ...{ spec: { ports: [{ port: 1 }] } } });
  await using connected = await connect(cluster, old);
  await eventually(
    () => connected.lines,
    (lines) => lines.some(({ level, containerId }) => level === 'warn' && containerId === 'a'),
  );
  const { service } = await connected.repository.get('a', unhurried());
  t.match(service, { name: inner, type: 'ClusterIP', ports: [{ port: 80 }, { port: 82 }] });
  await connected.repository.delete('a', unhurried());
});

t.test('a create that is repeated', async (t) => {
  await using cluster = await openSandbox(still);
  await using first = await connect(cluster, isolating);
  await using second = await connect(cluster);
  const { faults, objects } = cluster.sandbox;
  t.afterEach(() => faults.clear());

  await t.test('waits until both Services are there', async (t) => {
    const request = { id: 'slow', key: 'slow', spec: mixed };
    faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
    using held = faults.delay(700, { verb: 'create', resource: 'services' });
    const made = first.repository.createOnce(request, unhurried());
    await eventually(
      () => services(cluster).length,
      (count) => count === 1,
    );
    const [one, other] = await Promise.all([made, second.repository.createOnce(request, unhurried())]);
    t.same([one.replayed, other.replayed, held.hits], [false, true, 1]);
    t.same(other.container.service, one.container.service);
    t.match(other.container.service, { type: 'LoadBalancer', ports: [{ port: 80 }, { port: 82, node_port: Number }] });
  });

  await t.test('completes what lacks a Service for longer than a create can last', async (t) => {
    const bounds = { writes: { writeMs: 3_000, rollBackMs: 0, marginMs: 0 } };
    await using impatient = await connect(cluster, { bounds });
    const request = { id: 'half', key: 'half', spec: mixed };
    const { container } = await first.repository.createOnce(request, unhurried());
    const name = `${container.service!.name}-external`;
    objects.delete({ resource: 'services', namespace: cluster.namespace, name });
    await eventually(
      () => Date.now() - Date.parse(container.create_time),
      (age) => age > 3_500,
    );
    const completed = await impatient.repository.createOnce(request, unhurried());
    t.match(completed, { replayed: true, container: { service: { type: 'LoadBalancer' } } });
    t.equal(serviceNames(cluster).filter((each) => each === name).length, 1);
  });
});

t.test('a container without both kinds of ports is whole without a second Service', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster, {
    ...isolating,
    bounds: { writes: { writeMs: 500, rollBackMs: 0, marginMs: -10_000 } },
  });
  const { repository } = connected;
  const specs = [containerSpec(), withPorts({ 80: 'internal' }), withPorts({ 80: 'external' })];
  for (const [index, spec] of specs.entries()) {
    await repository.create({ id: `c${index}`, spec }, unhurried());
  }
  cluster.sandbox.requests.clear();
  await connected.source.resync(unhurried().signal);
  t.equal(cluster.sandbox.requests.count({ verb: 'create' }), 0);
});
