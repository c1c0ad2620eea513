import t from 'tap';

import type { Deployment, Service } from '../../../src/kubernetes/api/resources.ts';

import type { ContainerSpec } from '../../../src/containers/container.ts';
import { mergePatch } from '../../../src/containers/update.ts';
import type { CurrentSpec } from '../../../src/containers/repository.ts';
import {
  InvalidArgumentError,
  NotFoundError,
  PreconditionFailedError,
  UnavailableError,
} from '../../../src/containers/errors.ts';
import { entityTagOf } from '../../../src/containers/entity-tag.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import { referenceDeployment, referenceService } from '../../support/reference-container.ts';

interface Metadata {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}
interface FullDeployment {
  metadata: Metadata;
  spec: NonNullable<Deployment['spec']>;
}
interface FullService {
  metadata: Metadata;
  spec: NonNullable<Service['spec']>;
}

/** What the HTTP side makes of a merge patch, without its validation. */
function merging(patch: object) {
  return ({ spec }: CurrentSpec): ContainerSpec => {
    const { metadata, ...rest } = mergePatch(spec, patch) as ContainerSpec;
    const { namespace: _namespace, ...kept } = metadata;
    return { ...rest, metadata: kept };
  };
}

const writes = ['create', 'patch', 'update', 'delete'] as const;

t.test('updating', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { faults, requests, objects } = cluster.sandbox;
  const { namespace } = cluster;
  const update = (id: string, patch: object) => repository.update({ id, change: merging(patch) }, unhurried());
  const deployments = () => objects.list('deployments', namespace) as unknown as FullDeployment[];
  const deployment = (name: string) => deployments().find(({ metadata }) => metadata.name === name)!;
  const services = (id: string) =>
    (objects.list('services', namespace) as unknown as FullService[]).filter(
      ({ metadata }) => metadata.labels['dcm.project/dcm-instance-id'] === id,
    );
  t.beforeEach(() => requests.clear());
  t.afterEach(() => faults.clear());

  await t.test('takes two calls, and three where the Service follows', async (t) => {
    await repository.create({ id: 'calls', spec: withPorts({ 80: 'internal' }) }, unhurried());
    requests.clear();
    await update('calls', { image: { reference: 'registry.example/web:2' } });
    t.equal(requests.count({ verb: ['list', ...writes] }), 2);
    requests.clear();
    const updated = await update('calls', { network: { ports: [{ container_port: 81, visibility: 'internal' }] } });
    t.equal(requests.count({ verb: ['list', ...writes] }), 3);
    t.match(updated.service, { ports: [{ port: 81 }] });
  });

  await t.test('recreates as long as there is a claim, and rolls as others do without', async (t) => {
    await repository.create({ id: 'claiming', spec: containerSpec() }, unhurried());
    const volumes = [{ name: 'data', mount_path: '/data', persistent_volume_claim: { claim_name: 'data-1' } }];
    await update('claiming', { provider_hints: { kubernetes: { volumes } } });
    t.same(deployment('dcm-claiming').spec.strategy, { type: 'Recreate' });
    t.match(deployment('dcm-claiming').spec.template.spec, {
      volumes: [{ persistentVolumeClaim: { claimName: 'data-1' } }],
    });
    await update('claiming', { provider_hints: { kubernetes: { volumes: null } } });
    const rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%' };
    t.same(deployment('dcm-claiming').spec.strategy, { type: 'RollingUpdate', rollingUpdate });
    t.equal(deployment('dcm-claiming').spec.template.spec!.volumes, undefined);
  });

  await t.test('writes nothing where nothing changes', async (t) => {
    const created = await repository.create({ id: 'same', spec: withPorts({ 80: 'internal' }) }, unhurried());
    requests.clear();
    const updated = await update('same', { image: created.spec.image, metadata: { name: 'web' } });
    t.same(updated.spec, created.spec);
    t.equal(requests.count({ verb: writes }), 0);
    t.equal(requests.count({ verb: 'list' }), 1);
  });

  await t.test('changes annotation and template in one write, and is seen by reads at once', async (t) => {
    await repository.create({ id: 'one', spec: containerSpec() }, unhurried());
    faults.silenceWatches();
    requests.clear();
    await update('one', {
      image: { reference: 'registry.example/web:2' },
      metadata: { labels: { tier: 'front' } },
      process: { env: [{ name: 'A', value: '$1' }] },
      kept: JSON.rawJSON('1.0'),
    });
    t.equal(requests.count({ verb: writes }), 1);
    const read = await repository.get('one', unhurried());
    t.match(read.spec, {
      image: { reference: 'registry.example/web:2' },
      metadata: { labels: { tier: 'front' } },
      process: { env: [{ name: 'A', value: '$1' }] },
    });
    t.match(JSON.stringify(read.spec), /"kept":1\.0/);
    const { metadata, spec } = deployment('dcm-one');
    t.equal(metadata.labels['tier'], 'front');
    t.match(spec.template, {
      metadata: { labels: { tier: 'front' } },
      spec: { containers: [{ image: 'registry.example/web:2', env: [{ name: 'A', value: '$$1' }] }] },
    });
    faults.resetWatches();
  });

  await t.test('changes what the Pods know nothing of', async (t) => {
    await repository.create({ id: 'kept', spec: containerSpec() }, unhurried());
    const { spec } = deployment('dcm-kept');
    const updated = await update('kept', { kept: JSON.rawJSON('12345678901234567890') });
    t.match(JSON.stringify(updated.spec), /"kept":12345678901234567890/);
    t.match(deployment('dcm-kept').metadata.annotations['dcm.project/container-spec'], /"kept":12345678901234567890/);
    t.same(deployment('dcm-kept').spec, spec);
  });

  await t.test('leaves what somebody did by hand', async (t) => {
    await repository.create({ id: 'hand', spec: containerSpec() }, unhurried());
    objects.patch(
      { resource: 'deployments', namespace, name: 'dcm-hand' },
      { metadata: { annotations: { 'example.com/note': 'mine' } }, spec: { replicas: 3 } },
    );
    await update('hand', { image: { reference: 'registry.example/web:2' } });
    const { metadata, spec } = deployment('dcm-hand');
    t.equal(spec.replicas, 3);
    t.equal(metadata.annotations['example.com/note'], 'mine');
  });

  await t.test('gives every one of many at once its due', async (t) => {
    await repository.create({ id: 'many', spec: containerSpec() }, unhurried());
    await using other = await connect(cluster);
    const labels = Array.from({ length: 100 }, (_, index) => `label-${index}`);
    await Promise.all(
      labels.map((label, index) =>
        (index % 2 === 0 ? repository : other.repository).update(
          { id: 'many', change: merging({ metadata: { labels: { [label]: 'there' } } }) },
          unhurried(),
        ),
      ),
    );
    const { metadata, spec } = deployment('dcm-many');
    const kept = JSON.parse(metadata.annotations['dcm.project/container-spec']!) as ContainerSpec;
    for (const labels of [metadata.labels, spec.template.metadata!.labels!, kept.metadata.labels!]) {
      t.equal(Object.keys(labels).filter((key) => key.startsWith('label-')).length, 100);
    }
  });

  await t.test('is for one version alone where that is asked', async (t) => {
    const created = await repository.create({ id: 'version', spec: containerSpec() }, unhurried());
    const isFor = (tag: string) => tag === entityTagOf(created);
    const first = { id: 'version', isFor, change: merging({ metadata: { labels: { a: '1' } } }) };
    await repository.update(first, unhurried());
    requests.clear();
    const again = { ...first, change: merging({ metadata: { labels: { a: '2' } } }) };
    t.type(await failureOf(repository.update(again, unhurried())), PreconditionFailedError);
    t.equal(requests.count({ verb: writes }), 0);
  });

  await t.test('checks everything and changes nothing where that is asked', async (t) => {
    await repository.create({ id: 'try', spec: withPorts({ 80: 'internal' }) }, unhurried());
    const before = deployment('dcm-try');
    const change = merging({ network: { ports: [{ container_port: 81, visibility: 'external' }] } });
    const tried = await repository.update({ id: 'try', change, validateOnly: true }, unhurried());
    t.match(tried.spec.network, { ports: [{ container_port: 81 }] });
    t.same(deployment('dcm-try'), before);
    t.match(services('try'), [{ spec: { ports: [{ port: 80 }] } }]);
    t.match((await repository.get('try', unhurried())).spec.network, { ports: [{ container_port: 80 }] });
  });

  await t.test('has no container to change', async (t) => {
    t.type(await failureOf(update('nobody', {})), NotFoundError);
  });

  await t.test('a Service that is no longer wanted goes, and comes back', async (t) => {
    await repository.create({ id: 'ports', spec: withPorts({ 80: 'internal' }) }, unhurried());
    const without = await update('ports', { network: null });
    t.notOk(without.service);
    t.same(services('ports'), []);
    t.match((await update('ports', withPorts({ 80: 'internal' }))).service, { ports: [{ port: 80 }] });
  });

  await t.test('a Service that changes keeps name, address and node ports', async (t) => {
    const { service: before } = await repository.create(
      {
        id: 'keep',
        spec: { ...withPorts({ 80: 'external', 81: 'external' }), metadata: { name: 'web', labels: { a: '1' } } },
      },
      unhurried(),
    );
    const { service: after } = await update('keep', {
      metadata: { labels: { a: null, b: '2' } },
      network: { ports: [80, 82].map((port) => ({ container_port: port, visibility: 'external' })) },
    });
    t.equal(after!.name, before!.name);
    t.equal(after!.cluster_ip, before!.cluster_ip);
    t.equal(after!.ports[0]!.node_port, before!.ports[0]!.node_port);
    t.equal(after!.ports[1]!.port, 82);
    const { labels } = services('keep')[0]!.metadata;
    t.notOk('a' in labels);
    t.equal(labels['b'], '2');
    const { service: inside } = await update('keep', withPorts({ 80: 'internal' }));
    t.match(inside, { name: before!.name, cluster_ip: before!.cluster_ip, type: 'ClusterIP' });
  });

  await t.test('gives the Deployment back what it had where the Service is refused', async (t) => {
    await repository.create({ id: 'back', spec: containerSpec() }, unhurried());
    const before = deployment('dcm-back');
    faults.refuse({ code: 422, reason: 'Invalid', message: 'no' }, { verb: 'create', resource: 'services' });
    t.type(await failureOf(update('back', withPorts({ 80: 'internal' }))), InvalidArgumentError);
    t.same(deployment('dcm-back').spec, before.spec);
    t.same(services('back'), []);
    t.notOk((await repository.get('back', unhurried())).spec.network);
  });

  await t.test('finds out what became of a write whose answer was lost', async (t) => {
    const created = await repository.create({ id: 'lost', spec: containerSpec() }, unhurried());
    faults.dropAnswer({ verb: 'patch', times: 1 });
    const isFor = (tag: string) => tag === entityTagOf(created);
    const change = merging({ image: { reference: 'registry.example/web:2' } });
    const updated = await repository.update({ id: 'lost', change, isFor }, unhurried());
    t.equal(updated.spec.image.reference, 'registry.example/web:2');
  });

  await t.test('changes a container of the reference provider', async (t) => {
    await cluster.request(
      'POST',
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      referenceDeployment('old', [80]),
    );
    await cluster.request('POST', `/api/v1/namespaces/${namespace}/services`, referenceService('old', [80]));
    await eventually(
      () => repository.get('old', unhurried()).catch(() => undefined),
      (found) => found?.service !== undefined,
    );
    const before = await repository.get('old', unhurried());
    const updated = await update('old', {
      image: { reference: 'registry.example/web:2' },
      kept: true,
      metadata: { labels: { a: '1' } },
    });
    t.match(updated.spec, { ...before.spec, image: { reference: 'registry.example/web:2' }, kept: true });
    t.equal(updated.service!.name, before.service!.name);
    const ports = await update('old', { network: { ports: [{ container_port: 81, visibility: 'internal' }] } });
    t.match(ports.service, {
      name: before.service!.name,
      cluster_ip: before.service!.cluster_ip,
      ports: [{ port: 81 }],
    });
    const without = await update('old', { network: { ports: [] } });
    t.notOk(without.service);
    const again = await update('old', { network: { ports: [{ container_port: 81, visibility: 'internal' }] } });
    t.match(again.service, { name: 'dcm-old', ports: [{ port: 81 }] });
    const { spec } = deployments().find(({ metadata }) => metadata.name.startsWith('legacy-'))!;
    t.same(services('old')[0]!.spec.selector, spec.selector.matchLabels);
  });

  await t.test('gives up a container that changes again and again', async (t) => {
    await repository.create({ id: 'busy', spec: containerSpec() }, unhurried());
    faults.refuse({ code: 409, reason: 'Conflict', message: 'changed' }, { verb: 'patch' });
    t.type(await failureOf(update('busy', { metadata: { labels: { a: '1' } } })), UnavailableError);
    t.ok(requests.count({ verb: 'patch' }) <= 12);
  });
});

t.test('an update whose provider died before the Service followed is completed by repair', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const { sandbox, namespace } = cluster;
  const place = (resource: string, name: string) => ({ resource, namespace, name });
  await using first = await connect(cluster);
  const spec = { ...withPorts({ 80: 'internal' }), metadata: { name: 'web', labels: { a: '1' } } };
  const { service } = await first.repository.create({ id: 'half', spec }, unhurried());
  const gone = await first.repository.create({ id: 'gone', spec }, unhurried());
  const revise = (id: string, kept: object) =>
    sandbox.objects.patch(place('deployments', `dcm-${id}`), {
      metadata: {
        annotations: { 'dcm.project/container-spec': JSON.stringify(kept), 'dcm.project/service-revision': 'x' },
      },
    });
  revise('half', { ...withPorts({ 81: 'external' }), metadata: { name: 'web', labels: { b: '2' } } });
  revise('gone', containerSpec());
  await using second = await connect(cluster, { bounds: { writes: { writeMs: 500, rollBackMs: 0, marginMs: 0 } } });
  const read = (id: string) => second.repository.get(id, unhurried());
  const followed = await eventually(
    () => read('half'),
    (container) => container.service?.ports[0]?.port === 81,
  );
  t.match(followed.service, { name: service!.name, cluster_ip: service!.cluster_ip, type: 'LoadBalancer' });
  const [{ metadata }] = sandbox.objects.list('services', namespace) as unknown as [FullService];
  t.match(metadata.labels, { b: '2' });
  t.notOk('a' in metadata.labels, 'what the spec no longer has');
  await eventually(
    () => sandbox.objects.list('services', namespace).map(({ metadata }) => metadata.name),
    (names) => !names.includes(gone.service!.name),
  );
});

t.test('a patch that meets a delete is 404, and leaves nothing behind', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const { sandbox, namespace } = cluster;
  await using connected = await connect(cluster);
  const { repository } = connected;
  await repository.create({ id: 'going', spec: containerSpec() }, unhurried());
  const change = (current: CurrentSpec) => {
    sandbox.objects.delete({ resource: 'deployments', namespace, name: 'dcm-going' });
    return merging(withPorts({ 80: 'internal' }))(current);
  };
  t.type(await failureOf(repository.update({ id: 'going', change }, unhurried())), NotFoundError);
  t.same(sandbox.objects.list('services', namespace), []);
});

t.test('external ports that an update adds get a Service of their own where internal ones are isolated', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { isolateInternalPorts: true });
  const { repository } = connected;
  const shapes = () =>
    cluster.sandbox.objects
      .list('services', cluster.namespace)
      .map((each) => [each.metadata.name, (each as unknown as FullService).spec.type]);
  const { service } = await repository.create({ id: 'mix', spec: withPorts({ 80: 'internal' }) }, unhurried());
  const update = (spec: object) => repository.update({ id: 'mix', change: merging(spec) }, unhurried());
  const inner = [service!.name, 'ClusterIP'];
  const outer = [`${service!.name}-external`, 'LoadBalancer'];
  await update(withPorts({ 80: 'internal', 81: 'external' }));
  t.same(shapes(), [inner, outer]);
  const [, before] = cluster.sandbox.objects.list('services', cluster.namespace);
  await update(withPorts({ 81: 'external' }));
  t.same(shapes(), [inner, outer], 'both keep their addresses');
  t.equal(cluster.sandbox.objects.list('services', cluster.namespace)[1]!.metadata.uid, before!.metadata.uid);
  await update(withPorts({ 80: 'internal' }));
  t.same(shapes(), [inner]);
});
