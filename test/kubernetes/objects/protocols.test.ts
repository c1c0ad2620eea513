/** Ports of UDP, beside those of TCP: how they are built, and what is read of them in all the ways there are. */
import t from 'tap';
import type { ContainerPort, ContainerSpec } from '../../../src/containers/container.ts';
import type { Deployment, Service } from '../../../src/kubernetes/api/resources.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { specAnnotation } from '../../../src/kubernetes/objects/identity.ts';
import { buildServices, projectService } from '../../../src/kubernetes/objects/service.ts';
import type { ExternalServiceType } from '../../../src/kubernetes/objects/service.ts';
import { containerSpec } from '../../support/base-spec.ts';

const identity = { id: 'dns', incarnation: 'bcdfghjklm', namespace: 'containers' };
const owner = { name: 'dcm-dns', uid: 'd-1' };
const stored = { resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z' };
const view = { namespace: 'containers', externalAddress: 'node.example' };

const tcp = (port: number, visibility: ContainerPort['visibility']) => ({ container_port: port, visibility });
const udp = (port: number, visibility: ContainerPort['visibility']) => ({ ...tcp(port, visibility), protocol: 'UDP' });
const withPorts = (...ports: object[]): ContainerSpec =>
  containerSpec({ network: { ports: ports as ContainerPort[] } });

interface Made {
  deployment: Deployment;
  services: Service[];
}

/** What a cluster has after a create; node ports are 30,000 and the index of the port in its Service. */
function make(spec: ContainerSpec, type: ExternalServiceType = 'NodePort', isolated = false): Made {
  const deployment = buildDeployment(identity, spec, { isolated });
  Object.assign(deployment.metadata!, { uid: owner.uid, ...stored });
  const services = buildServices(identity, spec, owner, { externalServiceType: type, isolated });
  for (const service of services) {
    Object.assign(service.metadata!, { uid: service.metadata!.name, ...stored });
    service.spec!.clusterIP = '10.96.0.10';
    if (service.spec!.type !== 'ClusterIP')
      service.spec!.ports = service.spec!.ports!.map((port, index) => ({ ...port, nodePort: 30_000 + index }));
    if (service.spec!.type === 'LoadBalancer') service.status = { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } };
  }
  return { deployment, services };
}

function read({ deployment, services }: Made) {
  const records = services.map((service) => projectService(service)!);
  const objects = { deployments: [projectDeployment(deployment)!], services: records, pods: [] };
  const { container, endpoints } = viewObjects(objects, { ...view, moment: { now: 0, elapsed: 0 } })!;
  t.strictSame(endpoints, container.endpoints ?? [], 'events have the same endpoints');
  return container;
}

/** As the reference provider made them: nothing but the objects tells what was asked for. */
function withoutAnnotation({ deployment, services }: Made): Made {
  Reflect.deleteProperty(deployment.metadata!.annotations!, specAnnotation);
  return { deployment, services };
}

const servicePort = (name: string, protocol: string, port: number) => ({ name, protocol, port, targetPort: port });

t.test('each port keeps its protocol in the Pod and in the Service, under a name of its own', (t) => {
  const spec = withPorts(udp(53, 'internal'), { ...tcp(53, 'internal'), protocol: 'TCP' }, udp(9090, 'none'));
  const { deployment, services } = make(spec);
  t.same(deployment.spec!.template.spec!.containers[0]!.ports, [
    { containerPort: 53, protocol: 'UDP' },
    { containerPort: 53, protocol: 'TCP' },
    { containerPort: 9090, protocol: 'UDP' },
  ]);
  t.same(
    services.map((service) => service.spec!.ports),
    [[servicePort('port-53-udp', 'UDP', 53), servicePort('port-53', 'TCP', 53)]],
  );
  t.end();
});

t.test('isolated, one number may be inside by one protocol and outside by the other', (t) => {
  const made = make(withPorts(tcp(53, 'internal'), udp(53, 'external'), tcp(443, 'external')), 'LoadBalancer', true);
  const [inner, outer] = made.services;
  t.same(
    inner!.spec!.ports!.map(({ name }) => name),
    ['port-53', 'port-53-udp', 'port-443'],
  );
  t.same(
    outer!.spec!.ports!.map(({ name }) => name),
    ['port-53-udp', 'port-443'],
  );
  const container = read(made);
  t.same(container.service?.ports, [
    { port: 53, target_port: 53, protocol: 'TCP' },
    { port: 53, target_port: 53, node_port: 30_000, protocol: 'UDP' },
    { port: 443, target_port: 443, node_port: 30_001, protocol: 'TCP' },
  ]);
  t.same(container.endpoints, [
    { address: '10.96.0.10', port: 53, scope: 'internal' },
    { address: '203.0.113.1', port: 53, scope: 'external' },
    { address: '203.0.113.1', port: 443, scope: 'external' },
  ]);
  t.end();
});

t.test('endpoints are those of the protocol, where each has a node port of its own', (t) => {
  for (const ports of [
    [udp(53, 'external'), tcp(53, 'external')],
    [tcp(53, 'external'), udp(53, 'external')],
  ]) {
    const made = make(withPorts(...ports));
    const byProtocol = { TCP: 30_053, UDP: 31_053 };
    for (const port of made.services[0]!.spec!.ports!) port.nodePort = byProtocol[port.protocol as 'TCP' | 'UDP'];
    t.same(read(made).endpoints, [
      { address: 'node.example', port: 30_053, scope: 'external' },
      { address: 'node.example', port: 31_053, scope: 'external' },
    ]);
  }
  t.end();
});

for (const isolated of [false, true]) {
  t.test(`ports are rebuilt from the objects, ${isolated ? 'two Services' : 'one Service'}`, (t) => {
    const ports = [tcp(53, 'internal'), udp(53, isolated ? 'external' : 'internal'), udp(443, 'none')];
    const made = withoutAnnotation(make(withPorts(...ports), 'NodePort', isolated));
    t.same(read(made).spec.network?.ports, ports);
    t.end();
  });
}

t.test('a port whose protocol the contract does not know is not told', (t) => {
  const made = withoutAnnotation(make(withPorts(tcp(80, 'internal'))));
  made.deployment.spec!.template.spec!.containers[0]!.ports!.push({ containerPort: 80, protocol: 'SCTP' });
  made.services[0]!.spec!.ports!.push(servicePort('sctp', 'SCTP', 80));
  const { spec, service } = read(made);
  t.same(spec.network?.ports, [tcp(80, 'internal')]);
  t.match(service?.ports, [{ protocol: 'TCP' }, { protocol: 'SCTP' }]);
  t.end();
});

t.test('containers that were made when the protocol was an unknown field', (t) => {
  const spec = withPorts(tcp(53, 'internal'), udp(54, 'internal'), { ...tcp(55, 'internal'), protocol: { a: 1 } });
  const made = make(withPorts(tcp(53, 'internal'), tcp(54, 'internal'), tcp(55, 'internal')));
  made.deployment.metadata!.annotations![specAnnotation] = JSON.stringify(spec);
  const container = read(made);
  t.same(container.spec.network, spec.network, 'show it as it was sent');
  t.same(
    container.endpoints?.map(({ port }) => port),
    [53, 55],
    'and are not reached by UDP, since their Service is of TCP',
  );
  t.end();
});
