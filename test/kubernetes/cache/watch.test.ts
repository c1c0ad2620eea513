import t from 'tap';

import { isNewer } from '../../../src/containers/resource-version.ts';
import type { VersionRange } from '../../../src/containers/resource-version.ts';
import { startKubernetesApi } from '../../../scripts/sandbox/kubernetes/api.ts';
import { cachedObjects, connect, failureOf, openSandbox, quickReflector, unhurried } from '../../support/cluster.ts';
import type { ConnectedCluster, SandboxCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

const still = { controllers: false } as const;

/** Puts containers into the cluster past the provider; they are called by the id with which they are put. */
function workloads({ sandbox, namespace }: SandboxCluster) {
  const names = new Map<string, string>();
  return {
    add(...ids: string[]): void {
      for (const id of ids) {
        const deployment = legacyDeployment(id, namespace);
        names.set(id, deployment.metadata.name);
        sandbox.objects.create(deployment);
      }
    },
    remove(...ids: string[]): void {
      for (const id of ids) sandbox.objects.delete({ resource: 'deployments', namespace, name: names.get(id)! });
    },
    scale(id: string, replicas: number): void {
      sandbox.objects.patch({ resource: 'deployments', namespace, name: names.get(id)! }, { spec: { replicas } });
    },
  };
}

function ids({ source }: ConnectedCluster): string[] {
  return [...source.ids()].sort();
}

async function untilIds(cluster: ConnectedCluster, ...expected: string[]): Promise<void> {
  await eventually(
    () => ids(cluster).join(),
    (found) => found === expected.toSorted().join(),
    10_000,
  );
}

/** Hints so far, taken away. */
function collectHints({ source }: ConnectedCluster): () => string[] {
  const hints: string[] = [];
  source.onChange((id) => hints.push(id));
  return () => hints.splice(0);
}

/** Ids of the containers whose Deployments have gone so far, taken away. */
function collectEnds({ source }: ConnectedCluster): () => string[] {
  const ends: string[] = [];
  source.onEnd(({ containerId }) => ends.push(containerId));
  return () => ends.splice(0);
}

function isStatus(code: number, err: unknown): boolean {
  return new RegExp(`\\b${code}\\b`).test(JSON.stringify(err));
}

t.test('fills the caches page by page', async (t) => {
  await using cluster = await openSandbox(still);
  const expected = Array.from({ length: 10 }, (_, index) => `c${index}`);
  workloads(cluster).add(...expected);
  await using connected = await connect(cluster, { bounds: { reflector: { ...quickReflector, pageSize: 3 } } });
  t.same(ids(connected), expected);
  t.equal(cluster.sandbox.requests.count({ verb: 'list', resource: 'deployments' }), 4);
});

t.test('gives no hints for what was there at the start, and one for each change after it', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  objects.add('a');
  await using connected = await connect(cluster, { start: false });
  const hints = collectHints(connected);
  connected.start();
  await connected.source.ready;
  t.same(hints(), []);
  objects.add('b');
  objects.scale('a', 0);
  objects.remove('b');
  const seen: string[] = [];
  await eventually(
    () => seen.push(...hints()),
    (count) => count === 3,
  );
  t.same(seen, ['b', 'a', 'b']);
  t.equal(cachedObjects(connected, 'a')?.deployments[0]?.replicas, 0);
  t.equal(connected.source.view('b'), undefined);
});

t.test('goes on where it was when connections are reset, again and again', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  await using connected = await connect(cluster);
  cluster.sandbox.requests.clear();
  for (let round = 0; round < 10; round++) {
    objects.add(`c${round}`);
    cluster.sandbox.faults.resetWatches();
    if (round > 0) objects.remove(`c${round - 1}`);
    await untilIds(connected, `c${round}`);
  }
  t.equal(cluster.sandbox.requests.count({ verb: 'list' }), 0, 'no new list');
});

t.test('takes a watch up again that the server ended', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster);
  cluster.sandbox.requests.clear();
  cluster.sandbox.faults.endWatches();
  workloads(cluster).add('a');
  await untilIds(connected, 'a');
  t.equal(cluster.sandbox.requests.count({ verb: 'list' }), 0, 'no new list');
});

t.test('lists again when the version has expired, and tells what went meanwhile', async (t) => {
  for (const how of ['refused', 'in the stream'] as const) {
    await using cluster = await openSandbox(still);
    const { faults, requests } = cluster.sandbox;
    const objects = workloads(cluster);
    objects.add('a', 'b');
    await using connected = await connect(cluster);
    const hints = collectHints(connected);
    requests.clear();
    const outage = faults.refuse({ code: 503 }, { verb: ['watch', 'list'] });
    if (how === 'refused') faults.resetWatches();
    objects.remove('a');
    objects.add('c');
    cluster.sandbox.compact();
    if (how !== 'refused') faults.failWatches(410);
    await eventually(
      () => outage.hits,
      (hits) => hits > 5,
    );
    outage.remove();
    await untilIds(connected, 'b', 'c');
    t.ok(hints().includes('a'), `${how}: the deletion is told`);
    t.ok(requests.count({ verb: 'list', resource: 'deployments' }) > 0);
  }
});

t.test('lists at once when the version has expired, however often nobody answered before', async (t) => {
  await using cluster = await openSandbox(still);
  const { faults } = cluster.sandbox;
  await using connected = await connect(cluster);
  const outage = faults.drop({ verb: ['watch', 'list'] });
  faults.resetWatches();
  workloads(cluster).add('a');
  cluster.sandbox.compact();
  await eventually(
    () => outage.hits,
    (hits) => hits > 15,
  );
  outage.remove();
  await untilIds(connected, 'a');
  const expired = connected.lines.find(({ err, resource }) => isStatus(410, err) && resource === 'deployments');
  t.match(expired, { attempt: 1, delayMs: 0 });
});

t.test('lists that lead nowhere are not asked for without a wait', async (t) => {
  await using cluster = await openSandbox(still);
  const { faults } = cluster.sandbox;
  await using connected = await connect(cluster);
  using _expired = faults.refuse({ code: 410 }, { verb: 'watch', resource: 'pods' });
  faults.resetWatches('pods');
  const expiries = () => connected.lines.filter(({ err }) => isStatus(410, err));
  await eventually(
    () => expiries().length,
    (count) => count > 3,
  );
  t.same(
    expiries()
      .slice(0, 3)
      .map(({ attempt, delayMs }) => [attempt, Number(delayMs) > 0]),
    [
      [1, false],
      [2, true],
      [3, true],
    ],
  );
});

t.test('a watch that waits because nobody answered is taken up when somebody is answered', async (t) => {
  await using cluster = await openSandbox(still);
  const { faults } = cluster.sandbox;
  const backoff = { firstMs: 600_000, maxMs: 600_000 };
  await using connected = await connect(cluster, { bounds: { reflector: { ...quickReflector, backoff } } });
  const outage = faults.drop({ verb: 'watch' });
  faults.resetWatches();
  await eventually(
    () => connected.lines.length,
    (count) => count === 3,
  );
  t.ok(connected.blindMs() > 0);
  workloads(cluster).add('a');
  await failureOf(connected.repository.get('b', unhurried()));
  await eventually(
    () => connected.lines.length,
    (count) => count === 6,
  );
  await failureOf(connected.repository.get('b', unhurried()));
  t.equal(outage.hits, 3, 'once in each outage');
  outage.remove();
  await connected.source.resync(unhurried().signal);
  await untilIds(connected, 'a');
  await eventually(
    () => connected.blindMs(),
    (ms) => ms === 0,
  );
});

t.test('a watch that is refused waits as it is asked to, with jitter and ten seconds at most', async (t) => {
  await using cluster = await openSandbox(still);
  const { faults } = cluster.sandbox;
  await using connected = await connect(cluster);
  using _throttled = faults.refuse({ code: 429, retryAfter: 60 }, { verb: 'watch' });
  faults.resetWatches();
  const waits = () => connected.lines.filter(({ err }) => isStatus(429, err)).map(({ delayMs }) => Number(delayMs));
  await eventually(
    () => waits().length,
    (count) => count === 3,
  );
  t.ok(
    waits().every((ms) => ms > 6_000 && ms <= 10_000),
    waits().join(),
  );
  t.ok(new Set(waits()).size > 1, 'not all at once');
});

t.test('tells the end of what was deleted here before the watch told of it', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  await using connected = await connect(cluster);
  const ends = collectEnds(connected);
  const hints = collectHints(connected);
  cluster.sandbox.faults.silenceWatches();
  objects.add('a');
  await connected.repository.delete('a', unhurried());
  t.same(ends(), ['a']);
  t.same(hints(), ['a']);
  cluster.sandbox.faults.resetWatches();
  objects.add('b');
  await untilIds(connected, 'b');
  t.same(ends(), [], 'and not again');
});

t.test('tells the end of what came and went while the caches were not filled, or compared', async () => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  await using connected = await connect(cluster, { start: false });
  const ends = collectEnds(connected);
  const { faults } = cluster.sandbox;
  const hang = faults.drop({ verb: 'list', resource: 'pods' });
  connected.start();
  await eventually(
    () => faults.openWatches('deployments'),
    (count) => count === 1,
  );
  objects.add('a');
  objects.remove('a');
  await eventually(ends, (told) => told.join() === 'a');
  hang.remove();
  await connected.source.ready;

  await eventually(
    () => faults.openWatches(),
    (count) => count === 3,
  );
  faults.silenceWatches();
  objects.add('b');
  objects.remove('b');
  await connected.source.resync(unhurried().signal);
  await eventually(ends, (told) => told.join() === 'b');
});

t.test('tells which part of the history it missed', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  await using connected = await connect(cluster);
  const gaps: VersionRange[] = [];
  connected.source.onGap((gap) => gaps.push(gap));
  objects.add('a');
  await untilIds(connected, 'a');
  const before = connected.source.view('a')!.resourceVersion;
  cluster.sandbox.faults.silenceWatches();
  objects.add('b');
  objects.remove('b');
  objects.add('c');
  cluster.sandbox.compact();
  cluster.sandbox.faults.resetWatches();
  await untilIds(connected, 'a', 'c');
  await eventually(
    () => gaps.length,
    (count) => count === 1,
  );
  const { resourceVersion } = connected.source.view('c')!;
  t.equal(gaps[0]!.after, before);
  t.notOk(isNewer(resourceVersion, gaps[0]!.to));
});

t.test('lists again after an error in the stream', async () => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster);
  cluster.sandbox.requests.clear();
  cluster.sandbox.faults.failWatches(500);
  workloads(cluster).add('a');
  await untilIds(connected, 'a');
  await eventually(
    () => cluster.sandbox.requests.count({ verb: 'list', resource: 'deployments' }),
    (count) => count === 1,
  );
});

t.test('lists again after a line that is no event', async (t) => {
  await using cluster = await openSandbox(still);
  const { faults } = cluster.sandbox;
  await using connected = await connect(cluster);
  const body = '{"type":"ADDED","object":{"metad\n{"type":"MODIFIED"}\n\n';
  const garbage = faults.refuse({ code: 200, body, contentType: 'application/json' }, { verb: 'watch' });
  faults.resetWatches();
  workloads(cluster).add('a');
  await untilIds(connected, 'a');
  t.ok(garbage.hits > 0);
  garbage.remove();
  workloads(cluster).add('b');
  await untilIds(connected, 'a', 'b');
});

t.test('drops a watch that has been silent for too long', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster, { bounds: { reflector: { ...quickReflector, stallMs: 200 } } });
  cluster.sandbox.faults.silenceWatches();
  workloads(cluster).add('a');
  t.same(ids(connected), []);
  await untilIds(connected, 'a');
  t.match(connected.lines[0], { level: 'warn', attempt: 1, err: { message: 'the watch is silent' } });
});

t.test('gives up a list that does not come, and tries again', async (t) => {
  await using cluster = await openSandbox(still);
  workloads(cluster).add('a');
  using hang = cluster.sandbox.faults.hang({ verb: 'list', times: 3 });
  await using connected = await connect(cluster, { bounds: { reflector: { ...quickReflector, pageDeadlineMs: 50 } } });
  t.same(ids(connected), ['a']);
  t.equal(hang.hits, 3);
});

t.test('waits as the API server asks before it lists again', async (t) => {
  await using cluster = await openSandbox(still);
  cluster.sandbox.faults.refuse({ code: 429, retryAfter: 1 }, { verb: 'list', resource: 'pods', times: 1 });
  const startedAt = Date.now();
  await using connected = await connect(cluster);
  t.ok(Date.now() - startedAt >= 1000);
  t.match(connected.lines, [{ level: 'warn', resource: 'pods', attempt: 1, delayMs: 1000 }]);
});

t.test('says which permission is missing, and goes on when it is given', async (t) => {
  await using cluster = await openSandbox(still);
  workloads(cluster).add('a');
  const message = 'pods is forbidden: User "u" cannot watch resource "pods" in API group "" in the namespace "n"';
  const forbidden = cluster.sandbox.faults.refuse({ code: 403, message }, { verb: 'list', resource: 'pods' });
  const reflector = { ...quickReflector, permissionsLoadMs: 100 };
  await using connected = await connect(cluster, { start: false, bounds: { reflector } });
  connected.start();
  const [error] = await eventually(
    () => connected.lines.filter(({ level }) => level === 'error'),
    (lines) => lines.length > 0,
  );
  t.match(error, { level: 'error', verb: 'list', resource: 'pods', namespace: cluster.namespace });
  forbidden.remove();
  await connected.source.ready;
  t.same(ids(connected), ['a']);
});

t.test('a cluster that is absent at the start is found when it comes', async (t) => {
  const first = await startKubernetesApi(still);
  const port = Number(new URL(first.url).port);
  await using folder = await openSandbox(still);
  await first.close();
  const kubeconfig = `${folder.kubeconfig}-absent`;
  await first.writeKubeconfig(kubeconfig);
  await using connected = await connect({ kubeconfig, namespace: 'default' }, { start: false });
  connected.start();
  await eventually(
    () => connected.lines.length,
    (count) => count > 3,
  );
  await using second = await startKubernetesApi({ ...still, port });
  second.objects.create(legacyDeployment('a', 'default'));
  await connected.source.ready;
  t.same(ids(connected), ['a']);
});

t.test('a resync heals what a silent watch has not told', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  objects.add('a', 'b');
  await using connected = await connect(cluster);
  cluster.sandbox.faults.silenceWatches();
  objects.remove('a');
  objects.scale('b', 0);
  objects.add('c');
  const hints = collectHints(connected);
  await connected.source.resync(unhurried().signal);
  t.same(hints().sort(), ['a', 'b', 'c']);
  t.same(ids(connected), ['b', 'c']);
});

t.test('a resync that fails leaves the caches as they were, and the watch goes on', async (t) => {
  await using cluster = await openSandbox(still);
  const objects = workloads(cluster);
  objects.add('a');
  await using connected = await connect(cluster);
  const refused = cluster.sandbox.faults.refuse({ code: 500 }, { verb: 'list' });
  t.match(await failureOf(connected.source.resync(unhurried().signal)), { status: 500 });
  refused.remove();
  t.same(ids(connected), ['a']);
  objects.add('b');
  await untilIds(connected, 'a', 'b');
});

t.test('a resync ends with its signal', async (t) => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster);
  cluster.sandbox.faults.hang({ verb: 'list' });
  const controller = new AbortController();
  const resync = connected.source.resync(controller.signal);
  controller.abort(new RangeError('enough'));
  await t.rejects(resync, RangeError);
});

t.test('stopping ends watches, lists and waits at once', async (t) => {
  await using cluster = await openSandbox(still);
  for (const fault of ['none', 'hang', 'wait'] as const) {
    if (fault === 'hang') cluster.sandbox.faults.hang();
    if (fault === 'wait') cluster.sandbox.faults.refuse({ code: 429, retryAfter: 60 });
    const connected = await connect(cluster, { start: fault === 'none' });
    connected.start();
    const startedAt = Date.now();
    await connected.stop();
    t.ok(Date.now() - startedAt < 1000, fault);
    cluster.sandbox.faults.clear();
  }
  await eventually(
    () => cluster.sandbox.faults.openWatches(),
    (open) => open === 0,
  );
});

t.test('an object that loses its id is no container any more', async () => {
  await using cluster = await openSandbox(still);
  await using connected = await connect(cluster);
  workloads(cluster).add('a', 'b');
  await untilIds(connected, 'a', 'b');
  const [first] = cluster.sandbox.objects.list('deployments', cluster.namespace);
  const { name, labels } = first!.metadata;
  const place = { resource: 'deployments', namespace: cluster.namespace, name };
  cluster.sandbox.objects.patch(place, { metadata: { labels: { 'dcm.project/dcm-instance-id': '' } } });
  await untilIds(connected, labels!['dcm.project/dcm-instance-id'] === 'a' ? 'b' : 'a');
});
