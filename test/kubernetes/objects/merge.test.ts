import { momentOf, systemClock } from '../../../src/clock.ts';
import t from 'tap';

import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import type { DeploymentRecord } from '../../../src/kubernetes/objects/deployment.ts';
import { mergeServices } from '../../../src/kubernetes/objects/service.ts';
import type { ServiceRecord } from '../../../src/kubernetes/objects/service.ts';
import type { ContainerService } from '../../../src/containers/container.ts';

const tcp = (port: number, nodePort?: number) => ({
  port,
  target_port: port,
  ...(nodePort !== undefined && { node_port: nodePort }),
  protocol: 'TCP' as const,
});
const inner: ContainerService = {
  name: 'dcm-web-bcd',
  cluster_ip: '10.96.0.1',
  type: 'ClusterIP',
  ports: [tcp(80), tcp(443)],
};
const outer: ContainerService = {
  name: 'dcm-web-bcd-external',
  cluster_ip: '10.96.0.2',
  type: 'LoadBalancer',
  external_ip: '203.0.113.1',
  ports: [tcp(443, 30_443)],
};
const { external_ip: _externalIp, ...pending } = outer;

const shown: [what: string, Parameters<typeof mergeServices>, expected: ContainerService | undefined][] = [
  ['nothing', [undefined, undefined], undefined],
  ['the inner one alone', [inner, undefined], inner],
  ['the outer one alone', [undefined, outer], outer],
  [
    'both',
    [inner, outer],
    { ...inner, type: 'LoadBalancer', external_ip: '203.0.113.1', ports: [tcp(80), tcp(443, 30_443)] },
  ],
  [
    'both, while the address is not there',
    [inner, pending],
    { ...inner, type: 'LoadBalancer', ports: [tcp(80), tcp(443, 30_443)] },
  ],
  [
    'both, by node port',
    [inner, { ...pending, type: 'NodePort' }],
    { ...inner, type: 'NodePort', ports: [tcp(80), tcp(443, 30_443)] },
  ],
  [
    'both, where someone gave the inner one a node port',
    [{ ...inner, type: 'NodePort', ports: [tcp(80, 30_080), tcp(443, 30_444)] }, outer],
    { ...inner, type: 'LoadBalancer', external_ip: '203.0.113.1', ports: [tcp(80), tcp(443, 30_443)] },
  ],
];

for (const [what, services, expected] of shown) {
  t.test(`two Services are shown as one: ${what}`, (t) => {
    t.strictSame(mergeServices(...services), expected);
    t.end();
  });
}

t.test('a container with two Services is shown with both, and one whose spec was lost with the ports of each', (t) => {
  const object = { containerId: 'web', resourceVersion: '1', createdAt: 1000, incarnation: 'bcd' };
  const record = (service: ContainerService): ServiceRecord => ({
    ...object,
    uid: service.name,
    name: service.name,
    ownerUid: 'd-1',
    service,
  });
  const containerPorts = [80, 443, 9090].map((port) => ({ container_port: port }));
  const workload = { labels: {}, name: 'web', image: 'x', containerPorts, requests: {}, limits: {} };
  const deployment: DeploymentRecord = {
    ...object,
    ...{ uid: 'd-1', name: 'dcm-web', replicas: 1, conditions: [], containerName: 'web' },
    ...{ environment: new Map(), spec: workload, isolated: true },
  };
  const read = (...services: ContainerService[]) =>
    viewObjects(
      { deployments: [deployment], services: services.map(record), pods: [] },
      { namespace: 'containers', moment: momentOf(systemClock) },
    )!.container;
  const visibilities = ({ spec }: ReturnType<typeof read>) =>
    spec.network!.ports!.map(({ container_port: port, visibility }) => [port, visibility]);
  const both = read(outer, inner);
  t.match(both.service, { name: inner.name, type: 'LoadBalancer' });
  const rebuilt = [
    [80, 'internal'],
    [443, 'external'],
    [9090, 'none'],
  ];
  t.same(visibilities(both), rebuilt);
  t.same(visibilities(read(outer)), [[80, 'none'], ...rebuilt.slice(1)]);
  t.same(read().service, undefined);
  t.end();
});
