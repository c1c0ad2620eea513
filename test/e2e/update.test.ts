import t from 'tap';
import type { Schemas } from '../../generated/client.ts';
import { images, withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';

t.test('a container that is changed and restarted', async (t) => {
  await using system = await startSystem();
  const { client, workloads } = system;
  const path = { container_id: 'web' };
  const change = async (spec: Schemas['ContainerPatch']['spec']) => {
    const { data, error } = await client.PATCH('/containers/{container_id}', {
      params: { path },
      body: { spec },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    if (!data) throw new Error(JSON.stringify(error));
    return data;
  };
  const settled = async () =>
    await eventually(
      () => readContainer(client, 'web'),
      ({ status, reconciling }) => status === 'RUNNING' && !reconciling,
    );
  await createContainer(client, 'web', withPorts({ 8080: 'external', 8081: 'external' }));
  const before = await settled();
  await t.test('serves on while the next Pod cannot come up, and says why', async (t) => {
    t.match(await change({ image: { reference: images.missing } }), { status: 'RUNNING', reconciling: true });
    const held = await eventually(
      () => readContainer(client, 'web'),
      ({ status_message: message }) => message !== before.status_message,
    );
    t.match(held, { status: 'RUNNING', reconciling: true, status_message: /The roll-out is held up: Image cannot be/ });
  });
  await t.test('is RUNNING with the Pod of an update that comes up', async (t) => {
    await change({ image: { reference: images.runs }, metadata: { labels: { tier: 'front' } } });
    const after = await settled();
    t.match(after, { status: 'RUNNING', status_message: before.status_message });
    t.not(after.spec.network?.ip, before.spec.network?.ip, 'another Pod');
    t.match((await workloads.one('services', 'web')).metadata.labels, { tier: 'front' });
  });
  await t.test('keeps name, address and node ports of its Service', async (t) => {
    const { service } = await change(withPorts({ 8080: 'external', 8082: 'external' }));
    const [kept] = before.service!.ports;
    t.match(service, { name: before.service!.name, cluster_ip: before.service!.cluster_ip });
    t.match(service?.ports, [kept, { port: 8082 }]);
  });
  await t.test('has another Pod after a restart', async (t) => {
    const { spec } = await settled();
    const restarted = await client.POST('/containers/{container_id}:restart', { params: { path } });
    t.match(restarted.data, { status: 'RUNNING', reconciling: true });
    t.not((await settled()).spec.network?.ip, spec.network?.ip);
  });
  await t.test('serves through two updates in a row, and ends as the latter says', async (t) => {
    const told = system.events.received.length;
    await change({ image: { reference: images.missing } });
    await change({ image: { reference: images.runs }, metadata: { labels: { tier: 'back' } } });
    t.match(await settled(), { status: 'RUNNING', spec: { metadata: { labels: { tier: 'back' } } } });
    const pods = await workloads.until('pods', 'web', ({ length }) => length === 1);
    t.match(pods, [{ metadata: { labels: { tier: 'back' } } }]);
    const statuses = system.events.received.slice(told).map(({ event }) => event.data.status);
    t.strictSame(new Set(statuses), new Set(statuses.length > 0 ? ['RUNNING'] : []));
  });
  await t.test('is FAILED where what takes its place crashes again and again, and can be mended', async (t) => {
    await change({ image: { reference: images.crashes } });
    const failed = await system.events.waitFor('web', 'FAILED');
    await change({ image: { reference: images.runs } });
    await system.events.waitFor('web', 'RUNNING', failed);
    t.match(await settled(), { status: 'RUNNING' });
  });
  await t.test('is gone with all that an update has begun', async (t) => {
    await change({ image: { reference: images.missing } });
    await deleteContainer(client, 'web');
    await system.events.waitFor('web', 'DELETED');
    for (const kind of ['deployments', 'services', 'pods'] as const)
      await workloads.until(kind, 'web', ({ length }) => length === 0);
    t.equal((await client.GET('/containers/{container_id}', { params: { path } })).response.status, 404);
  });
});
