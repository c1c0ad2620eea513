/** What a cluster makes of Deployments: ReplicaSets, Pods, statuses. */
import t from 'tap';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { eventually, openCluster, type ClusterResponse } from '../support/kubernetes.ts';
import type { Deployment, Pod, ReplicaSet } from '../../scripts/sandbox/kubernetes/objects.ts';
import { deployment, mergePatch, pathsIn, strategicMergePatch } from './objects.ts';

const cluster = await openCluster({ controllers: quickTimes });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, pods, replicaSets } = pathsIn(cluster.namespace);
const patience = 60_000;

interface Condition {
  type: string;
  status: string;
  reason?: string;
}

function hasCondition(object: { status?: { conditions?: Condition[] } }, wanted: Partial<Condition>): boolean {
  const entries = Object.entries(wanted) as [keyof Condition, string][];
  return (object.status?.conditions ?? []).some((condition) =>
    entries.every(([key, value]) => condition[key] === value),
  );
}

function podsOf(name: string): Promise<ClusterResponse> {
  return cluster.request('GET', `${pods}?labelSelector=app%3D${name}`);
}

async function isAvailable(name: string): Promise<ClusterResponse> {
  return eventually(
    () => cluster.request('GET', `${deployments}/${name}`),
    ({ body }) =>
      // Where a former template comes back, the condition stays as it was.
      [body.status?.replicas, body.status?.updatedReplicas, body.status?.availableReplicas].every(
        (count) => count === body.spec.replicas,
      ) &&
      body.status.observedGeneration === body.metadata.generation &&
      hasCondition(body, { type: 'Progressing', reason: 'NewReplicaSetAvailable' }),
    patience,
  );
}

t.test('makes a Pod of a Deployment and runs it', async (t) => {
  const body = deployment('running', { ports: [{ containerPort: 8080 }] });
  body.metadata['annotations'] = { 'test.example/note': 'kept' };
  await cluster.request('POST', deployments, body);
  const { body: available } = await isAvailable('running');
  t.match(available, {
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '1' } },
    status: { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 },
  });
  t.ok(hasCondition(available, { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' }));

  const { body: sets } = await cluster.request('GET', `${replicaSets}?labelSelector=app%3Drunning`);
  const [set] = sets.items;
  t.equal(sets.items.length, 1);
  t.match(set.metadata, {
    name: /^running-[a-z0-9]+$/,
    annotations: { 'test.example/note': 'kept', 'deployment.kubernetes.io/revision': '1' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'running', uid: available.metadata.uid, controller: true },
    ],
  });

  const { body: list } = await podsOf('running');
  const [pod] = list.items;
  t.match(pod.metadata, {
    name: /^running-[a-z0-9]+-[a-z0-9]{5}$/,
    labels: { app: 'running', 'pod-template-hash': set.metadata.labels['pod-template-hash'] },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: set.metadata.name, controller: true }],
  });
  t.match(pod.status, {
    phase: 'Running',
    podIP: /^\d+\.\d+\.\d+\.\d+$/,
    containerStatuses: [{ name: 'main', ready: true, restartCount: 0, state: { running: { startedAt: /Z$/ } } }],
  });
  for (const type of ['Ready', 'ContainersReady', 'Initialized', 'PodScheduled']) {
    t.ok(hasCondition(pod, { type, status: 'True' }), type);
  }
  t.type(pod.spec.nodeName, 'string');
});

t.test('rolls to a new Pod when the template changes, and removes the old one after it', async (t) => {
  await cluster.request('POST', deployments, deployment('rolling'));
  await isAvailable('rolling');
  const before = (await podsOf('rolling')).body.items[0].metadata.name;
  const spec = { template: { metadata: { labels: { version: '2' } } } };
  await cluster.request('PATCH', `${deployments}/rolling`, { spec }, mergePatch);
  await isAvailable('rolling');
  const { body } = await eventually(
    () => podsOf('rolling'),
    ({ body }) => body.items.length === 1,
    patience,
  );
  t.not(body.items[0].metadata.name, before);
  t.equal(body.items[0].metadata.labels.version, '2');
  const sets = await cluster.request('GET', `${replicaSets}?labelSelector=app%3Drolling`);
  const sizes = sets.body.items.map((set: { spec: { replicas: number } }) => set.spec.replicas);
  t.strictSame(sizes.toSorted(), [0, 1]);
});

/** The change of the image that `kubectl set image` makes. */
const withImage = (image: string): object => ({
  spec: { template: { spec: { containers: [{ name: 'main', image }] } } },
});

function setImage(name: string, image: string): Promise<ClusterResponse> {
  return cluster.request('PATCH', `${deployments}/${name}`, withImage(image), strategicMergePatch);
}

interface SetSize {
  image: string;
  replicas: number;
  revision: string | undefined;
}

/** Those of a Deployment, the oldest revision first. */
async function setsOf(name: string): Promise<SetSize[]> {
  const { body } = await cluster.request('GET', `${replicaSets}?labelSelector=app%3D${name}`);
  const sets = body.items.map((set: ReplicaSet) => ({
    image: set.spec.template?.spec?.containers[0]?.image,
    replicas: set.spec.replicas,
    revision: set.metadata.annotations?.['deployment.kubernetes.io/revision'],
  })) as SetSize[];
  return sets.toSorted((left, right) => Number(left.revision) - Number(right.revision));
}

t.test('tells of each step of a roll-out, and serves all the while', async (t) => {
  await cluster.request('POST', deployments, deployment('stepping'));
  await isAvailable('stepping');
  const { body: changed } = await setImage('stepping', 'registry.example/app:2');
  const version = changed.metadata.resourceVersion as string;
  const path = `${deployments}?watch=true&resourceVersion=${version}&fieldSelector=metadata.name%3Dstepping`;
  await using watch = await cluster.watch(path);
  const reasons: string[] = [];
  const statuses: Deployment['status'][] = [];
  await watch.until(({ object }) => {
    const { status, metadata } = object as Deployment;
    if (status?.observedGeneration !== metadata.generation) return false;
    statuses.push(status);
    const { reason = '' } = status?.conditions?.find(({ type }) => type === 'Progressing') ?? {};
    if (reasons.at(-1) !== reason) reasons.push(reason);
    return reason === 'NewReplicaSetAvailable';
  });
  t.strictSame(reasons.slice(-2), ['ReplicaSetUpdated', 'NewReplicaSetAvailable']);
  t.ok(statuses.every((status) => (status?.availableReplicas ?? 0) >= 1));
  t.ok(
    statuses.some(
      (status) => status?.replicas === 2 && status.updatedReplicas === 1 && status.unavailableReplicas === 1,
    ),
    'the new Pod is there before the old one goes',
  );
  t.match(statuses.at(-1), { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 });
  t.equal(statuses.at(-1)?.terminatingReplicas, 1);
  t.equal(statuses.at(-1)?.unavailableReplicas, undefined);
});

t.test('keeps the old Pod where the new one does not come up, says so after the deadline, and rolls on', async (t) => {
  const body = deployment('stuck');
  await cluster.request('POST', deployments, { ...body, spec: { ...body.spec, progressDeadlineSeconds: 2 } });
  await isAvailable('stuck');
  await setImage('stuck', 'registry.example/missing:1');
  const { body: late } = await eventually(
    () => cluster.request('GET', `${deployments}/stuck`),
    ({ body }) => hasCondition(body, { type: 'Progressing', status: 'False' }),
    patience,
  );
  const progress = late.status.conditions.find(({ type }: Condition) => type === 'Progressing');
  t.match(progress, {
    reason: 'ProgressDeadlineExceeded',
    message: /^ReplicaSet "stuck-[a-z0-9]+" has timed out progressing\.$/,
  });
  t.ok(hasCondition(late, { type: 'Available', status: 'True' }));
  t.match(late.status, { replicas: 2, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 });
  t.equal(late.status.unavailableReplicas, 1);

  await setImage('stuck', 'registry.example/app:3');
  await isAvailable('stuck');
  t.strictSame(await setsOf('stuck'), [
    { image: 'registry.example/app:1', replicas: 0, revision: '1' },
    { image: 'registry.example/missing:1', replicas: 0, revision: '2' },
    { image: 'registry.example/app:3', replicas: 1, revision: '3' },
  ]);
});

t.test('takes up the ReplicaSet of a former template again, whatever the order of its members', async (t) => {
  await cluster.request('POST', deployments, deployment('returning'));
  const { body: first } = await isAvailable('returning');
  await setImage('returning', 'registry.example/app:2');
  await isAvailable('returning');
  const reversed = { metadata: { name: 'returning' }, spec: reverseMembers(first.spec) };
  t.equal((await cluster.request('PUT', `${deployments}/returning`, reversed)).status, 200);
  await isAvailable('returning');
  t.strictSame(await setsOf('returning'), [
    { image: 'registry.example/app:2', replicas: 0, revision: '2' },
    { image: 'registry.example/app:1', replicas: 1, revision: '3' },
  ]);
});

function reverseMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseMembers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reverseMembers(member)]),
  );
}

t.test('rolls for the annotation of a restart, and the new Pod has it', async (t) => {
  await cluster.request('POST', deployments, deployment('restarted'));
  await isAvailable('restarted');
  const before = (await podsOf('restarted')).body.items[0].metadata.uid;
  const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
  const patch = { spec: { template: { metadata: { annotations } } } };
  await cluster.request('PATCH', `${deployments}/restarted`, patch, strategicMergePatch);
  const { body } = await eventually(
    () => podsOf('restarted'),
    ({ body }) => body.items.length === 1 && body.items[0].metadata.uid !== before,
    patience,
  );
  t.strictSame(body.items[0].metadata.annotations, annotations);
});

t.test('makes the new Pod of one that is recreated only when the old one is gone', async (t) => {
  const body = deployment('recreated');
  body.spec.strategy = { type: 'Recreate' };
  await cluster.request('POST', deployments, body);
  await isAvailable('recreated');
  const { body: list } = await podsOf('recreated');
  const old = list.items[0].metadata.uid;
  const version = list.metadata.resourceVersion as string;
  await using watch = await cluster.watch(
    `${pods}?watch=true&resourceVersion=${version}&labelSelector=app%3Drecreated`,
  );
  const patched = await setImage('recreated', 'registry.example/app:2');
  t.strictSame(patched.body.spec.strategy, { type: 'Recreate' });
  const ends: string[] = [];
  await watch.until(({ type, object }) => {
    if (object.metadata.uid !== old) return true;
    ends.push(type);
    return false;
  });
  t.ok(ends.includes('DELETED') || (await isEnded(old)), ends.join());
  await isAvailable('recreated');
  t.match(await setsOf('recreated'), [{ replicas: 0 }, { replicas: 1, revision: '2' }]);
});

/** Whether a Pod is gone, or is as good as gone: in a phase of which the controller waits for nothing more. */
async function isEnded(uid: string): Promise<boolean> {
  const { body } = await cluster.request('GET', pods);
  const pod = body.items.find((each: Pod) => each.metadata.uid === uid);
  return pod === undefined || ['Succeeded', 'Failed'].includes(pod.status.phase);
}

t.test('replaces a Pod that was deleted', async (t) => {
  await cluster.request('POST', deployments, deployment('healing'));
  await isAvailable('healing');
  const before = (await podsOf('healing')).body.items[0].metadata;
  await cluster.request('DELETE', `${pods}/${before.name}`, { gracePeriodSeconds: 0 });
  const { body } = await eventually(
    () => podsOf('healing'),
    ({ body }) => body.items.some((pod: { metadata: { uid: string } }) => pod.metadata.uid !== before.uid),
    patience,
  );
  t.ok(body.items.length >= 1);
});

t.test('scales to nothing and up again', async (t) => {
  await cluster.request('POST', deployments, deployment('scaling'));
  await isAvailable('scaling');
  await cluster.request('PATCH', `${deployments}/scaling`, { spec: { replicas: 0 } }, mergePatch);
  await eventually(
    () => podsOf('scaling'),
    ({ body }) => body.items.length === 0,
    patience,
  );
  const { body } = await cluster.request('GET', `${deployments}/scaling`);
  t.equal(body.status.replicas, undefined);
  await cluster.request('PATCH', `${deployments}/scaling`, { spec: { replicas: 2 } }, mergePatch);
  t.equal((await isAvailable('scaling')).body.status.availableReplicas, 2);
});

t.test('says of a Deployment whose Pods are refused that replicas fail, and why', async (t) => {
  // A template may hold an image that no Pod may have.
  await cluster.request('POST', deployments, deployment('refused', { image: ' registry.example/app:1' }));
  const { body } = await eventually(
    () => cluster.request('GET', `${deployments}/refused`),
    ({ body }) => hasCondition(body, { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }),
    patience,
  );
  const failure = body.status.conditions.find(({ type }: Condition) => type === 'ReplicaFailure');
  t.match(failure.message, /^Pod "refused-.*" is invalid: spec\.containers\[0\]\.image: Invalid value/);
  t.equal((await podsOf('refused')).body.items.length, 0);
});
