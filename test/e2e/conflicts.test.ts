import t from 'tap';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import { referenceDeployment } from '../support/reference-container.ts';

t.test('conflicts', async (t) => {
  await using system = await startSystem();
  const { client, workloads } = system;

  await t.test(
    'of 200 concurrent creates of one id on two providers one succeeds, and makes one Deployment',
    async (t) => {
      await using other = await system.addProvider();
      const spec = withPorts({ 8080: 'internal' });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 === 0 ? client : other.client).POST('/containers', {
            params: { query: { id: 'contested' } },
            body: { spec: { ...spec, provider_hints: { index } } },
          }),
        ),
      );
      const codes = answers.map(({ response }) => response.status);
      t.equal(codes.filter((code) => code === 201).length, 1);
      t.equal(codes.filter((code) => code === 409).length, 199);
      t.match(answers.find(({ error }) => error)?.error, { type: 'ALREADY_EXISTS', status: 409 });
      const winner = codes.indexOf(201);
      await workloads.one('deployments', 'contested');
      await workloads.one('services', 'contested');
      t.same((await readContainer(client, 'contested')).spec.provider_hints, { index: winner });
    },
  );

  await t.test('a 409 changes nothing in the cluster', async (t) => {
    await createContainer(client, 'kept', withPorts({ 8080: 'internal' }));
    const uids = async (): Promise<string[]> =>
      [await workloads.one('deployments', 'kept'), await workloads.one('services', 'kept')].map(
        ({ metadata }) => metadata.uid,
      );
    const before = await uids();
    await t.rejects(createContainer(client, 'kept', withPorts({ 9090: 'external' })), { message: /"status":409/ });
    t.same(await uids(), before);
    t.same((await readContainer(client, 'kept')).service?.ports[0]?.port, 8080);
  });

  await t.test('a Deployment that has our name but not our labels makes create 409, and says so', async (t) => {
    const labels = { app: 'stranger' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }] } };
    const { metadata } = await workloads.create('deployments', {
      metadata: { name: 'dcm-occupied', labels },
      spec: { selector: { matchLabels: labels }, template },
    });
    const { error } = await client.POST('/containers', {
      params: { query: { id: 'occupied' } },
      body: { spec: containerSpec() },
    });
    t.match(error, { status: 409, type: 'ALREADY_EXISTS', detail: /Deployment/ });
    t.notSame((error as { detail?: string }).detail, `There is a container "occupied" already.`);
    await t.rejects(readContainer(client, 'occupied'), { message: /"status":404/ });
    await t.rejects(deleteContainer(client, 'occupied'), { message: /"status":404/ });
    t.equal((await workloads.get('deployments', 'dcm-occupied')).metadata.uid, metadata.uid);
  });

  await t.test('two Deployments that carry one id make read and delete 409, and neither is touched', async (t) => {
    await createContainer(client, 'double');
    await workloads.create('deployments', referenceDeployment('double'));
    await workloads.until('deployments', 'double', (deployments) => deployments.length === 2);
    await eventually(
      () => client.GET('/containers/{container_id}', { params: { path: { container_id: 'double' } } }),
      ({ response, error }) => response.status === 409 && error?.type === 'ALREADY_EXISTS',
    );
    await t.rejects(deleteContainer(client, 'double'), { message: /"status":409/ });
    await t.rejects(createContainer(client, 'double'), { message: /"status":409/ });
    t.equal(
      (await workloads.of('deployments', 'double')).filter(({ metadata }) => !metadata.deletionTimestamp).length,
      2,
    );
    t.equal((await listIds(client)).filter((id) => id === 'double').length, 1);
  });

  await t.test('an id that a container of the reference provider has is taken', async (t) => {
    await workloads.create('deployments', referenceDeployment('adopted'));
    await t.rejects(createContainer(client, 'adopted'), { message: /"status":409/ });
    await workloads.one('deployments', 'adopted');
  });
});
