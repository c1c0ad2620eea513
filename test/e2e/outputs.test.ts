import t from 'tap';
import type { Schemas } from '../../generated/client.ts';
import { containerSpec, images, withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import type { Container } from '../support/containers.ts';
import type { StatusCloudEvent } from '../support/events.ts';
import { eventually } from '../support/kubernetes.ts';
import { referenceDeployment, referenceService } from '../support/reference-container.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

type Endpoint = Schemas['ContainerEndpoint'];

const internal = (address: string | undefined, port: number): Endpoint => ({
  address: address!,
  port,
  scope: 'internal',
});
const external = (address: string | undefined, port: number): Endpoint => ({
  address: address!,
  port,
  scope: 'external',
});

/** What an event tells of endpoints, as text; empty for an event that tells nothing of outputs. */
function told({ data }: StatusCloudEvent): string {
  return data.output_spec === undefined ? '' : JSON.stringify(data.output_spec.endpoints);
}

function tells(endpoints: readonly Endpoint[] | null): (event: StatusCloudEvent) => boolean {
  return (event) => told(event) === JSON.stringify(endpoints);
}

/** Does what a cloud does: gives the load balancer of the container an address, or takes it away. */
async function setAddress(
  { workloads }: System,
  id: string,
  address: { ip: string } | { hostname: string } | undefined,
): Promise<void> {
  const { metadata } = await workloads.one('services', id);
  // An entry without an address is none, and keeps the test cluster's own cloud from giving another one.
  const status = { loadBalancer: { ingress: [address ?? {}] } };
  await workloads.patch('services', `${metadata.name}/status`, { status });
}

function withAddress(client: System['client'], id: string): Promise<Container> {
  return eventually(
    () => readContainer(client, id),
    ({ service }) => service?.external_ip !== undefined,
  );
}

t.test('the outputs of a container', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads, cluster } = system;

  /** Each different thing that was told of the container by the provider, in order. */
  const sequence = (id: string, provider = 'k8s-container-provider'): string[] =>
    events
      .of(id)
      .filter(({ source }) => source === `dcm/providers/${provider}`)
      .map(told)
      .filter((each, index, all) => each !== all[index - 1]);

  await t.test('are null in every event where it has no ports, and absent on read', async (t) => {
    const created = await createContainer(client, 'no-ports', withPorts({ 8080: 'none' }));
    const running = await events.waitFor('no-ports', 'RUNNING');
    t.strictSame(running.data.output_spec, { namespace: cluster.namespace, endpoints: null });
    t.notOk('endpoints' in created);
    t.notOk('endpoints' in (await readContainer(client, 'no-ports')));
    await deleteContainer(client, 'no-ports');
    const deleted = await events.waitFor('no-ports', 'DELETED');
    t.strictSame(Object.keys(deleted.data), ['id', 'status', 'message']);
    t.strictSame(sequence('no-ports'), ['null', '']);
  });

  await t.test('are the cluster IP with each internal port, from the answer of the create on', async (t) => {
    const ports = withPorts({ 8081: 'internal', 8080: 'internal', 8082: 'none' });
    const { endpoints, service } = await createContainer(client, 'inside', ports);
    t.strictSame(endpoints, [internal(service?.cluster_ip, 8080), internal(service?.cluster_ip, 8081)]);
    const running = await events.waitFor('inside', 'RUNNING');
    t.strictSame(running.data.output_spec, { namespace: cluster.namespace, endpoints });
    t.strictSame((await readContainer(client, 'inside')).endpoints, endpoints);
  });

  await t.test('follow the address of a load balancer that is late, changes, and vanishes', async (t) => {
    const created = await createContainer(client, 'outside', withPorts({ 8443: 'external' }));
    t.notOk('endpoints' in created);
    const { service, endpoints } = await withAddress(client, 'outside');
    t.strictSame(endpoints, [external(service?.external_ip, 8443)]);
    await events.waitFor('outside', tells([external(service?.external_ip, 8443)]));
    const running = await events.waitFor('outside', 'RUNNING');
    t.equal(told(running), told(events.of('outside').at(-1)!), 'the first RUNNING has the address');

    const addresses = [
      undefined,
      { ip: '203.0.113.7' },
      { ip: '2001:db8::7' },
      { hostname: 'lb.example.org' },
      undefined,
    ];
    for (const address of addresses) {
      const before = events.of('outside').at(-1);
      await setAddress(system, 'outside', address);
      const expected = address ? [external(Object.values(address)[0], 8443)] : null;
      const event = await events.waitFor('outside', tells(expected), before);
      t.match(
        event.data,
        address
          ? { status: 'RUNNING', message: 'Container is running.' }
          : { status: 'PENDING', message: 'Waiting for the address of the load balancer.' },
        'consumers bind with what the first RUNNING says',
      );
      t.strictSame((await readContainer(client, 'outside')).endpoints ?? null, expected, 'a read says the same');
    }
    const changes = sequence('outside').slice(-addresses.length);
    t.match(changes, ['null', /203\.0\.113\.7/, /2001:db8::7/, /lb\.example\.org/, 'null'], 'each once');
  });

  await t.test('come before RUNNING where the address does, and in every event from then on', async (t) => {
    const spec = { ...withPorts({ 8443: 'external' }), image: { reference: images.slow } };
    await createContainer(client, 'early', spec);
    const early = await events.waitFor('early', ({ data }) => data.output_spec?.endpoints !== null);
    const running = await events.waitFor('early', 'RUNNING');
    t.equal(told(running), told(early));
  });

  await t.test('are the internal endpoints, then the external ones, of a container that has both', async (t) => {
    const ports = withPorts({ 9090: 'external', 8443: 'external', 8080: 'internal', 7070: 'none' });
    const { endpoints } = await createContainer(client, 'mixed', ports);
    const { service } = await withAddress(client, 'mixed');
    const inside = internal(service?.cluster_ip, 8080);
    t.strictSame(endpoints, [inside]);
    const all = [inside, external(service?.external_ip, 8443), external(service?.external_ip, 9090)];
    await events.waitFor('mixed', tells(all));
    t.strictSame((await readContainer(client, 'mixed')).endpoints, all);
    await setAddress(system, 'mixed', undefined);
    await events.waitFor('mixed', tells([inside]), events.of('mixed').find(tells(all)));
  });

  await t.test('end with the Service, and come back with it', async (t) => {
    await createContainer(client, 'bereft', withPorts({ 8080: 'internal' }));
    await events.waitFor('bereft', 'RUNNING');
    const { metadata, spec } = await workloads.one('services', 'bereft');
    const { name, labels, ownerReferences } = metadata;
    await workloads.delete('services', name);
    const bereft = await events.waitFor('bereft', tells(null), events.of('bereft').at(-1));
    t.equal(bereft.data.status, 'RUNNING');
    t.notOk('endpoints' in (await readContainer(client, 'bereft')));
    const { type, selector, ports } = spec;
    await workloads.create('services', {
      metadata: { name, labels, ownerReferences },
      spec: { type, selector, ports },
    });
    const { clusterIP } = (await workloads.get('services', name)).spec;
    await events.waitFor('bereft', tells([internal(clusterIP, 8080)]), bereft);
  });

  await t.test('are the node ports where the provider knows an address of the nodes, else none', async (t) => {
    const type = { SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort' };
    await using knowing = await system.addProvider({
      ...type,
      SP_NAME: 'knowing',
      SP_K8S_EXTERNAL_ADDRESS: 'nodes.example.org',
    });
    await using unknowing = await system.addProvider({ ...type, SP_NAME: 'unknowing' });
    const by = (name: string) => (event: StatusCloudEvent) =>
      event.source === `dcm/providers/${name}` && event.data.status === 'RUNNING';

    const spec = withPorts({ 8080: 'internal', 8443: 'external', 9090: 'external' });
    const { endpoints, service } = await createContainer(knowing.client, 'by-node', spec);
    const nodePort = (port: number) => service?.ports.find((each) => each.port === port)?.node_port ?? 0;
    const inside = internal(service?.cluster_ip, 8080);
    const all = [inside, ...[8443, 9090].map((port) => external('nodes.example.org', nodePort(port)))];
    t.strictSame(endpoints, all);
    t.strictSame((await readContainer(knowing.client, 'by-node')).endpoints, all);
    t.strictSame((await events.waitFor('by-node', by('knowing'))).data.output_spec?.endpoints, all);

    const seen = await eventually(
      () => readContainer(unknowing.client, 'by-node'),
      ({ status }) => status === 'RUNNING',
    );
    t.strictSame(seen.endpoints, [inside]);
    t.strictSame((await events.waitFor('by-node', by('unknowing'))).data.output_spec?.endpoints, [inside]);
  });

  await t.test('are known of containers of the reference provider too', async (t) => {
    await workloads.create('deployments', referenceDeployment('reference', [8080]));
    const { metadata } = await workloads.create('services', referenceService('reference', [8080]));
    const { clusterIP } = (await workloads.get('services', metadata.name)).spec;
    await events.waitFor('reference', tells([internal(clusterIP, 8080)]));
    t.strictSame((await readContainer(client, 'reference')).endpoints, [internal(clusterIP, 8080)]);
  });

  await t.test('are none in what a check answers', async (t) => {
    const query = { id: 'checked', validate_only: true };
    const body = { spec: withPorts({ 8080: 'internal', 8443: 'external' }) };
    const { data } = await client.POST('/containers', { params: { query }, body });
    t.ok(data);
    t.notOk('endpoints' in data!);
    t.strictSame(events.of('checked'), []);
  });

  await t.test('are ignored where a client sends them', async (t) => {
    const body = { spec: containerSpec(), endpoints: 'anything' } as never;
    const { data } = await client.POST('/containers', { params: { query: { id: 'sent' } }, body });
    t.equal(data?.id, 'sent');
    t.notOk('endpoints' in data!);
  });

  await t.test('are told anew by a provider that starts, as they are then', async (t) => {
    await setAddress(system, 'mixed', { ip: '203.0.113.8' });
    await events.waitFor('mixed', ({ data }) => JSON.stringify(data).includes('203.0.113.8'));
    t.equal(await system.provider.stop(), 0);
    await setAddress(system, 'mixed', { ip: '203.0.113.9' });
    await using successor = await system.addProvider({ SP_NAME: 'successor' });
    for (const id of ['inside', 'outside', 'mixed', 'bereft']) {
      const event = await events.waitFor(id, ({ source }) => source === 'dcm/providers/successor');
      const { status, endpoints = null } = await readContainer(successor.client, id);
      t.strictSame([event.data.status, event.data.output_spec?.endpoints], [status, endpoints], id);
    }
    t.match(sequence('mixed', 'successor'), [/internal.*203\.0\.113\.9.*external/]);
  });
});
