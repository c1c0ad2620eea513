/** Containers whose internal ports stay inside: two Services, shown as one, on a whole system. */
import t from 'tap';
import { containerSpec, images, withImage, withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer, readStatusCode } from '../support/containers.ts';
import type { Container } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import type { Service } from '../support/workloads.ts';

const isolating = { SP_K8S_ISOLATE_INTERNAL_PORTS: 'true' };
const mixed = withPorts({ 8080: 'internal', 8443: 'external', 9090: 'none' });
const scope = 'dcm.project/dcm-service-scope';

t.test('a provider that isolates internal ports', async (t) => {
  const env = {
    ...isolating,
    SP_K8S_ALLOWED_HINTS: 'service_annotations',
    SP_K8S_ALLOWED_SERVICE_ANNOTATIONS: 'example.org/*',
  };
  await using system = await startSystem({ env });
  const { client, events, workloads } = system;

  await t.test('makes two Services of the same Pods for both kinds of ports, and shows them as one', async (t) => {
    const made = await createContainer(client, 'mixed', mixed);
    const { inner, outer } = await pairOf(system, 'mixed');
    t.match(made.service, {
      name: inner.metadata.name,
      cluster_ip: inner.spec.clusterIP,
      type: 'LoadBalancer',
      ports: [
        { port: 8080, target_port: 8080 },
        { port: 8443, target_port: 8443 },
      ],
    });
    t.equal(inner.spec.type, 'ClusterIP');
    t.same(portsIn(inner), [8080, 8443]);
    t.same(portsIn(outer), [8443]);
    t.same(inner.spec.selector, outer.spec.selector);
    t.same(Object.keys(inner.spec.selector).includes(scope), false);
    await events.waitFor('mixed', 'RUNNING');
    const pod = await workloads.runningPod('mixed');
    for (const [key, value] of Object.entries(outer.spec.selector)) t.equal(pod.metadata.labels?.[key], value);
  });

  await t.test('gives the address of the load balancer once it has one, in reads and in events', async (t) => {
    const read = await withAddress(client, 'mixed');
    const { inner, outer } = await pairOf(system, 'mixed');
    const address = outer.status?.loadBalancer?.ingress?.[0]?.ip;
    t.equal(read.service?.external_ip, address);
    t.equal(read.service?.ports[0]?.node_port, undefined);
    t.equal(read.service?.ports[1]?.node_port, outer.spec.ports[0]?.nodePort);
    t.same(read.endpoints, [
      { address: inner.spec.clusterIP, port: 8080, scope: 'internal' },
      { address, port: 8443, scope: 'external' },
    ]);
    t.same(read.spec.network?.ports, mixed.network?.ports);
    const told = await events.waitFor('mixed', ({ data }) => data.output_spec?.endpoints?.length === 2);
    t.same(told.data.output_spec?.endpoints, read.endpoints);
  });

  await t.test('keeps a number inside by one protocol and gives it outside by the other', async (t) => {
    const ports = [
      { container_port: 53, visibility: 'internal' },
      { container_port: 53, visibility: 'external', protocol: 'UDP' },
    ] as const;
    await createContainer(client, 'dns', containerSpec({ network: { ports: [...ports] } }));
    const { service, endpoints, spec } = await withAddress(client, 'dns');
    const { inner, outer } = await pairOf(system, 'dns');
    const protocolsIn = (made: Service) => made.spec.ports.map(({ port, protocol }) => `${port}/${protocol}`);
    t.same([protocolsIn(inner), protocolsIn(outer)], [['53/TCP', '53/UDP'], ['53/UDP']]);
    t.same(
      service?.ports.map(({ protocol, node_port }) => [protocol, node_port]),
      [
        ['TCP', undefined],
        ['UDP', outer.spec.ports[0]?.nodePort],
      ],
    );
    t.same(endpoints, [
      { address: inner.spec.clusterIP, port: 53, scope: 'internal' },
      { address: outer.status?.loadBalancer?.ingress?.[0]?.ip, port: 53, scope: 'external' },
    ]);
    t.same(spec.network?.ports, ports);
  });

  await t.test('makes one Service where all ports are of one kind', async (t) => {
    for (const [id, spec, type] of [
      ['inside', withPorts({ 8080: 'internal', 8081: 'internal' }), 'ClusterIP'],
      ['outside', withPorts({ 8080: 'external', 8081: 'external' }), 'LoadBalancer'],
    ] as const) {
      const { service } = await createContainer(client, id, spec);
      const made = await workloads.one('services', id);
      t.match(service, { type, name: made.metadata.name, ports: [{ port: 8080 }, { port: 8081 }] });
      t.equal(made.metadata.labels?.[scope], undefined);
    }
    await createContainer(client, 'closed', withPorts({ 8080: 'none' }));
    t.same(await workloads.of('services', 'closed'), []);
  });

  await t.test('puts annotations of the hints onto the external Service alone', async (t) => {
    const hinted = { provider_hints: { kubernetes: { service_annotations: { 'example.org/pool': 'a' } } } };
    await createContainer(client, 'annotated', { ...mixed, ...hinted });
    const { inner, outer } = await pairOf(system, 'annotated');
    t.equal(inner.metadata.annotations?.['example.org/pool'], undefined);
    t.equal(outer.metadata.annotations?.['example.org/pool'], 'a');
  });

  await t.test('checks without making anything', async (t) => {
    const query = { id: 'checked', validate_only: true };
    const { response, data } = await client.POST('/containers', { params: { query }, body: { spec: mixed } });
    t.match([response.status, data?.id, data?.service], [200, 'checked', undefined]);
    t.same([await workloads.of('deployments', 'checked'), await workloads.of('services', 'checked')], [[], []]);
  });

  await t.test('answers a create that is sent again with both Services', async (t) => {
    const request = {
      params: { query: { id: 'again' }, header: { 'Idempotency-Key': 'again' } },
      body: { spec: mixed },
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.POST('/containers', request)));
    t.same(
      answers.map(({ response }) => response.status),
      [201, 201, 201, 201, 201],
    );
    const names = (await servicesOf(system, 'again')).map(({ metadata }) => metadata.name);
    t.equal(names.length, 2);
    for (const { data } of answers) t.match(data?.service, { name: names[0], type: 'LoadBalancer' });
  });

  await t.test('removes everything again where the external Service is refused', async (t) => {
    await using _quota = await refuseLoadBalancers(system);
    const params = { query: { id: 'refused' } };
    const { response, error } = await client.POST('/containers', { params, body: { spec: mixed } });
    t.match([response.status, error?.detail], [503, /exceeded quota/]);
    t.equal(await readStatusCode(client, 'refused'), 404);
    await workloads.until('services', 'refused', ({ length }) => length === 0);
    await workloads.until('deployments', 'refused', ({ length }) => length === 0);
    // Its Pod may have run for a moment: who was told of it is told of its end.
    await eventually(
      () => events.of('refused').at(-1)?.data.status ?? 'DELETED',
      (last) => last === 'DELETED',
    );
  });

  await t.test('removes both Services with the container, whose id can be used again at once', async (t) => {
    const before = await withAddress(client, 'mixed');
    const old = (await servicesOf(system, 'mixed')).map(({ metadata }) => metadata.name);
    await deleteContainer(client, 'mixed');
    const again = await createContainer(client, 'mixed', {
      ...mixed,
      ...withImage(images.slow),
      network: mixed.network!,
    });
    t.not(again.service?.name, before.service?.name);
    t.equal(again.service?.type, 'LoadBalancer');
    const left = await workloads.until('services', 'mixed', (services) =>
      services.every(({ metadata }) => !old.includes(metadata.name)),
    );
    t.equal(left.length, 2);
    await deleteContainer(client, 'mixed');
    await workloads.until('services', 'mixed', ({ length }) => length === 0);
  });

  await t.test('gives node ports of the external Service alone', async (t) => {
    const byNode = { ...isolating, SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort', SP_K8S_EXTERNAL_ADDRESS: 'node.example' };
    await using provider = await system.addProvider(byNode);
    const made = await createContainer(provider.client, 'by-node', mixed);
    const { inner, outer } = await pairOf(system, 'by-node');
    const nodePort = outer.spec.ports[0]!.nodePort!;
    t.same(made.service, {
      name: inner.metadata.name,
      cluster_ip: inner.spec.clusterIP,
      type: 'NodePort',
      ports: [
        { port: 8080, target_port: 8080, protocol: 'TCP' },
        { port: 8443, target_port: 8443, node_port: nodePort, protocol: 'TCP' },
      ],
    });
    t.same(made.endpoints, [
      { address: inner.spec.clusterIP, port: 8080, scope: 'internal' },
      { address: 'node.example', port: nodePort, scope: 'external' },
    ]);
  });
});

t.test('two Services that are on record', async (t) => {
  await using system = await startSystem({ env: isolating });
  const { client, events, workloads } = system;
  const ids = ['outer-gone', 'inner-gone', 'both-gone', 'whole'];
  for (const id of ids) await createContainer(client, id, mixed);
  const before = new Map<string, Container>();
  for (const id of ids) before.set(id, await withAddress(client, id));
  const lost: [id: string, scopes: string[]][] = [
    ['outer-gone', ['external']],
    ['inner-gone', ['internal']],
    ['both-gone', ['internal', 'external']],
  ];
  for (const [id, scopes] of lost) {
    const gone = (await servicesOf(system, id)).filter(({ metadata }) =>
      scopes.includes(metadata.labels?.[scope] ?? ''),
    );
    for (const { metadata } of gone) await workloads.delete('services', metadata.name);
    await workloads.until('services', id, ({ length }) => length === 2 - gone.length);
  }

  await t.test('are each shown without the other', async (t) => {
    const [whole, inner, outer, none] = await eventually(
      () => Promise.all(['whole', 'outer-gone', 'inner-gone', 'both-gone'].map((id) => readContainer(client, id))),
      ([, one, other, none]) =>
        one?.service?.type === 'ClusterIP' && other?.service?.ports.length === 1 && none?.service === undefined,
    );
    t.same(whole?.service, before.get('whole')?.service);
    const { name, cluster_ip } = before.get('outer-gone')!.service!;
    t.match(inner?.service, { name, cluster_ip, type: 'ClusterIP', ports: [{ port: 8080 }, { port: 8443 }] });
    t.same(inner?.endpoints, [{ address: cluster_ip, port: 8080, scope: 'internal' }]);
    const address = before.get('inner-gone')!.service!.external_ip;
    t.match(outer?.service, { type: 'LoadBalancer', external_ip: address, ports: [{ port: 8443 }] });
    t.same(outer?.endpoints, [{ address, port: 8443, scope: 'external' }]);
    t.equal(none?.endpoints, undefined);
  });

  await t.test('are told of in events whose status stays as it is', async (t) => {
    const told = await events.waitFor('both-gone', ({ data }) => data.output_spec?.endpoints === null);
    t.ok(told);
    t.notOk(events.of('both-gone').some(({ data }) => ['FAILED', 'UNKNOWN', 'DELETED'].includes(data.status)));
  });

  await t.test('are made again under the same names, by a provider that isolates no more', async (t) => {
    const crashed = await crashBetweenServices(system);
    await using successor = await system.addProvider({ SP_MONITOR_RESYNC_PERIOD: '2s' });
    for (const id of [...ids, ...crashed]) {
      const repaired = await eventually(
        () => readContainer(successor.client, id),
        ({ service }) => service?.external_ip !== undefined && service.ports.length === 2,
        120_000,
      );
      const { inner, outer } = await pairOf(system, id);
      t.match(repaired.service, { name: inner.metadata.name, type: 'LoadBalancer' });
      t.same([inner.spec.type, portsIn(inner), portsIn(outer)], ['ClusterIP', [8080, 8443], [8443]]);
      const known = before.get(id)?.service?.name;
      if (known !== undefined) t.equal(repaired.service?.name, known);
    }
    t.same((await readContainer(successor.client, 'whole')).service, before.get('whole')?.service);

    const single = await createContainer(successor.client, 'single', mixed);
    t.equal((await workloads.one('services', 'single')).metadata.name, single.service?.name);
    await deleteContainer(successor.client, 'whole');
    await workloads.until('services', 'whole', ({ length }) => length === 0);
  });

  await t.test('are not made for a container that has one, by a provider that isolates again', async (t) => {
    await using successor = await system.addProvider({ ...isolating, SP_MONITOR_RESYNC_PERIOD: '1s' });
    const start = events.received.length;
    const resynced = () =>
      events.received.slice(start).filter(({ event }) => event.data.id === 'single' && event.data.status === 'RUNNING');
    await eventually(resynced, ({ length }) => length >= 2);
    const made = await workloads.one('services', 'single');
    t.match(await readContainer(successor.client, 'single'), {
      service: { name: made.metadata.name, type: 'LoadBalancer', ports: [{ port: 8080 }, { port: 8443 }] },
    });
  });
});

async function servicesOf({ workloads }: System, id: string): Promise<Service[]> {
  const services = await workloads.of('services', id);
  return services.toSorted((a, b) => a.metadata.name.length - b.metadata.name.length);
}

/** The Services of a container, told apart by their label. */
async function pairOf(system: System, id: string): Promise<{ inner: Service; outer: Service }> {
  const services = await servicesOf(system, id);
  const [inner, outer] = ['internal', 'external'].map((value) =>
    services.find(({ metadata }) => metadata.labels?.[scope] === value),
  );
  if (!inner || !outer || services.length !== 2) throw new Error(`${id} has ${services.length} Services`);
  return { inner, outer };
}

function portsIn({ spec }: Service): number[] {
  return spec.ports.map(({ port }) => port);
}

function withAddress(client: System['client'], id: string): Promise<Container> {
  return eventually(
    () => readContainer(client, id),
    ({ service }) => service?.external_ip !== undefined,
  );
}

/**
 * Ends the provider. In the sandbox it is making the second Service of a container then, whose id is given back; on a real
 * cluster, which cannot be held up, that makes no other sight than a Service that was deleted.
 */
async function crashBetweenServices({ cluster, provider, workloads }: System): Promise<string[]> {
  const { sandbox } = cluster;
  if (sandbox === undefined) {
    await provider.kill();
    return [];
  }
  using _passed = sandbox.faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
  using held = sandbox.faults.hang({ verb: 'create', resource: 'services' });
  const create = createContainer(provider.client, 'crashed', mixed).then(
    () => 'answered',
    () => 'cut off',
  );
  await eventually(
    () => held.hits,
    (hits) => hits === 1,
  );
  await provider.kill();
  if ((await create) === 'answered') throw new Error('the create was not held up');
  const { length } = await workloads.of('services', 'crashed');
  if (length !== 1) throw new Error(`${length} Services were there when the provider ended`);
  return ['crashed'];
}

/** Lets the API server take Services within the cluster alone, as when a quota is used up, until the scope is left. */
async function refuseLoadBalancers({ cluster, workloads }: System): Promise<AsyncDisposable> {
  const name = 'no-load-balancers';
  const limit = 'services.loadbalancers';
  if (cluster.sandbox) {
    const { faults } = cluster.sandbox;
    const message = `services "x" is forbidden: exceeded quota: ${name}, requested: ${limit}=1, used: ${limit}=0, limited: ${limit}=0`;
    const passed = faults.delay(0, { verb: 'create', resource: 'services', times: 1 });
    const refused = faults.refuse({ code: 403, message }, { verb: 'create', resource: 'services' });
    const stack = new AsyncDisposableStack();
    for (const fault of [passed, refused]) stack.use(fault);
    return stack;
  }
  await workloads.create('resourcequotas', { metadata: { name }, spec: { hard: { [limit]: '0' } } });
  await workloads.quotaInForce(name);
  return { [Symbol.asyncDispose]: () => workloads.delete('resourcequotas', name) };
}
