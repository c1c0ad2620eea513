import fc from 'fast-check';
import t from 'tap';
import type { ContainerEndpoint, ContainerPort, ContainerService } from '../../src/containers/container.ts';
import { endpointsOf } from '../../src/containers/endpoints.ts';

/** A Service with the ports, and node ports from 30000 on where its type has them, drawn from the highest port down. */
function service(
  type: ContainerService['type'],
  ports: number[],
  changes: Partial<ContainerService> = {},
): ContainerService {
  const nodePort = (index: number) => (type === 'ClusterIP' ? {} : { node_port: 30_000 + ports.length - index });
  return {
    name: 'dcm-web-7k2m9x',
    cluster_ip: '10.96.45.12',
    type,
    ports: ports.map((port, index) => ({ port, target_port: port, protocol: 'TCP', ...nodePort(index) })),
    ...changes,
  };
}

function ports(visibilities: Record<number, ContainerPort['visibility']>): ContainerPort[] {
  return Object.entries(visibilities).map(([port, visibility]) => ({ container_port: Number(port), visibility }));
}

/** As `internal 10.96.45.12 8080`. */
function endpoint(text: string): ContainerEndpoint {
  const [scope, address, port] = text.split(' ');
  return { address: address!, port: Number(port), scope: scope as ContainerEndpoint['scope'] };
}

const withAddress = { external_ip: '203.0.113.1' };

const cases: [
  name: string,
  service: ContainerService | undefined,
  ports: ContainerPort[],
  externalAddress: string | undefined,
  expected: string[],
][] = [
  ['none without a Service', undefined, ports({ 80: 'internal', 81: 'external' }), 'node', []],
  ['none without ports', service('ClusterIP', []), [], 'node', []],
  ['none for ports that nobody may reach', service('ClusterIP', [80]), ports({ 80: 'none' }), 'node', []],
  [
    'internal ports at the cluster IP',
    service('ClusterIP', [8080, 80]),
    [...ports({ 8080: 'internal' }), ...ports({ 80: 'internal' })],
    'node',
    ['internal 10.96.45.12 80', 'internal 10.96.45.12 8080'],
  ],
  [
    'internal ports at a cluster IP of IPv6',
    service('ClusterIP', [80], { cluster_ip: 'fd00::1' }),
    ports({ 80: 'internal' }),
    undefined,
    ['internal fd00::1 80'],
  ],
  ['none of a headless Service', service('ClusterIP', [80], { cluster_ip: 'None' }), ports({ 80: 'internal' }), '', []],
  [
    'none of a Service without an IP',
    service('ClusterIP', [80], { cluster_ip: '' }),
    ports({ 80: 'internal' }),
    '',
    [],
  ],
  ['none outside of a Service that is inside', service('ClusterIP', [80]), ports({ 80: 'external' }), 'node', []],
  [
    'external ports at the address of the load balancer',
    service('LoadBalancer', [80], withAddress),
    ports({ 80: 'external' }),
    'node',
    ['external 203.0.113.1 80'],
  ],
  [
    'external ports at the host name of the load balancer',
    service('LoadBalancer', [80], { external_ip: 'lb.example.org' }),
    ports({ 80: 'external' }),
    undefined,
    ['external lb.example.org 80'],
  ],
  [
    'no external ports while the load balancer has no address, whatever the nodes have',
    service('LoadBalancer', [80, 81]),
    ports({ 80: 'external', 81: 'internal' }),
    'node',
    ['internal 10.96.45.12 81'],
  ],
  [
    'internal ports first, although they are reachable outside as well',
    service('LoadBalancer', [80, 8080, 443], withAddress),
    ports({ 80: 'external', 8080: 'internal', 443: 'external' }),
    undefined,
    ['internal 10.96.45.12 8080', 'external 203.0.113.1 80', 'external 203.0.113.1 443'],
  ],
  [
    'external ports at node ports, in the order of the ports of the container',
    service('NodePort', [80, 443]),
    ports({ 80: 'external', 443: 'external' }),
    'nodes.example.org',
    ['external nodes.example.org 30002', 'external nodes.example.org 30001'],
  ],
  [
    'node ports at an address of IPv6, without brackets',
    service('NodePort', [80]),
    ports({ 80: 'external' }),
    '2001:db8::7',
    ['external 2001:db8::7 30001'],
  ],
  ['no node ports without an address', service('NodePort', [80]), ports({ 80: 'external' }), undefined, []],
  [
    'no external port that has no node port',
    service('NodePort', [80], { ports: [{ port: 80, target_port: 80, protocol: 'TCP' }] }),
    ports({ 80: 'external' }),
    'node',
    [],
  ],
  [
    'internal ports of a Service for node ports at the cluster IP',
    service('NodePort', [80, 81]),
    ports({ 80: 'internal', 81: 'external' }),
    'node',
    ['internal 10.96.45.12 80', 'external node 30001'],
  ],
  [
    'the port of the Service, where it is another than that of the container',
    service('ClusterIP', [], { ports: [{ port: 80, target_port: 8080, protocol: 'TCP' }] }),
    ports({ 8080: 'internal' }),
    undefined,
    ['internal 10.96.45.12 80'],
  ],
  [
    'one for each port, where the Service has several for it',
    service('ClusterIP', [], {
      ports: [
        { port: 80, target_port: 8080, protocol: 'TCP' },
        { port: 81, target_port: 8080, protocol: 'TCP' },
      ],
    }),
    ports({ 8080: 'internal' }),
    undefined,
    ['internal 10.96.45.12 80'],
  ],
  [
    'a port of both protocols, TCP first',
    service('NodePort', [], {
      ports: [
        { port: 53, target_port: 53, protocol: 'UDP', node_port: 30_001 },
        { port: 53, target_port: 53, protocol: 'TCP', node_port: 30_002 },
      ],
    }),
    [{ container_port: 53, visibility: 'external', protocol: 'UDP' }, ...ports({ 53: 'external' })],
    'node',
    ['external node 30002', 'external node 30001'],
  ],
  [
    'no port that the Service does not have',
    service('LoadBalancer', [81], withAddress),
    ports({ 80: 'internal', 81: 'external' }),
    undefined,
    ['external 203.0.113.1 81'],
  ],
];

for (const [name, reachedBy, wanted, externalAddress, expected] of cases) {
  t.test(`has ${name}`, (t) => {
    t.strictSame(endpointsOf(reachedBy, wanted, externalAddress), expected.map(endpoint));
    t.end();
  });
}

t.test('never depends on the order of ports, and has each port once, with what its type allows', (t) => {
  const port = fc.record({
    container_port: fc.integer({ min: 1, max: 65_535 }),
    visibility: fc.constantFrom('none' as const, 'internal' as const, 'external' as const),
  });
  const spec = fc.uniqueArray(port, { maxLength: 8, selector: ({ container_port: number }) => number });
  const type = fc.constantFrom('ClusterIP' as const, 'NodePort' as const, 'LoadBalancer' as const);
  const externalIp = fc.option(fc.ipV4(), { nil: undefined });
  fc.assert(
    fc.property(spec, type, externalIp, externalIp, (all, type, external_ip, externalAddress) => {
      const reachable = all.filter(({ visibility }) => visibility !== 'none').map((each) => each.container_port);
      const reachedBy = service(type, reachable, external_ip === undefined ? {} : { external_ip });
      const found = endpointsOf(reachedBy, all, externalAddress);
      const internal = all.filter(({ visibility }) => visibility === 'internal').length;
      const isOutside = {
        ClusterIP: false,
        NodePort: externalAddress !== undefined,
        LoadBalancer: external_ip !== undefined,
      };
      const external = isOutside[type] ? reachable.length - internal : 0;
      t.strictSame(endpointsOf(reachedBy, all.toReversed(), externalAddress), found);
      t.strictSame(
        found.map(({ scope }) => scope),
        [...Array<string>(internal).fill('internal'), ...Array<string>(external).fill('external')],
      );
      t.ok(found.every(({ address, port }) => address !== '' && Number.isInteger(port)));
    }),
  );
  t.end();
});
