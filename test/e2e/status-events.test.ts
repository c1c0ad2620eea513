import t from 'tap';
import { images, withImage } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import type { StatusCloudEvent } from '../support/events.ts';
import { startSystem } from '../support/system.ts';

t.test('status events', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  await t.test('tell the whole life of a container: PENDING, RUNNING, DELETED', async (t) => {
    await createContainer(client, 'life', withImage(images.slow));
    await events.waitFor('life', 'PENDING');
    await events.waitFor('life', 'RUNNING');
    t.equal((await readContainer(client, 'life')).status, 'RUNNING');
    await deleteContainer(client, 'life');
    await events.waitFor('life', 'DELETED');
    t.same(events.statuses('life'), ['PENDING', 'RUNNING', 'DELETED']);
  });

  await t.test('are CloudEvents in structured JSON, each with an id of its own', async (t) => {
    await createContainer(client, 'shaped');
    const event = await events.waitFor('shaped', 'RUNNING');
    t.strictSame(
      { ...event, id: '', time: '' },
      {
        specversion: '1.0',
        id: '',
        source: 'dcm/providers/k8s-container-provider',
        type: 'dcm.status.container',
        subject: 'dcm.container',
        time: '',
        datacontenttype: 'application/json',
        data: {
          id: 'shaped',
          status: 'RUNNING',
          message: 'Container is running.',
          output_spec: { namespace: system.cluster.namespace, endpoints: null },
        },
      },
    );
    t.match(event.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    t.match(event.time, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    t.ok(Math.abs(Date.parse(event.time) - Date.now()) < 60_000);
    const ids = events.received.map((received) => received.event.id);
    t.equal(new Set(ids).size, ids.length);
    t.ok(events.received.every(({ contentType }) => contentType === 'application/cloudevents+json'));
  });

  await t.test('tell that a container crashes again and again, with its exit code', async (t) => {
    await createContainer(client, 'crashing', withImage(images.crashes));
    const failed = await events.waitFor('crashing', 'FAILED');
    t.match(failed.data.message, /crash.*exit code 1/);
    t.equal((await readContainer(client, 'crashing')).status, 'FAILED');
    await workloads.pod(
      'crashing',
      ({ status }) =>
        ((status as { containerStatuses?: { restartCount: number }[] }).containerStatuses?.[0]?.restartCount ?? 0) >= 3,
    );
    t.equal(events.of('crashing').at(-1)?.data.status, 'FAILED', 'moments between crashes are no recovery');
    t.equal(
      events.of('crashing').filter(({ data }) => data.message === failed.data.message).length,
      1,
      'a counter that ticks makes no events',
    );
  });

  await t.test('tell that a container keeps exiting, also where it does without an error', async (t) => {
    await createContainer(client, 'exiting', withImage(images.exits));
    const failed = await events.waitFor('exiting', 'FAILED');
    t.match(failed.data.message, /keeps exiting.*exit code 0/);
    await workloads.pod(
      'exiting',
      ({ status }) =>
        ((status as { containerStatuses?: { restartCount: number }[] }).containerStatuses?.[0]?.restartCount ?? 0) >= 3,
    );
    const later = events.of('exiting').slice(events.of('exiting').findIndex(({ id }) => id === failed.id) + 1);
    t.same(later, [], 'moments between two ends are no recovery');
  });

  await t.test('tell a container that waits for its image after a crash as PENDING, never as RUNNING', async (t) => {
    await createContainer(client, 'vanished', withImage(images.vanishes));
    const pending = await events.waitFor('vanished', ({ data }) => /ImagePullBackOff/.test(data.message));
    t.equal(pending.data.status, 'PENDING');
    const pod = await workloads.pod('vanished');
    t.equal(pod.status.phase, 'Running', 'although its Pod is in phase Running');
    t.equal((await readContainer(client, 'vanished')).status, 'PENDING');
    t.notOk(
      events.of('vanished').some(({ data }) => data.status === 'FAILED'),
      'one crash is no crash loop',
    );
  });

  await t.test('tell why an image cannot be pulled, once, though Kubernetes keeps changing its mind', async (t) => {
    await createContainer(client, 'unpullable', withImage(images.missing));
    const pending = await events.waitFor('unpullable', ({ data }) => /ImagePullBackOff/.test(data.message));
    t.equal(pending.data.status, 'PENDING');
    const reasons = new Set<string>();
    await workloads.pod('unpullable', ({ status }) => {
      const [container] =
        (status as { containerStatuses?: { state: { waiting?: { reason: string } } }[] }).containerStatuses ?? [];
      if (container?.state.waiting) reasons.add(container.state.waiting.reason);
      return reasons.has('ErrImagePull') && reasons.has('ImagePullBackOff');
    });
    t.equal((await readContainer(client, 'unpullable')).status, 'PENDING');
    t.equal(events.of('unpullable').filter(({ data }) => data.message === pending.data.message).length, 1);
  });

  await t.test('tell only the new container when an id is deleted and created again within one window', async (t) => {
    const windowMs = 4_000;
    const env = { SP_NAME: 'patient', SP_MONITOR_DEBOUNCE_MS: String(windowMs) };
    await using provider = await system.addProvider(env);
    const isOwn = ({ source }: StatusCloudEvent): boolean => source === 'dcm/providers/patient';
    const replaceWithinWindow = async (id: string): Promise<string> => {
      const startedAt = performance.now();
      await createContainer(provider.client, id);
      await deleteContainer(provider.client, id);
      await createContainer(provider.client, id);
      const tookMs = performance.now() - startedAt;
      return tookMs < windowMs ? id : replaceWithinWindow(`${id}-slow`);
    };
    const id = await replaceWithinWindow('replaced');
    await events.waitFor(id, (event) => isOwn(event) && event.data.status === 'RUNNING');
    t.notOk(events.of(id).some((event) => isOwn(event) && event.data.status === 'DELETED'));
  });
});
