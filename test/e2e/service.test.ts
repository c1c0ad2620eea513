import t from 'tap';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import { createContainer, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';

t.test('the Service of a container', async (t) => {
  await using system = await startSystem();
  const { client } = system;

  await t.test('is a ClusterIP when all ports are internal, and stands in the answer of the create', async (t) => {
    const { service } = await createContainer(client, 'internal', withPorts({ 8080: 'internal', 8081: 'internal' }));
    t.match(service, { type: 'ClusterIP', cluster_ip: /^[0-9a-f.:]+$/ });
    t.same(service?.ports, [
      { port: 8080, target_port: 8080, protocol: 'TCP' },
      { port: 8081, target_port: 8081, protocol: 'TCP' },
    ]);
  });

  await t.test('is a LoadBalancer as soon as one port is external, with an address once it has one', async (t) => {
    const { service } = await createContainer(client, 'mixed', withPorts({ 8080: 'internal', 8443: 'external' }));
    t.match(service, {
      type: 'LoadBalancer',
      ports: [
        { port: 8080, node_port: Number },
        { port: 8443, node_port: Number },
      ],
    });
    const read = await eventually(
      () => readContainer(client, 'mixed'),
      (container) => container.service?.external_ip !== undefined,
      60_000,
    );
    const made = await system.workloads.one('services', 'mixed');
    t.equal(read.service?.external_ip, made.status?.loadBalancer?.ingress?.[0]?.ip);
    t.same(read.spec.network?.ports, withPorts({ 8080: 'internal', 8443: 'external' }).network?.ports);
  });

  await t.test(
    'has ports of UDP beside those of TCP, of one number too, with the node ports that they have',
    async (t) => {
      const ports = [
        { container_port: 53, visibility: 'external', protocol: 'UDP' },
        { container_port: 53, visibility: 'external', protocol: 'TCP' },
        { container_port: 8080, visibility: 'internal' },
      ] as const;
      const { service, spec } = await createContainer(client, 'dns', containerSpec({ network: { ports: [...ports] } }));
      const made = await system.workloads.one('services', 'dns');
      t.match(made.spec.ports, [
        { name: 'port-53-udp', protocol: 'UDP', port: 53, targetPort: 53 },
        { name: 'port-53', protocol: 'TCP', port: 53, targetPort: 53 },
        { name: 'port-8080', protocol: 'TCP', port: 8080, targetPort: 8080 },
      ]);
      t.same(
        service?.ports.map(({ port, protocol, node_port }) => [port, protocol, node_port]),
        made.spec.ports.map(({ port, protocol, nodePort }) => [port, protocol, nodePort]),
      );
      t.same(spec.network?.ports, ports);
      const deployment = await system.workloads.one('deployments', 'dns');
      t.match(deployment.spec.template.spec.containers[0]!['ports'], [
        { containerPort: 53, protocol: 'UDP' },
        { containerPort: 53, protocol: 'TCP' },
        { containerPort: 8080, protocol: 'TCP' },
      ]);
    },
  );

  await t.test('is not made where no port can be reached', async (t) => {
    const { service } = await createContainer(client, 'closed', withPorts({ 8080: 'none' }));
    t.notOk(service);
    t.same(await system.workloads.of('services', 'closed'), []);
  });

  await t.test('is a NodePort for external ports where the provider is configured so', async (t) => {
    const provider = await system.addProvider({ SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort' });
    const { service } = await createContainer(provider.client, 'by-node', withPorts({ 8080: 'external' }));
    const [made] = (await system.workloads.one('services', 'by-node')).spec.ports;
    t.match(service, { type: 'NodePort', ports: [{ port: 8080, node_port: made?.nodePort }] });
    t.ok(made?.nodePort);
  });
});
