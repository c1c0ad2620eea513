import t from 'tap';
import { images, withImage, withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer, readStatusCode } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import type { ProviderProcess } from '../support/provider.ts';
import { startSystem } from '../support/system.ts';

t.test('deleting a container', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  await t.test('hides it at once, and removes Deployment, Pods and Service', async (t) => {
    await createContainer(client, 'gone', withPorts({ 8080: 'external' }));
    await events.waitFor('gone', 'RUNNING');
    await deleteContainer(client, 'gone');
    const [code, ids] = await Promise.all([readStatusCode(client, 'gone'), listIds(client)]);
    t.equal(code, 404);
    t.notOk(ids.includes('gone'));
    await workloads.until('deployments', 'gone', (deployments) => deployments.length === 0);
    await workloads.until('pods', 'gone', (pods) => pods.length === 0);
    await workloads.until('services', 'gone', (services) => services.length === 0);
    await events.waitFor('gone', 'DELETED');
  });

  await t.test('answers 404 the second time, and for an id that never was', async (t) => {
    await createContainer(client, 'twice');
    await deleteContainer(client, 'twice');
    await t.rejects(deleteContainer(client, 'twice'), { message: /"status":404/ });
    await t.rejects(deleteContainer(client, 'never'), { message: /"status":404/ });
  });

  await t.test('with a key can be repeated on any replica, and leaves what was made anew meanwhile', async (t) => {
    const other = await system.addProvider();
    const remove = async (provider: ProviderProcess, key: string) =>
      (
        await provider.client.DELETE('/containers/{container_id}', {
          params: { path: { container_id: 'keyed' }, header: { 'Idempotency-Key': key } },
        })
      ).response.status;
    t.equal(await remove(system.provider, 'first'), 204, 'there is none');
    await createContainer(client, 'keyed');
    await eventually(
      () => listIds(other.client),
      (ids) => ids.includes('keyed'),
    );
    t.equal(await remove(system.provider, 'second'), 204);
    await eventually(
      () => listIds(other.client),
      (ids) => !ids.includes('keyed'),
    );
    const { create_time } = await createContainer(other.client, 'keyed');
    for (const provider of [system.provider, other]) t.equal(await remove(provider, 'second'), 204);
    t.equal((await readContainer(other.client, 'keyed')).create_time, create_time);
    t.equal(await remove(other, 'third'), 204);
    t.equal(await readStatusCode(other.client, 'keyed'), 404);
    await other.stop();
  });

  await t.test('lets the id be created again at once, with a state of its own', async (t) => {
    await createContainer(client, 'again');
    await events.waitFor('again', 'RUNNING');
    await deleteContainer(client, 'again');
    const created = await createContainer(client, 'again', withImage(images.missing));
    t.equal(created.status, 'PENDING');
    const read = await readContainer(client, 'again');
    t.equal(read.status, 'PENDING', 'the old Pod does not show in the new container');
    t.equal(read.spec.image.reference, images.missing);
  });

  await t.test('never sends traffic for a new container to the Pods of the old one of the same id', async (t) => {
    const spec = withPorts({ 8080: 'external' });
    const { service: oldService } = await createContainer(client, 'reborn', spec);
    await events.waitFor('reborn', 'RUNNING');
    const oldPod = await workloads.runningPod('reborn');
    // The old Pod stays until the finalizer goes, as one does that takes its time to end.
    await workloads.patch('pods', oldPod.metadata.name, { metadata: { finalizers: ['example.org/held'] } });
    await deleteContainer(client, 'reborn');
    const { service: newService } = await createContainer(client, 'reborn', spec);
    t.not(newService?.name, oldService?.name);
    const newer = (await workloads.of('services', 'reborn')).find(({ metadata }) => metadata.name === newService?.name);
    const selects = (labels: Record<string, string> = {}): boolean =>
      Object.entries(newer!.spec.selector).every(([key, value]) => labels[key] === value);
    t.notOk(selects(oldPod.metadata.labels));

    const newPod = await workloads.pod(
      'reborn',
      ({ metadata, status }) => metadata.uid !== oldPod.metadata.uid && status.phase === 'Running',
    );
    t.ok(selects(newPod.metadata.labels));
    const read = await eventually(
      () => readContainer(client, 'reborn'),
      ({ status, service }) => status === 'RUNNING' && service?.external_ip !== undefined,
      60_000,
    );
    t.equal(read.service?.name, newService?.name);
    t.equal(read.spec.network?.ip, newPod.status.podIP);
    t.ok((await workloads.of('pods', 'reborn')).some(({ metadata }) => metadata.uid === oldPod.metadata.uid));
    await workloads.patch('pods', oldPod.metadata.name, { metadata: { finalizers: null } });
  });

  await t.test('counts a Deployment that a finalizer keeps as gone', async (t) => {
    await createContainer(client, 'held');
    const { metadata } = await workloads.one('deployments', 'held');
    await workloads.patch('deployments', metadata.name, { metadata: { finalizers: ['example.org/held'] } });
    await deleteContainer(client, 'held');
    t.equal(await readStatusCode(client, 'held'), 404);
    t.notOk((await listIds(client)).includes('held'));
    const deleted = await events.waitFor('held', 'DELETED');
    t.ok((await workloads.one('deployments', 'held')).metadata.deletionTimestamp, 'it is still there');

    const { error, response } = await client.POST('/containers', {
      params: { query: { id: 'held' } },
      body: { spec: withImage('registry.example/web:2') },
    });
    t.equal(response.status, 503);
    t.match(response.headers.get('retry-after'), /^[1-9]\d*$/);
    t.match(error, { type: 'INTERNAL', detail: /still being removed/ });

    await workloads.patch('deployments', metadata.name, { metadata: { finalizers: null } });
    await eventually(
      () => client.POST('/containers', { params: { query: { id: 'held' } }, body: { spec: withImage('x/web:2') } }),
      (answer) => answer.response.status === 201,
    );
    await events.waitFor('held', 'RUNNING', deleted);
    t.equal(events.of('held').filter(({ data }) => data.status === 'DELETED').length, 1);
  });
});
