import fc from 'fast-check';
import t from 'tap';
import type { ContainerSpec } from '../../../src/containers/container.ts';

import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import {
  deploymentName,
  externalServiceName,
  isExternalServiceName,
  randomIncarnation,
  serviceName,
} from '../../../src/kubernetes/objects/identity.ts';
import { buildServices, serviceNames } from '../../../src/kubernetes/objects/service.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };
const owner = { name: 'dcm-web', uid: 'u-1' };
const ownLabels = {
  'dcm.project/managed-by': 'dcm',
  'dcm.project/dcm-instance-id': 'web',
  'dcm.project/dcm-service-type': 'container',
  'dcm.project/dcm-incarnation': 'bcdfghjklm',
};

t.test('the Deployment has the labels on itself and its Pods, and selects by ours alone', (t) => {
  const labels = { tier: 'front', 'dcm.project/managed-by': 'someone' };
  const { metadata, spec } = buildDeployment(identity, containerSpec({ metadata: { name: 'web', labels } }));
  t.match(metadata, { name: 'dcm-web', namespace: 'containers' });
  t.same(metadata!.labels, { tier: 'front', ...ownLabels });
  t.same(spec!.template.metadata!.labels, { tier: 'front', ...ownLabels });
  t.same(spec!.selector, { matchLabels: ownLabels });
  t.equal(spec!.replicas, 1);
  t.end();
});

t.test('the Pod runs what the spec says', (t) => {
  const spec = containerSpec({
    ...withPorts({ 8080: 'external', 9090: 'none' }),
    process: { command: ['serve'], args: ['--all'], env: [{ name: 'MODE', value: '', note: 'unknown to Kubernetes' }] },
    resources: { cpu: { min: 1, max: 1_000_000 }, memory: { min: '512MB', max: '2TB' } },
  });
  t.same(buildDeployment(identity, spec).spec!.template.spec, {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [
      {
        name: 'web',
        image: 'registry.example/web:1',
        command: ['serve'],
        args: ['--all'],
        env: [{ name: 'MODE', value: '' }],
        ports: [
          { containerPort: 8080, protocol: 'TCP' },
          { containerPort: 9090, protocol: 'TCP' },
        ],
        resources: {
          requests: { cpu: '1', memory: '512Mi' },
          limits: { cpu: '1000000', memory: '2Ti' },
        },
      },
    ],
  });
  t.end();
});

t.test('what the spec leaves out is left out', (t) => {
  const [container] = buildDeployment(identity, containerSpec({ process: {}, network: {} })).spec!.template.spec!
    .containers;
  t.same(Object.keys(container!), ['name', 'image', 'resources']);
  t.end();
});

t.test('the Service has the ports that can be reached, and is owned without blocking', (t) => {
  const spec = withPorts({ 80: 'internal', 81: 'none', 82: 'internal' });
  const [service, ...others] = buildServices(identity, spec, owner, {
    externalServiceType: 'LoadBalancer',
    isolated: false,
  });
  t.same(others, []);
  t.same(service!.spec, {
    type: 'ClusterIP',
    selector: ownLabels,
    ports: [
      { name: 'port-80', protocol: 'TCP', port: 80, targetPort: 80 },
      { name: 'port-82', protocol: 'TCP', port: 82, targetPort: 82 },
    ],
  });
  t.same(service!.metadata!.ownerReferences, [
    { apiVersion: 'apps/v1', kind: 'Deployment', name: 'dcm-web', uid: 'u-1' },
  ]);
  t.end();
});

t.test('one with a claim is recreated, where others are rolled out as Kubernetes does by itself', (t) => {
  const withVolume = (volume: object) =>
    containerSpec({ provider_hints: { kubernetes: { volumes: [{ name: 'data', mount_path: '/data', ...volume }] } } });
  const claimed = buildDeployment(
    identity,
    withVolume({ persistent_volume_claim: { claim_name: 'data-1', read_only: true }, read_only: false }),
  );
  t.same(claimed.spec!.strategy, { type: 'Recreate' });
  t.match(claimed.spec!.template.spec, {
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-1', readOnly: true } }],
    containers: [{ volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: false }] }],
  });
  const plain = buildDeployment(identity, withVolume({ persistent_volume_claim: { claim_name: 'data-1' } }));
  t.same(plain.spec!.template.spec!.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-1' } }]);
  t.same(plain.spec!.template.spec!.containers[0]!.volumeMounts, [{ name: 'data', mountPath: '/data' }]);
  const empty = buildDeployment(identity, withVolume({ empty_dir: { size_limit: '1MB' } }));
  t.equal(empty.spec!.strategy, undefined);
  t.end();
});

t.test('one external port makes the Service external', (t) => {
  for (const type of ['LoadBalancer', 'NodePort'] as const) {
    const options = { externalServiceType: type, isolated: false };
    const services = buildServices(identity, withPorts({ 80: 'internal', 81: 'external' }), owner, options);
    t.match(services, [{ spec: { type, ports: [{ port: 80 }, { port: 81 }] } }]);
    t.equal(services.length, 1);
  }
  t.end();
});

t.test(
  'isolated, both kinds of ports make two Services of the same Pods: all of them inside, the external ones outside',
  (t) => {
    const annotations = { 'example.com/pool': 'a' };
    const spec = {
      ...withPorts({ 80: 'internal', 81: 'none', 82: 'external', 83: 'external' }),
      metadata: { name: 'web', labels: { tier: 'front', 'dcm.project/dcm-service-scope': 'mine' } },
      provider_hints: { kubernetes: { service_annotations: annotations } },
    };
    for (const type of ['LoadBalancer', 'NodePort'] as const) {
      const [inner, outer, ...others] = buildServices(identity, spec, owner, {
        externalServiceType: type,
        isolated: true,
      });
      const port = (number: number) => ({ name: `port-${number}`, protocol: 'TCP', port: number, targetPort: number });
      const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', ...owner }];
      const common = { namespace: 'containers', ownerReferences };
      t.same(others, []);
      t.same(inner!.metadata, {
        ...common,
        name: 'dcm-web-bcdfghjklm',
        labels: { tier: 'front', ...ownLabels, 'dcm.project/dcm-service-scope': 'internal' },
      });
      t.same(inner!.spec, { type: 'ClusterIP', selector: ownLabels, ports: [port(80), port(82), port(83)] });
      t.same(outer!.metadata, {
        ...common,
        name: 'dcm-web-bcdfghjklm-external',
        labels: { tier: 'front', ...ownLabels, 'dcm.project/dcm-service-scope': 'external' },
        annotations,
      });
      t.same(outer!.spec, { type, selector: ownLabels, ports: [port(82), port(83)] });
    }
    t.same(serviceNames(identity, spec.network!.ports!, true), ['dcm-web-bcdfghjklm', 'dcm-web-bcdfghjklm-external']);
    t.end();
  },
);

t.test('isolated, the one Service stays when an update leaves one kind of ports', (t) => {
  const build = (spec: ContainerSpec) =>
    buildServices(identity, spec, owner, { externalServiceType: 'LoadBalancer', isolated: true });
  const both = build(withPorts({ 80: 'internal', 81: 'external' }));
  const [inner, outer] = both.map(({ metadata, spec }) => [metadata!.name, spec!.type]);
  const shapes = (spec: ContainerSpec) => build(spec).map((each) => [each.metadata!.name, each.spec!.type]);
  t.same(shapes(withPorts({ 80: 'internal', 81: 'none' })), [inner]);
  t.same(shapes(withPorts({ 80: 'external', 81: 'external' })), [inner, outer]);
  t.end();
});

t.test('that ports are isolated stands on the Deployment, and is read from there alone', (t) => {
  const spec = withPorts({ 80: 'internal', 81: 'external' });
  const read = (isolated: boolean) => {
    const made = buildDeployment(identity, spec, { isolated });
    const stored = { ...made.metadata, uid: 'u-1', resourceVersion: '1' };
    return projectDeployment({ ...made, metadata: stored })!.isolated;
  };
  t.equal(read(true), true);
  t.equal(read(false), undefined);
  t.notOk(buildDeployment(identity, spec).metadata!.annotations!['dcm.project/isolate-internal-ports']);
  t.end();
});

t.test('no port that can be reached, no Service', (t) => {
  for (const spec of [containerSpec(), containerSpec({ network: {} }), withPorts({}), withPorts({ 80: 'none' })]) {
    for (const isolated of [false, true]) {
      t.same(buildServices(identity, spec, owner, { externalServiceType: 'NodePort', isolated }), []);
      t.same(serviceNames(identity, spec.network?.ports ?? [], isolated), []);
    }
  }
  t.end();
});

t.test("names are what Kubernetes takes, and a Service's differs by incarnation", (t) => {
  const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  fc.assert(
    fc.property(id, (each) => {
      const incarnation = randomIncarnation();
      const service = serviceName(each, incarnation);
      const external = externalServiceName(each, incarnation);
      return (
        /^[a-z]([-a-z0-9]{0,61}[a-z0-9])$/.test(service) &&
        service.endsWith(`-${incarnation}`) &&
        service === serviceName(each, incarnation) &&
        /^[a-z]([-a-z0-9]{0,61}[a-z0-9])$/.test(external) &&
        external.includes(`-${incarnation}-`) &&
        external === externalServiceName(each, incarnation) &&
        isExternalServiceName(external) &&
        !isExternalServiceName(service) &&
        deploymentName(each) === `dcm-${each}` &&
        /^[a-z0-9]{10}$/.test(incarnation)
      );
    }),
  );
  t.end();
});

t.test('no two incarnations are alike', (t) => {
  t.equal(new Set(Array.from({ length: 10_000 }, randomIncarnation)).size, 10_000);
  t.end();
});
