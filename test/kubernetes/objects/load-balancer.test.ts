import t from 'tap';
import { projectService } from '../../../src/kubernetes/objects/service.ts';

const labels = {
  'dcm.project/managed-by': 'dcm',
  'dcm.project/dcm-instance-id': 'web',
  'dcm.project/dcm-service-type': 'container',
};
const metadata = { uid: 's-1', name: 'web', resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z', labels };

for (const [name, ingress, expected] of [
  ['absent', undefined, undefined],
  ['none', [], undefined],
  ['an IP address', [{ ip: '203.0.113.1' }], '203.0.113.1'],
  ['a host name', [{ hostname: 'lb.example' }], 'lb.example'],
  ['both', [{ hostname: 'lb.example', ip: '203.0.113.1' }], '203.0.113.1'],
  ['an empty entry before one with an address', [{}, { ip: '203.0.113.1' }], '203.0.113.1'],
  [
    'empty texts before a host name',
    [
      { ip: '', hostname: '' },
      { ip: '', hostname: 'lb.example' },
    ],
    'lb.example',
  ],
  ['an entry with ports alone', [{ ports: [{ port: 80, protocol: 'TCP' }] }, { ip: '203.0.113.2' }], '203.0.113.2'],
  ['a host name before an IP address', [{ hostname: 'lb.example' }, { ip: '203.0.113.1' }], 'lb.example'],
  ['nothing but empty entries', [{}, { ip: '' }], undefined],
] as const) {
  t.test(`the address of a load balancer is the first there is: ${name}`, (t) => {
    const status = { loadBalancer: { ...(ingress && { ingress: [...ingress] as { ip?: string }[] }) } };
    const { service } = projectService({ metadata, spec: { type: 'LoadBalancer' }, status })!;
    t.equal(service.external_ip, expected);
    t.equal('external_ip' in service, expected !== undefined);
    t.end();
  });
}
