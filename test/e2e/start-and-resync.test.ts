import t from 'tap';
import { images, withImage } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { onlyInSandbox, startSystem } from '../support/system.ts';

t.test('a provider that starts', async (t) => {
  await using system = await startSystem();
  const { client, events } = system;
  await createContainer(client, 'running');
  await createContainer(client, 'pending', withImage(images.missing));
  await events.waitFor('running', 'RUNNING');
  await events.waitFor('pending', ({ data }) => /ImagePullBackOff/.test(data.message));
  t.equal(await system.provider.stop(), 0);
  const successor = await system.addProvider({ SP_NAME: 'successor', SP_MONITOR_RESYNC_PERIOD: '2s' });
  const own = (id: string) => events.of(id).filter(({ source }) => source === 'dcm/providers/successor');
  const deletions = (id: string) => own(id).filter(({ data }) => data.status === 'DELETED');

  await t.test('serves the containers that are there', async (t) => {
    t.equal((await readContainer(successor.client, 'running')).status, 'RUNNING');
  });

  await t.test('tells the status of each of them', async (t) => {
    await events.waitFor('running', ({ source }) => source === 'dcm/providers/successor');
    await events.waitFor('pending', ({ source }) => source === 'dcm/providers/successor');
    t.match(own('running')[0]?.data, { status: 'RUNNING' });
    t.match(own('pending')[0]?.data, { status: 'PENDING', message: /ImagePullBackOff/ });
  });

  await t.test('tells it again at each resync, as an event of its own', async (t) => {
    const told = await eventually(
      () => own('running'),
      (each) => each.length >= 3,
      60_000,
    );
    t.ok(told.every(({ data }) => data.status === 'RUNNING'));
    t.equal(new Set(told.map(({ id }) => id)).size, told.length);
  });

  await t.test('repeats DELETED at the next two resyncs, and then no more', async (t) => {
    await deleteContainer(successor.client, 'pending');
    const before = await eventually(
      () => deletions('pending'),
      (each) => each.length === 3,
      60_000,
    );
    const resyncs = own('running').length;
    await eventually(
      () => own('running').length,
      (count) => count >= resyncs + 2,
      60_000,
    );
    t.equal(deletions('pending').length, before.length);
  });

  const inSandbox = onlyInSandbox('a real API server does not keep changes from a watch');
  await t.test('takes over what its watches missed at the next resync', inSandbox, async () => {
    system.cluster.sandbox!.faults.silenceWatches();
    await system.workloads.patch('deployments', 'dcm-running', { spec: { replicas: 0 } });
    await events.waitFor('running', 'FAILED');
  });
});
