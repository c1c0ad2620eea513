import t from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { createContainer, deleteContainer } from '../../support/containers.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { TestCluster } from '../../support/kubernetes.ts';
import type { Deployment } from '../../support/workloads.ts';
import { endSurely } from '../soak/soak.ts';
import { until } from '../../support/until.ts';
import { keysAre, keysOf } from './bucket.ts';
import { churn, startReplicas } from './replicas.ts';
import type { Replica } from './replicas.ts';

const idLabel = 'dcm.project/dcm-instance-id';
const incarnationLabel = 'dcm.project/dcm-incarnation';
const patienceMs = 120_000;
const compared = 'compared what was reported with the cluster';

const options = { skip: withoutNatsServer };

t.test('all are killed while containers come and go, and every end is told', options, async (t) => {
  await using controlPlane = await startControlPlane();
  await using replicas = await startReplicas(3, { on: { controlPlane }, remembering: true });
  const { system } = replicas;
  const { cluster, events } = system;
  const before = [...replicas.all];
  const works = ['a', 'b', 'c'].map((prefix) => churn(() => before, prefix));
  const retaken = ['retaken-0', 'retaken-1'];
  for (const id of retaken) await createContainer(before[1]!.client, id);
  for (const id of retaken) await events.waitFor(id, 'RUNNING');
  await until('there is much to remember', () => events.received.length > 60);

  await Promise.all(before.map((replica) => replica.kill()));
  await Promise.all(works.map((work) => work.end()));
  const toldBefore = new Set(events.received.map(({ event }) => event.data.id));
  const there = await listDeployments(cluster);
  const gone = there.filter((_, index) => index % 2 === 0).map(idOf);
  for (const id of new Set([...gone, ...retaken])) await deleteDeployment(cluster, id);
  await eventually(
    async () => (await listDeployments(cluster)).map(idOf),
    (ids) => !ids.some((id) => gone.includes(id) || retaken.includes(id)),
    patienceMs,
  );
  for (const id of retaken)
    await createAgain(
      cluster,
      there.find((deployment) => idOf(deployment) === id)!,
    );

  const seenBefore = events.received.length;
  const fresh = [await replicas.add(), await replicas.add(), await replicas.add()];
  await replicas.leader(...before);
  for (const replica of fresh) await replicas.healed(replica);

  const alive = new Set((await listDeployments(cluster)).map(idOf));
  const last = new Map(events.received.map(({ event }) => [event.data.id, event.data.status]));
  const ends = [...toldBefore].filter((id) => !alive.has(id));
  t.ok(ends.length > 10, `${ends.length} containers ended`);
  t.strictSame(
    ends.filter((id) => last.get(id) !== 'DELETED'),
    [],
    'each of them that was told of has its DELETED',
  );
  const later = events.received.slice(seenBefore).map(({ event }) => event.data);
  t.strictSame(
    later.filter(({ id, status }) => alive.has(id) && status === 'DELETED'),
    [],
    'no container that is there was called deleted',
  );
  for (const id of retaken) t.equal(last.get(id), 'RUNNING', id);
  await keysAre(replicas, async () => (await listDeployments(cluster)).map(idOf));
});

t.test('a namespace that was made anew while none ran has none of the former ends', options, async (t) => {
  await using controlPlane = await startControlPlane();
  await using replicas = await startReplicas(2, { on: { controlPlane }, remembering: true, asAdmin: true });
  const { cluster, events } = replicas.system;
  const before = [...replicas.all] as [Replica, Replica];
  const ids = ['one', 'two', 'same'];
  for (const id of ids) await createContainer(before[1].client, id);
  for (const id of ids) await events.waitFor(id, 'RUNNING');
  await Promise.all(before.map((replica) => replica.kill()));
  await remakeNamespace(cluster);

  const seenBefore = events.received.length;
  const next = await replicas.add();
  await replicas.add();
  await next.logged(({ msg }) => msg === compared);
  await createContainer(next.client, 'same');
  await createContainer(next.client, 'new');
  for (const id of ['same', 'new']) await events.waitFor(id, 'RUNNING', events.received[seenBefore - 1]!.event);
  await until('the replica has had time for more', async () => (await keysOf(replicas)).has('new'));
  const later = events.received.slice(seenBefore).map(({ event: { data } }) => `${data.id} ${data.status}`);
  t.strictSame(
    later.filter((report) => report.endsWith('DELETED')),
    [],
  );
});

t.test('a namespace that is made anew while they run is remembered as the new one', options, async (t) => {
  t.teardown(endSurely);
  await using controlPlane = await startControlPlane();
  await using replicas = await startReplicas(2, { on: { controlPlane }, remembering: true, asAdmin: true });
  const { cluster, events } = replicas.system;
  const [first, second] = replicas.all as [Replica, Replica];
  const ids = ['one', 'two', 'same'];
  for (const id of ids) await createContainer(first.client, id);
  for (const id of ids) await events.waitFor(id, 'RUNNING');
  const formerUid = await remakeNamespace(cluster);
  for (const id of ids) await events.waitFor(id, 'DELETED');
  const lastFormer = events.received.at(-1)!.event;

  const fresh = ['same', 'new', 'newer'];
  for (const id of fresh) await createContainer(second.client, id);
  for (const id of fresh) await events.waitFor(id, 'RUNNING', lastFormer);
  await eventually(
    () => keysOf(replicas),
    (keys) => fresh.every((id) => keys.has(id) && keys.get(id) !== formerUid),
    patienceMs,
  );
  t.strictSame([...(await keysOf(replicas)).keys()].sort(), [...fresh].sort());

  await Promise.all([first.kill(), second.kill()]);
  await deleteDeployment(cluster, 'new');
  const next = await replicas.add();
  await events.waitFor('new', 'DELETED');
  await replicas.healed(next);
  t.strictSame(events.statuses('newer').at(-1), 'RUNNING');
  await deleteContainer(next.client, 'same');
  await events.waitFor('same', 'DELETED', events.of('same').at(-1));
});

function idOf({ metadata }: Deployment): string {
  return metadata.labels![idLabel]!;
}

function deploymentsPath({ namespace }: TestCluster): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`;
}

async function listDeployments(cluster: TestCluster): Promise<Deployment[]> {
  const response = await cluster.request('GET', deploymentsPath(cluster));
  return (response.body as { items: Deployment[] }).items;
}

async function deleteDeployment(cluster: TestCluster, id: string): Promise<void> {
  const { status } = await cluster.request('DELETE', `${deploymentsPath(cluster)}/dcm-${id}`, {
    propagationPolicy: 'Background',
  });
  if (status !== 200) throw new Error(`deleting the Deployment of ${id}: ${status}`);
}

/** As a provider does that takes the id once more: another Deployment of another incarnation. */
async function createAgain(cluster: TestCluster, { metadata, spec }: Deployment): Promise<void> {
  const { [incarnationLabel]: former, ...labels } = metadata.labels!;
  const text = JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: metadata.name,
      labels: { ...labels, [incarnationLabel]: former },
      annotations: metadata.annotations,
    },
    spec,
  });
  const body = JSON.parse(text.replaceAll(`"${former!}"`, '"again"')) as object;
  const { status } = await cluster.request('POST', deploymentsPath(cluster), body);
  if (status !== 201) throw new Error(`creating ${metadata.name} again: ${status}`);
}

/** Resolves once containers can be made there. @returns the uid of the former one */
async function remakeNamespace(cluster: TestCluster): Promise<string> {
  const path = `/api/v1/namespaces/${cluster.namespace}`;
  const former = await cluster.request('GET', path);
  await cluster.request('DELETE', path);
  const isGone = ({ status }: { status: number }): boolean => status === 404;
  await eventually(() => cluster.request('GET', path), isGone, patienceMs);
  await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: cluster.namespace } });
  const isThere = ({ status }: { status: number }): boolean => status === 200;
  await eventually(() => cluster.request('GET', `${path}/serviceaccounts/default`), isThere, patienceMs);
  return (former.body as { metadata: { uid: string } }).metadata.uid;
}
