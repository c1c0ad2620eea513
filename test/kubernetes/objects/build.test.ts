import fc from 'fast-check';
import t from 'tap';

import { buildDeployment } from '../../../src/kubernetes/objects/build-deployment.ts';
import { buildService, reachablePorts } from '../../../src/kubernetes/objects/build-service.ts';
import { deploymentName, randomIncarnation, serviceName } from '../../../src/kubernetes/objects/names.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };
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
  const service = buildService(identity, spec, { name: 'dcm-web', uid: 'u-1' }, 'LoadBalancer')!;
  t.same(service.spec, {
    type: 'ClusterIP',
    selector: ownLabels,
    ports: [
      { name: 'port-80', protocol: 'TCP', port: 80, targetPort: 80 },
      { name: 'port-82', protocol: 'TCP', port: 82, targetPort: 82 },
    ],
  });
  t.same(service.metadata!.ownerReferences, [
    { apiVersion: 'apps/v1', kind: 'Deployment', name: 'dcm-web', uid: 'u-1' },
  ]);
  t.same(reachablePorts(spec), [0, 2]);
  t.end();
});

t.test('one external port makes the Service external', (t) => {
  const owner = { name: 'dcm-web', uid: 'u-1' };
  for (const type of ['LoadBalancer', 'NodePort'] as const) {
    const service = buildService(identity, withPorts({ 80: 'internal', 81: 'external' }), owner, type)!;
    t.equal(service.spec!.type, type);
    t.equal(service.spec!.ports!.length, 2);
  }
  t.end();
});

t.test('no port that can be reached, no Service', (t) => {
  for (const spec of [containerSpec(), containerSpec({ network: {} }), withPorts({}), withPorts({ 80: 'none' })]) {
    t.notOk(buildService(identity, spec, { name: 'dcm-web', uid: 'u-1' }, 'NodePort'));
  }
  t.end();
});

t.test("names are what Kubernetes takes, and a Service's differs by incarnation", (t) => {
  const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  fc.assert(
    fc.property(id, (each) => {
      const incarnation = randomIncarnation();
      const service = serviceName(each, incarnation);
      return (
        /^[a-z]([-a-z0-9]{0,61}[a-z0-9])$/.test(service) &&
        service.endsWith(`-${incarnation}`) &&
        service === serviceName(each, incarnation) &&
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
