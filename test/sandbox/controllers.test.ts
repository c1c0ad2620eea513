/** How the sandbox's Pods and Services live, as people see them. */
import t from 'tap';
import { startKubernetesApi, type SandboxKubernetes } from '../../scripts/sandbox/kubernetes/api.ts';
import { backOffAfterKill } from '../../scripts/kubelet/words.ts';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import {
  behaviourOf,
  buildPodStatus,
  nextStage,
  type Play,
  type Stage,
} from '../../scripts/sandbox/kubernetes/controllers/pod-life.ts';
import {
  planReplicas,
  rolloutBounds,
  type RolloutState,
} from '../../scripts/sandbox/kubernetes/controllers/rollout.ts';
import type { Deployment, Pod, Service } from '../../scripts/sandbox/kubernetes/objects.ts';
import { eventually, openSandbox, type SandboxCluster } from '../support/kubernetes.ts';
import { deployment, pathsIn, service } from '../conformance/objects.ts';

interface ObjectBody {
  apiVersion: string;
  kind: string;
  metadata: object;
}

function createDeployment(api: SandboxKubernetes, name: string, image: string): void {
  api.objects.create(deployment(name, { image }) as ObjectBody);
}

/** A Deployment called `a`, with changes of its container. */
function withContainer(changes: object): ObjectBody {
  const body = deployment('a', { image: 'web' });
  Object.assign((body.spec.template.spec as { containers: object[] }).containers[0]!, changes);
  return body as ObjectBody;
}

/** The first `count` things that the Pod of a Deployment with this image goes through, by the reason of its container's state. */
async function watchStates(cluster: SandboxCluster, image: string, count: number): Promise<string[]> {
  const { deployments, pods } = pathsIn(cluster.namespace);
  const { body } = await cluster.request('POST', deployments, deployment('a', { image }));
  await using watch = await cluster.watch(`${pods}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
  const seen: string[] = [];
  await watch.until(({ object }) => {
    const state = (object as Pod).status?.containerStatuses?.[0]?.state;
    const now = state?.waiting?.reason ?? state?.terminated?.reason ?? (state?.running ? 'Running' : undefined);
    if (now !== undefined && seen.at(-1) !== now) seen.push(now);
    return seen.length === count;
  });
  return seen;
}

for (const [image, behaviour] of [
  ['nginx', 'runs'],
  ['registry.example:5000/a/crash:1.0', 'crash'],
  ['registry.example/missing@sha256:abc', 'missing'],
  ['registry.example/done', 'done'],
  ['registry.example/gone:2', 'gone'],
  ['slow', 'slow'],
  ['registry.example/unready', 'unready'],
  ['private:1', 'private'],
  ['registry.example/nocommand:1', 'nocommand'],
  ['registry.example/Web:1', 'invalid'],
  ['registry.example/web:RC1', 'runs'],
  ['crash/app', 'runs'],
  ['crashing', 'runs'],
  ['constructor', 'runs'],
] as const) {
  t.test(`takes the image ${image} for one that behaves as "${behaviour}"`, (t) => {
    t.equal(behaviourOf(image), behaviour);
    t.end();
  });
}

const crashing: Play = { behaviour: 'crash', olderKubelet: false };
const older: Play = { ...crashing, olderKubelet: true };
const probed: Play = { behaviour: 'unhealthy', olderKubelet: false, killedAfter: 30 };
const secondsAsAKubelet = (stage: Stage, play: Play): number | undefined => {
  const times = { ...quickTimes, speed: 4, glimpse: 25 };
  const after = nextStage(stage, play, times)?.after;
  return after === undefined ? undefined : (after * times.speed) / 1000;
};

const backOffs = [10, 20, 40, 80, 160, 300, 300];
for (const [what, play, terminated, backingOff] of [
  ['terminated, and then in CrashLoopBackOff for a moment, since 1.35', crashing, backOffs, backOffs.map(() => 0.1)],
  ['terminated for a moment, and then in CrashLoopBackOff, up to 1.34', older, backOffs.map(() => 0.1), backOffs],
] as const) {
  t.test(`is ${what}, for 10 s, 20 s, 40 s, … 5 min`, (t) => {
    t.equal(secondsAsAKubelet({ at: 'terminated', restarts: 0 }, play), 0.1, 'the first restart comes at once');
    const stages = backOffs.map((_, index): Stage => ({ at: 'terminated', restarts: index + 1 }));
    t.strictSame(
      stages.map((stage) => secondsAsAKubelet(stage, play)),
      terminated,
    );
    const next = stages.map((stage) => nextStage(stage, play, quickTimes)!.stage);
    t.strictSame(
      next.map((stage) => secondsAsAKubelet(stage, play)),
      backingOff,
    );
    t.end();
  });
}

for (const [runs, backOffs] of [
  [4, [0, 0, 10, 20, 40, 80, 160, 300, 0]],
  [16, [0, 0, 0, 20, 40, 80, 160, 300, 0]],
  [30, [0, 0, 0, 0, 40, 80, 160, 300, 0]],
  [400, [0, 0, 0, 0, 0, 0, 0, 0, 0]],
] as const) {
  t.test(`waits before a restart by a probe after runs of ${runs} s as a kubelet does`, (t) => {
    t.strictSame(
      backOffs.map((_, index) => backOffAfterKill(index + 1, runs)),
      backOffs,
    );
    t.end();
  });
}

/** Times and codes of a container that goes through these stages, one a minute. */
function timesOf(image: string, stages: readonly Stage[], probes: object = {}): object[] {
  const place = { nodeName: 'node', hostIp: '192.0.2.1', podIp: '192.0.2.2' };
  let pod = {
    metadata: { name: 'a', namespace: 'default', uid: 'u' },
    spec: { containers: [{ name: 'main', image, ...probes }] },
  } as Pod;
  return stages.map((stage, minute) => {
    const status = buildPodStatus(pod, stage, place, `2026-01-01T00:0${minute}:00Z`);
    pod = { ...pod, status };
    const { state, lastState, restartCount } = status.containerStatuses![0]!;
    return { ...state, last: lastState?.terminated, restartCount };
  });
}

const at = (minute: number): string => `2026-01-01T00:0${minute}:00Z`;

t.test('tells when runs began and ended, the newest one that is over in lastState', (t) => {
  const end = (startedAt: string, finishedAt: string) => ({ exitCode: 1, reason: 'Error', startedAt, finishedAt });
  const message = 'back-off 10s restarting failed container=main pod=a_default(u)';
  t.strictSame(
    timesOf('crash', [
      { at: 'running', restarts: 0 },
      { at: 'terminated', restarts: 0 },
      { at: 'running', restarts: 1 },
      { at: 'terminated', restarts: 1 },
      { at: 'backing-off', restarts: 1, seconds: 10 },
      { at: 'running', restarts: 2 },
    ]),
    [
      { running: { startedAt: at(0) }, last: undefined, restartCount: 0 },
      { terminated: end(at(0), at(1)), last: undefined, restartCount: 0 },
      { running: { startedAt: at(2) }, last: end(at(0), at(1)), restartCount: 1 },
      { terminated: end(at(2), at(3)), last: end(at(0), at(1)), restartCount: 1 },
      { waiting: { reason: 'CrashLoopBackOff', message }, last: end(at(2), at(3)), restartCount: 1 },
      { running: { startedAt: at(5) }, last: end(at(2), at(3)), restartCount: 2 },
    ],
  );
  t.end();
});

t.test('tells of a run that its probe ended in lastState alone', (t) => {
  const end = (startedAt: string, finishedAt: string) => ({ exitCode: 0, reason: 'Completed', startedAt, finishedAt });
  const stages: Stage[] = [
    { at: 'running', restarts: 0 },
    { at: 'running', restarts: 1 },
    { at: 'backing-off', restarts: 1, seconds: 80 },
    { at: 'running', restarts: 2 },
  ];
  const message = 'back-off 1m20s restarting failed container=main pod=a_default(u)';
  t.strictSame(timesOf('unhealthy', stages, { livenessProbe: {} }), [
    { running: { startedAt: at(0) }, last: undefined, restartCount: 0 },
    { running: { startedAt: at(1) }, last: end(at(0), at(1)), restartCount: 1 },
    { waiting: { reason: 'CrashLoopBackOff', message }, last: end(at(1), at(2)), restartCount: 1 },
    { running: { startedAt: at(3) }, last: end(at(1), at(2)), restartCount: 2 },
  ]);
  t.end();
});

t.test('leaves a container that runs alone', (t) => {
  const stage: Stage = { at: 'running', restarts: 0 };
  t.equal(nextStage(stage, { behaviour: 'runs', olderKubelet: false }, quickTimes), undefined);
  t.equal(secondsAsAKubelet(stage, probed), 30, 'unless its probe has it restarted');
  t.end();
});

const state: RolloutState = {
  desired: 1,
  strategy: 'RollingUpdate',
  bounds: { surge: 1, unavailable: 0 },
  current: { name: 'new', replicas: 0, available: 0, hasPods: false },
  old: [{ name: 'old', replicas: 1, available: 1, hasPods: true }],
};
const plans: [what: string, change: Partial<RolloutState>, plan: Record<string, number>][] = [
  ['starts the new Pod beside the old one', {}, { new: 1, old: 1 }],
  [
    'keeps the old Pod while the new one is not available',
    { current: { name: 'new', replicas: 1, available: 0, hasPods: true } },
    { new: 1, old: 1 },
  ],
  [
    'lets the old Pod go once the new one is available',
    { current: { name: 'new', replicas: 1, available: 1, hasPods: true } },
    { new: 1, old: 0 },
  ],
  [
    'keeps an old Pod that is not available for as long',
    { old: [{ name: 'old', replicas: 1, available: 0, hasPods: true }] },
    { new: 1, old: 1 },
  ],
  ['waits for the old Pods to be gone when it recreates', { strategy: 'Recreate' }, { new: 0, old: 0 }],
  [
    'recreates once they are',
    { strategy: 'Recreate', old: [{ name: 'old', replicas: 0, available: 0, hasPods: false }] },
    { new: 1, old: 0 },
  ],
  [
    'scales all to nothing',
    { desired: 0, current: { name: 'new', replicas: 1, available: 1, hasPods: true } },
    { new: 0, old: 0 },
  ],
  [
    'surges and gives up a quarter each',
    {
      desired: 4,
      bounds: { surge: 1, unavailable: 1 },
      old: [{ name: 'old', replicas: 4, available: 4, hasPods: true }],
    },
    { new: 1, old: 3 },
  ],
];
for (const [desired, given, bounds] of [
  [1, {}, { surge: 1, unavailable: 0 }],
  [4, {}, { surge: 1, unavailable: 1 }],
  [5, { maxSurge: '50%', maxUnavailable: '50%' }, { surge: 3, unavailable: 2 }],
  [1, { maxSurge: 0, maxUnavailable: '25%' }, { surge: 0, unavailable: 1 }],
] as const) {
  t.test(`rolls ${desired} replicas with ${JSON.stringify(given)} within bounds`, (t) => {
    t.strictSame(rolloutBounds(desired, given), bounds);
    t.end();
  });
}

for (const [what, change, plan] of plans) {
  t.test(`a roll-out ${what}`, (t) => {
    t.strictSame(Object.fromEntries(planReplicas({ ...state, ...change })), plan);
    t.end();
  });
}

t.test(
  'says of a Deployment whose ReplicaSet is refused that it does not progress, and makes it in the end',
  async (t) => {
    await using api = await startKubernetesApi({ controllers: quickTimes });
    const refusal = api.faults.refuse(
      { code: 403, message: 'replicasets.apps "a-1" is forbidden: exceeded quota: few' },
      { verb: 'create', resource: 'replicasets' },
    );
    createDeployment(api, 'a', 'web');
    const progress = () =>
      (api.objects.list('deployments') as Deployment[])[0]?.status?.conditions?.find(
        ({ type }) => type === 'Progressing',
      );
    const failed = await eventually(progress, (found) => found?.status === 'False');
    t.match(failed, {
      reason: 'ReplicaSetCreateError',
      message: 'replicasets.apps "a-1" is forbidden: exceeded quota: few',
    });
    refusal.remove();
    await eventually(progress, (found) => found?.reason === 'NewReplicaSetAvailable');
  },
);

t.test('cannot pull an image named "missing", and says so in turns', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  t.strictSame(await watchStates(cluster, 'registry.example/missing:1', 5), [
    'ContainerCreating',
    'ErrImagePull',
    'ImagePullBackOff',
    'ErrImagePull',
    'ImagePullBackOff',
  ]);
  const [pod] = cluster.sandbox.objects.list('pods') as Pod[];
  t.match(pod?.status, { phase: 'Pending', containerStatuses: [{ ready: false, restartCount: 0 }] });
});

t.test('crashes an image named "crash" again and again', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  t.strictSame(await watchStates(cluster, 'crash', 9), [
    'ContainerCreating',
    'Running',
    'Error',
    'Running',
    'Error',
    'CrashLoopBackOff',
    'Running',
    'Error',
    'CrashLoopBackOff',
  ]);
  const [pod] = cluster.sandbox.objects.list('pods') as Pod[];
  t.match(pod?.status, {
    phase: 'Running',
    containerStatuses: [{ restartCount: 2, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }],
  });
});

t.test('ends an image named "done" again and again, with 0', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  t.strictSame(await watchStates(cluster, 'done', 6), [
    'ContainerCreating',
    'Running',
    'Completed',
    'Running',
    'Completed',
    'CrashLoopBackOff',
  ]);
});

t.test('crashes an image named "gone", and then cannot pull it in a Pod that goes on running', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  t.strictSame(await watchStates(cluster, 'gone', 6), [
    'ContainerCreating',
    'Running',
    'Error',
    'ErrImagePull',
    'ImagePullBackOff',
    'ErrImagePull',
  ]);
  const [pod] = cluster.sandbox.objects.list('pods') as Pod[];
  t.match(pod?.status, {
    phase: 'Running',
    containerStatuses: [{ ready: false, lastState: { terminated: { exitCode: 1 } } }],
  });
});

t.test('keeps a Pod pending whose sidecar cannot be pulled, while its other container runs', async (t) => {
  await using api = await startKubernetesApi({ controllers: quickTimes });
  const body = deployment('a', { image: 'nginx' });
  const { containers } = body.spec.template.spec as { containers: object[] };
  containers.push({ name: 'sidecar', image: 'registry.example/missing' });
  api.objects.create(body as ObjectBody);
  const pod = await eventually(
    () => (api.objects.list('pods') as Pod[])[0],
    (found) => found?.status?.containerStatuses?.[1]?.state?.waiting?.reason === 'ImagePullBackOff',
  );
  t.match(pod?.status, { phase: 'Pending', podIP: String, containerStatuses: [{ state: { running: {} } }] });
});

t.test('keeps an image named "slow" pending for a while, then runs it', async (t) => {
  await using api = await startKubernetesApi({ controllers: { ...quickTimes, slowPodStart: 300 } });
  createDeployment(api, 'a', 'slow');
  createDeployment(api, 'b', 'quick');
  const phase = (name: string): string | undefined =>
    (api.objects.list('pods') as Pod[]).find(({ metadata }) => metadata.labels?.['app'] === name)?.status?.phase;
  await eventually(
    () => phase('b'),
    (found) => found === 'Running',
  );
  t.equal(phase('a'), 'Pending');
  await eventually(
    () => phase('a'),
    (found) => found === 'Running',
  );
});

const probe = { tcpSocket: { port: 1 } };
for (const [what, changes, ready, started] of [
  ['without a probe', {}, true, true],
  ['with a liveness probe alone', { livenessProbe: probe }, true, true],
  ['with a readiness probe', { readinessProbe: probe }, false, true],
  ['with a startup probe', { startupProbe: probe }, false, false],
] as const) {
  t.test(`runs an image named "unready" ${what}, ${ready ? 'ready' : 'and never makes it ready'}`, async (t) => {
    await using api = await startKubernetesApi({ controllers: quickTimes });
    api.objects.create(withContainer({ image: 'unready', ...changes }));
    const pod = await eventually(
      () => (api.objects.list('pods') as Pod[])[0],
      (found) => found?.status?.containerStatuses?.[0]?.state?.running !== undefined,
    );
    t.match(pod?.status, { phase: 'Running', containerStatuses: [{ ready, started, restartCount: 0 }] });
    const conditions = pod?.status?.conditions?.map(({ type, status }) => [type, status]);
    t.match(Object.fromEntries(conditions ?? []), { Ready: ready ? 'True' : 'False' });
    t.equal(Object.fromEntries(conditions ?? [])['ContainersReady'], ready ? 'True' : 'False');
  });
}

for (const [kind, source] of [
  ['Secret', { envFrom: [{ secretRef: { name: 'keys' } }] }],
  ['Secret', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } } }] }],
  ['ConfigMap', { envFrom: [{ configMapRef: { name: 'keys' } }] }],
] as const) {
  t.test(`waits for a ${kind} that ${Object.keys(source)[0]} takes, and then runs`, async (t) => {
    await using api = await startKubernetesApi({ controllers: quickTimes });
    api.objects.create(withContainer({ image: 'web', ...source }));
    const state = () => (api.objects.list('pods') as Pod[])[0]?.status?.containerStatuses?.[0]?.state;
    const waiting = await eventually(state, (found) => found?.waiting?.reason === 'CreateContainerConfigError');
    t.equal(waiting?.waiting?.message, `${kind.toLowerCase()} "keys" not found`);
    t.equal((api.objects.list('pods') as Pod[])[0]?.status?.phase, 'Pending');
    api.objects.create({ apiVersion: 'v1', kind, metadata: { name: 'keys' } });
    await eventually(state, (found) => found?.running !== undefined);
  });
}

t.test('does not begin a Pod whose volume is missing, until it is there', async (t) => {
  await using api = await startKubernetesApi({ controllers: quickTimes });
  for (const [name, volume] of [
    ['a', { secret: { secretName: 'keys' } }],
    ['b', { configMap: { name: 'keys' } }],
    ['c', { secret: { secretName: 'keys', optional: true } }],
  ] as const) {
    const body = deployment(name, { image: 'web' });
    (body.spec.template.spec as { volumes?: object[] }).volumes = [{ name: 'keys', ...volume }];
    api.objects.create(body as ObjectBody);
  }
  const state = (name: string) =>
    (api.objects.list('pods') as Pod[]).find(({ metadata }) => metadata.labels?.['app'] === name)?.status
      ?.containerStatuses?.[0]?.state;
  await eventually(
    () => state('c'),
    (found) => found?.running !== undefined,
  );
  t.match(
    [state('a'), state('b')],
    [{ waiting: { reason: 'ContainerCreating' } }, { waiting: { reason: 'ContainerCreating' } }],
  );
  for (const kind of ['Secret', 'ConfigMap']) {
    api.objects.create({ apiVersion: 'v1', kind, metadata: { name: 'keys' } });
  }
  await eventually(
    () => [state('a'), state('b')],
    (found) => found.every((each) => each?.running !== undefined),
  );
});

t.test('pulls an image named "private" only with a Secret that is there', async (t) => {
  await using api = await startKubernetesApi({ controllers: quickTimes });
  for (const [name, secrets] of [
    ['a', []],
    ['b', [{ name: 'pull' }]],
  ] as const) {
    const body = deployment(name, { image: 'registry.example/private:1' });
    (body.spec.template.spec as { imagePullSecrets?: object[] }).imagePullSecrets = [...secrets];
    api.objects.create(body as ObjectBody);
  }
  const state = (name: string) =>
    (api.objects.list('pods') as Pod[]).find(({ metadata }) => metadata.labels?.['app'] === name)?.status
      ?.containerStatuses?.[0]?.state;
  const cannotPull = (found: ReturnType<typeof state>) => found?.waiting?.reason === 'ImagePullBackOff';
  await eventually(
    () => [state('a'), state('b')],
    (found) => found.every(cannotPull),
  );
  api.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pull' } });
  await eventually(
    () => state('b'),
    (found) => found?.running !== undefined,
  );
  t.match(state('a'), { waiting: { reason: /Image/ } });
});

t.test('keeps what is written into a Secret as a cluster does', async (t) => {
  await using api = await startKubernetesApi({ controllers: false });
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { a: 'b' } };
  const made = api.objects.create(secret);
  t.match(made, { type: 'Opaque', data: { a: 'Yg==' }, stringData: undefined });
});

t.test('gives a load balancer an address after a moment, and every Service other addresses', async (t) => {
  await using api = await startKubernetesApi({ controllers: quickTimes });
  for (const name of ['a', 'b']) api.objects.create(service(name, { type: 'LoadBalancer' }));
  const list = await eventually(
    () => api.objects.list('services') as Service[],
    (found) => found.every(({ status }) => status?.loadBalancer?.ingress?.length === 1),
  );
  const addresses = list.flatMap(({ spec, status }) => [
    spec.clusterIP,
    spec.ports?.[0]?.nodePort,
    status?.loadBalancer?.ingress?.[0]?.ip,
  ]);
  t.equal(new Set(addresses).size, 6);
});

t.test('runs out of node ports as a cluster does', async (t) => {
  await using api = await startKubernetesApi({ controllers: false, nodePorts: { first: 30_000, last: 30_001 } });
  for (const name of ['a', 'b']) api.objects.create(service(name, { type: 'NodePort' }));
  t.throws(() => api.objects.create(service('c', { type: 'NodePort' })), {
    code: 500,
    message: 'Internal error occurred: failed to allocate a nodePort: range is full',
  });
  api.objects.delete({ resource: 'services', name: 'a' });
  t.equal((api.objects.create(service('c', { type: 'NodePort' })) as Service).spec.ports?.[0]?.nodePort, 30_000);
});

t.test('leaves everything as it is when the controllers are off', async (t) => {
  await using api = await startKubernetesApi({ controllers: false });
  createDeployment(api, 'a', 'nginx');
  api.objects.patch(
    { resource: 'deployments', name: 'a' },
    { status: { replicas: 1, observedGeneration: 1 } },
    'status',
  );
  t.match(api.objects.get({ resource: 'deployments', name: 'a' })?.['status'], { replicas: 1 });
  t.strictSame(api.objects.list('replicasets'), []);
});
