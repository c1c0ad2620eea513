import t from 'tap';
import { images, withImage } from '../support/base-spec.ts';
import { createContainer, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';

t.test('what happens to the Pods of a container', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  const patchImage = (id: string, image: string): Promise<void> =>
    workloads.patch('deployments', `dcm-${id}`, {
      spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
    });

  await t.test('a roll-out leaves it RUNNING throughout, and its spec as it was sent', async (t) => {
    await createContainer(client, 'rolled');
    const running = await events.waitFor('rolled', 'RUNNING');
    const oldPod = await workloads.runningPod('rolled');
    await patchImage('rolled', 'registry.example/web:2');
    const [newPod] = await workloads.until(
      'pods',
      'rolled',
      (pods) =>
        pods.length === 1 && pods[0]!.metadata.uid !== oldPod.metadata.uid && pods[0]!.status.phase === 'Running',
    );
    await eventually(
      () => readContainer(client, 'rolled'),
      ({ spec }) => spec.network?.ip === newPod!.status.podIP,
    );
    t.same(events.statuses('rolled').slice(events.statuses('rolled').indexOf('RUNNING')), ['RUNNING']);
    t.equal(events.of('rolled').at(-1)?.id, running.id, 'nothing new was to be told');
  });

  await t.test('a roll-out that does not come up leaves it RUNNING on the old Pod', async (t) => {
    await createContainer(client, 'stuck');
    const running = await events.waitFor('stuck', 'RUNNING');
    await patchImage('stuck', images.missing);
    await workloads.pod('stuck', ({ status }) => /"(ErrImagePull|ImagePullBackOff)"/.test(JSON.stringify(status)));
    t.equal((await readContainer(client, 'stuck')).status, 'RUNNING');
    await events.waitFor('stuck', ({ data }) => data.message.includes('The roll-out is held up: Image'), running);
    const told = events.of('stuck').map(({ data }) => data.status);
    t.strictSame(new Set(told.slice(told.indexOf('RUNNING'))), new Set(['RUNNING']));
  });

  await t.test('an eviction is told as FAILED at most until the replacement runs', async (t) => {
    await createContainer(client, 'evicted');
    await events.waitFor('evicted', 'RUNNING');
    const oldPod = await workloads.runningPod('evicted');
    await workloads.evict(oldPod);
    const newPod = await workloads.pod(
      'evicted',
      ({ metadata, status }) => metadata.uid !== oldPod.metadata.uid && status.phase === 'Running',
    );
    const read = await eventually(
      () => readContainer(client, 'evicted'),
      ({ status, spec }) => status === 'RUNNING' && spec.network?.ip === newPod.status.podIP,
    );
    t.equal(read.status, 'RUNNING');
    await eventually(
      () => events.of('evicted').at(-1)?.data.status,
      (status) => status === 'RUNNING',
    );
    for (const { data } of events.of('evicted')) {
      if (data.status === 'FAILED') t.match(data.message, /Evicted/);
    }
  });

  await t.test('a container that is scaled to zero is FAILED, and RUNNING again when it is scaled up', async (t) => {
    await createContainer(client, 'scaled');
    await events.waitFor('scaled', 'RUNNING');
    await workloads.patch('deployments', 'dcm-scaled', { spec: { replicas: 0 } });
    const failed = await events.waitFor('scaled', 'FAILED');
    t.match(failed.data.message, /scaled to zero/i);
    t.equal((await readContainer(client, 'scaled')).status, 'FAILED');
    await workloads.patch('deployments', 'dcm-scaled', { spec: { replicas: 1 } });
    await events.waitFor('scaled', 'RUNNING', failed);
  });

  await t.test('a container runs whatever its sidecars wait for', async (t) => {
    await createContainer(client, 'accompanied');
    await events.waitFor('accompanied', 'RUNNING');
    const oldPod = await workloads.runningPod('accompanied');
    await workloads.patch('deployments', 'dcm-accompanied', {
      spec: {
        strategy: { type: 'Recreate', rollingUpdate: null },
        template: {
          spec: {
            containers: [
              { name: 'web', image: images.runs },
              { name: 'sidecar', image: images.missing },
            ],
          },
        },
      },
    });
    const pod = await workloads.pod(
      'accompanied',
      ({ metadata, status }) =>
        metadata.uid !== oldPod.metadata.uid &&
        /"ImagePullBackOff"/.test(JSON.stringify(status)) &&
        /"running":/.test(JSON.stringify(status)),
    );
    t.equal(pod.status.phase, 'Pending', 'Kubernetes says so while a container of the Pod has never started');
    const read = await eventually(
      () => readContainer(client, 'accompanied'),
      ({ spec }) => spec.network?.ip === pod.status.podIP,
    );
    t.equal(read.status, 'RUNNING');
  });

  await t.test('a Pod that finds no node is PENDING, and says why', async (t) => {
    const spec = withImage(images.runs);
    spec.resources.cpu = { min: 1_000_000, max: 1_000_000 };
    await createContainer(client, 'homeless', spec);
    const pod = await workloads.pod('homeless');
    if (system.cluster.isSandbox) {
      const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' };
      await workloads.setPodStatus(pod, { phase: 'Pending', conditions: [condition], containerStatuses: null });
    }
    const event = await events.waitFor('homeless', ({ data }) => /schedul/i.test(data.message));
    t.equal(event.data.status, 'PENDING');
  });
});
