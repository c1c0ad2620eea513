import t from 'tap';
import type { ContainerService } from '../../../src/containers/container.ts';
import { decodeSpec, encodeSpec, rebuildPorts, rebuildSpec, withValues } from '../../../src/kubernetes/objects/spec.ts';
import type { Workload } from '../../../src/kubernetes/objects/spec.ts';
import { containerSpec } from '../../support/base-spec.ts';

const values = new Map([['A', 'one']]);
const whole = { metadata: { name: 'web' }, image: {}, resources: {} };

t.test('an annotation that is none of ours gives no spec, however it is looked at', (t) => {
  for (const edited of [
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '{}',
    ...['metadata', 'image', 'resources'].map((member) => JSON.stringify({ ...whole, [member]: undefined })),
    ...['metadata', 'image', 'resources'].map((member) => JSON.stringify({ ...whole, [member]: ['web'] })),
    ...[undefined, 5, null].map((name) => JSON.stringify({ ...whole, metadata: { name } })),
    ...[5, [], { ports: {} }, { ports: [5] }, { ports: [{}, null] }].map((network) =>
      JSON.stringify({ ...whole, network }),
    ),
    ...['text', [], { env: {} }, { env: ['A'] }].map((process) => JSON.stringify({ ...whole, process })),
  ]) {
    t.equal(decodeSpec(edited), undefined, edited);
    t.equal(decodeSpec(edited, false), undefined, edited);
    t.equal(decodeSpec(edited, true), undefined, edited);
  }
  t.strictSame(decodeSpec(JSON.stringify(whole)), whole);
  t.strictSame(decodeSpec(JSON.stringify({ ...whole, network: {}, process: {} }), false), {
    ...whole,
    network: {},
    process: {},
  });
  t.end();
});

t.test('the values of the environment come from elsewhere, and are empty where they are not there', (t) => {
  const env = [
    { name: 'A', value: 'one', note: 'kept' },
    { name: 'B', value: 'two' },
  ];
  const annotation = encodeSpec(containerSpec({ process: { args: ['x'], env } }));
  t.notMatch(annotation, /one|two/);
  t.strictSame(withValues(decodeSpec(annotation)!, values).process, {
    args: ['x'],
    env: [
      { name: 'A', note: 'kept', value: 'one' },
      { name: 'B', value: '' },
    ],
  });
  t.strictSame(decodeSpec(annotation, false)?.process, {
    args: ['x'],
    env: [{ name: 'A', note: 'kept' }, { name: 'B' }],
  });
  t.end();
});

t.test('a workload without an annotation has what its objects tell, and amounts that the contract can say', (t) => {
  const bare: Workload = { labels: {}, name: 'web', image: 'web:1', containerPorts: [], requests: {}, limits: {} };
  t.strictSame(rebuildSpec(bare, new Map(), []), {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: 'web:1' },
    resources: { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } },
  });
  const amounts = { requests: { cpu: '500m' }, limits: { memory: '2Gi' } };
  t.match(rebuildSpec({ ...bare, ...amounts, labels: { a: 'b' }, command: ['run'], args: ['x'] }, values, []), {
    metadata: { name: 'web', labels: { a: 'b' } },
    resources: { cpu: { min: '500m', max: '500m' }, memory: { min: '2GB', max: '2GB' } },
    process: { command: ['run'], args: ['x'], env: [{ name: 'A', value: 'one' }] },
  });
  const both = { requests: { cpu: '1', memory: '0' }, limits: { cpu: '2', memory: '1Gi' } };
  t.match(rebuildSpec({ ...bare, ...both }, new Map(), []).resources, {
    cpu: { min: 1, max: 2 },
    memory: { min: '1MB', max: '1GB' },
  });
  t.end();
});

t.test('a port is seen from where its Services are', (t) => {
  const service = (type: ContainerService['type'], port: number): ContainerService => ({
    name: `${type}-${port}`,
    cluster_ip: '10.0.0.1',
    type,
    ports: [{ port, target_port: port, protocol: 'TCP' }],
  });
  const services = [service('ClusterIP', 80), service('LoadBalancer', 81), service('ClusterIP', 81)];
  t.strictSame(
    rebuildPorts(
      [80, 81, 82].map((port) => ({ container_port: port })),
      services,
    ),
    [
      { container_port: 80, visibility: 'internal' },
      { container_port: 81, visibility: 'external' },
      { container_port: 82, visibility: 'none' },
    ],
  );
  t.end();
});
