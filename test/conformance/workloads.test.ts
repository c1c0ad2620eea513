/** What a cluster makes of Deployments: ReplicaSets, Pods, statuses. */
import t from 'tap';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { eventually, openCluster, type ClusterResponse } from '../support/kubernetes.ts';
import { deployment, mergePatch, pathsIn } from './objects.ts';

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
      body.status?.availableReplicas === body.spec.replicas &&
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
