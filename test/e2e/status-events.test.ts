import t from 'tap';
import { images, kubelets, withImage } from '../support/base-spec.ts';
import type { ContainerSpec } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import type { StatusCloudEvent } from '../support/events.ts';
import { startSystem } from '../support/system.ts';

type Hints = NonNullable<NonNullable<ContainerSpec['provider_hints']>['kubernetes']>;

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

  const quickly = { tcp_socket: { port: 8080 }, period_seconds: 1 };
  const probed = (image: string, kubernetes: Hints) => ({ ...withImage(image), provider_hints: { kubernetes } });
  const loops: [what: string, id: string, spec: ContainerSpec, message: RegExp][] = [
    ...kubelets.flatMap(({ kubelet, crashes, exits, cannotStart }): typeof loops => [
      [`crashes on ${kubelet} kubelets`, `crashing-${kubelet}`, withImage(crashes), /crash.*exit code 1/],
      [`exits with 0 on ${kubelet} kubelets`, `exiting-${kubelet}`, withImage(exits), /keeps exiting.*exit code 0/],
      [
        `cannot be started on ${kubelet} kubelets`,
        `unstartable-${kubelet}`,
        withImage(cannotStart),
        /no such file or directory/,
      ],
    ]),
    [
      'is restarted by its liveness probe',
      'unhealthy',
      probed(images.unhealthy, { liveness_probe: quickly }),
      /liveness probe/,
    ],
    [
      'is restarted by its startup probe',
      'unstarted',
      probed(images.unready, { startup_probe: quickly }),
      /startup probe/,
    ],
  ];
  for (const [, id, spec] of loops) await createContainer(client, id, spec);
  for (const [what, id, , message] of loops) {
    await t.test(`tell once that a container ${what} again and again, and why`, async (t) => {
      const failed = await events.waitFor(id, 'FAILED');
      t.match(failed.data.message, message);
      await workloads.restarted(id, 4);
      const read = await readContainer(client, id);
      t.match(read, { status: 'FAILED', status_message: failed.data.message });
      const told = events.of(id);
      const later = told.slice(told.findIndex((event) => event.id === failed.id) + 1);
      t.same(later, [], 'moments between two ends are no recovery, and a counter that ticks makes no events');
    });
  }

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

  for (const [id, image, cause] of [
    ['unpullable', images.missing, /not found/],
    ['refused', images.private, /pull access denied/],
    ['unreachable', images.unreachable, /connection refused/],
  ] as const) {
    await t.test(`tell why an image cannot be pulled (${id}), once, though Kubernetes changes its mind`, async (t) => {
      await createContainer(client, id, withImage(image));
      const pending = await events.waitFor(id, ({ data }) => /ImagePullBackOff/.test(data.message));
      t.equal(pending.data.status, 'PENDING');
      t.match(pending.data.message, cause);
      const reasons: string[] = [];
      await workloads.pod(id, ({ status }) => {
        const reason = status.containerStatuses?.[0]?.state.waiting?.reason;
        if (reason !== undefined && reason !== reasons.at(-1)) reasons.push(reason);
        return reasons.slice(-3).join() === 'ErrImagePull,ImagePullBackOff,ErrImagePull';
      });
      t.equal((await readContainer(client, id)).status, 'PENDING');
      t.equal(events.of(id).at(-1)?.id, pending.id);
    });
  }

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
