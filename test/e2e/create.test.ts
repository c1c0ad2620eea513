import t from 'tap';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import { createContainer, listIds, readContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

t.test('creating a container', async (t) => {
  await using system = await startSystem();
  const { client, workloads, cluster } = system;

  await t.test('answers 201 with the bare container, fresh and PENDING', async (t) => {
    const container = await createContainer(client, 'fresh');
    t.match(container, { id: 'fresh', path: 'containers/fresh', status: 'PENDING' });
    t.equal(container.update_time, container.create_time);
    t.same(container.spec, { ...containerSpec(), metadata: { name: 'web', namespace: cluster.namespace } });
    t.notOk(container.service, 'without ports there is no Service');
  });

  await t.test('shows it to reads and lists at once', async (t) => {
    const created = await createContainer(client, 'at-once', withPorts({ 8080: 'internal' }));
    const [read, ids] = await Promise.all([readContainer(client, 'at-once'), listIds(client)]);
    t.ok(ids.includes('at-once'));
    t.same(read.service, created.service);
  });

  await t.test('gives it a UUID when the client gives no id', async (t) => {
    const { data } = await client.POST('/containers', { body: { spec: containerSpec() } });
    t.match(data?.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    t.equal((await readContainer(client, data!.id)).path, `containers/${data!.id}`);
  });

  await t.test('ignores the read-only fields that a client sends', async (t) => {
    const spec = containerSpec({ metadata: { name: 'web', namespace: 'elsewhere' }, network: { ip: '192.0.2.1' } });
    const { data } = await client.POST('/containers', {
      params: { query: { id: 'read-only' } },
      body: { id: 'other', status: 'RUNNING', create_time: '2001-01-01T00:00:00Z', spec },
    });
    t.match(data, { id: 'read-only', status: 'PENDING', spec: { metadata: { namespace: cluster.namespace } } });
    t.notOk(data!.create_time.startsWith('2001'));
    t.notOk(data!.spec.network?.ip);
  });

  await t.test('makes a Deployment of one replica that runs what the spec says', async (t) => {
    const spec = containerSpec({
      metadata: { name: 'shop', labels: { 'app.kubernetes.io/part-of': 'shop' } },
      image: { reference: `registry.example/team/shop@sha256:${'0123'.repeat(16)}` },
      resources: { cpu: { min: 1, max: 3 }, memory: { min: '512MB', max: '2GB' } },
      process: { command: ['/bin/shop'], args: ['--port', '8080'], env: [{ name: 'TOKEN', value: 'very secret' }] },
      network: {
        ports: [
          { container_port: 8080, visibility: 'internal' },
          { container_port: 9090, visibility: 'none' },
        ],
      },
    });
    await createContainer(client, 'shop', spec);
    const { metadata, spec: deployed } = await workloads.one('deployments', 'shop');
    const identity = {
      'dcm.project/managed-by': 'dcm',
      'dcm.project/dcm-instance-id': 'shop',
      'dcm.project/dcm-service-type': 'container',
      'dcm.project/dcm-incarnation': metadata.labels!['dcm.project/dcm-incarnation'],
    };
    t.equal(metadata.name, 'dcm-shop');
    t.same(metadata.labels, { ...identity, 'app.kubernetes.io/part-of': 'shop' });
    t.equal(deployed.replicas, 1);
    t.same(deployed.selector.matchLabels, identity);
    t.same(deployed.template.metadata.labels, metadata.labels);
    t.equal(deployed.template.spec.automountServiceAccountToken, false);
    t.match(deployed.template.spec.containers, [
      {
        name: 'shop',
        image: `registry.example/team/shop@sha256:${'0123'.repeat(16)}`,
        command: ['/bin/shop'],
        args: ['--port', '8080'],
        env: [{ name: 'TOKEN', value: 'very secret' }],
        ports: [{ containerPort: 8080 }, { containerPort: 9090 }],
        resources: { requests: { cpu: '1', memory: '512Mi' }, limits: { cpu: '3', memory: '2Gi' } },
      },
    ]);
    t.notOk(JSON.stringify(metadata.annotations).includes('very secret'), 'annotations carry no environment values');
  });

  await t.test('lets every dollar sign reach the container, unless the hint asks for replacement', async (t) => {
    const process = {
      command: ['/bin/sh', '-c', 'echo $$ $(PW)'],
      args: ['$(PW)', '$${PW}'],
      env: [
        { name: 'PW', value: 'pa$$word' },
        { name: 'URL', value: 'db://$(PW)' },
      ],
    };
    const { spec: literal } = await createContainer(client, 'literal', containerSpec({ process }));
    const expanded = containerSpec({ process, provider_hints: { kubernetes: { expand_variables: true } } });
    const { spec: asKubernetes } = await createContainer(client, 'expanded', expanded);
    for (const shown of [literal, asKubernetes, (await readContainer(client, 'literal')).spec])
      t.same(shown.process, process);
    const inCluster = async (id: string) => (await workloads.one('deployments', id)).spec.template.spec.containers[0]!;
    t.match(await inCluster('literal'), {
      command: ['/bin/sh', '-c', 'echo $$$$ $$(PW)'],
      args: ['$$(PW)', '$$$${PW}'],
      env: [
        { name: 'PW', value: 'pa$$$$word' },
        { name: 'URL', value: 'db://$$(PW)' },
      ],
    });
    t.match(await inCluster('expanded'), process);
  });

  await t.test('makes a Service that the Deployment owns and that selects this incarnation alone', async (t) => {
    const spec = withPorts({ 80: 'internal', 81: 'none', 82: 'internal' });
    const { service } = await createContainer(client, 'served', spec);
    const [deployment, made] = await Promise.all([
      workloads.one('deployments', 'served'),
      workloads.one('services', 'served'),
    ]);
    t.equal(service?.name, made.metadata.name);
    t.equal(service?.cluster_ip, made.spec.clusterIP);
    t.same(made.metadata.labels, deployment.metadata.labels);
    t.same(made.spec.selector, deployment.spec.selector.matchLabels);
    t.match(made.spec.ports, [
      { name: String, protocol: 'TCP', port: 80, targetPort: 80 },
      { name: String, protocol: 'TCP', port: 82, targetPort: 82 },
    ]);
    t.match(made.metadata.ownerReferences, [{ kind: 'Deployment', name: 'dcm-served', uid: deployment.metadata.uid }]);
    t.notOk(made.metadata.ownerReferences?.[0]?.blockOwnerDeletion);
  });

  await t.test('never logs the values of environment variables', (t) => {
    t.notOk(system.provider.log.some((line) => JSON.stringify(line).includes('very secret')));
    t.end();
  });
});
