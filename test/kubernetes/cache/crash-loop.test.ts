/** Crash loops as a provider sees them through its caches. */
import t from 'tap';
import { cachedObjects, connect, openSandbox, unhurried } from '../../support/cluster.ts';
import type { ConnectedCluster, SandboxCluster } from '../../support/cluster.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';

interface PlayedContainer {
  restartCount: number;
  state: object;
  lastState?: object;
}

const second = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();
const crash = { terminated: { exitCode: 1, reason: 'Error', startedAt: second(-61), finishedAt: second(-60) } };
const waiting: PlayedContainer = {
  restartCount: 1,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: crash,
};
const upAgain = (): PlayedContainer => ({
  restartCount: 2,
  state: { running: { startedAt: second(0) } },
  lastState: crash,
});

/** Makes a container whose Pod the test plays, since no controller does. */
async function playPod({ sandbox, namespace }: SandboxCluster, { repository }: ConnectedCluster) {
  const { id } = await repository.create({ id: 'a', spec: containerSpec() }, unhurried());
  const [deployment] = sandbox.objects.list('deployments', namespace);
  const { labels } = deployment!.metadata;
  const spec = { containers: [{ name: 'web', image: 'web:1' }] };
  const place = { resource: 'pods', namespace, name: 'dcm-a-1-1' };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: place.name, labels }, spec };
  sandbox.objects.create(pod);
  return (container: PlayedContainer): string => {
    const containerStatuses = [{ name: 'web', ready: true, image: '', imageID: '', ...container }];
    sandbox.objects.patch(place, { status: { phase: 'Running', containerStatuses } }, 'status');
    return id;
  };
}

function untilStatus({ repository }: ConnectedCluster, status: string, id = 'a') {
  return eventually(
    async () => (await repository.get(id, unhurried())).status,
    (found) => found === status,
  );
}

/** A provider that sees a container in a crash loop. */
async function openCrashLoop(options: Parameters<typeof connect>[1] = {}) {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await openSandbox({ controllers: false }));
  const connected = stack.use(await connect(cluster, options));
  const play = await playPod(cluster, connected);
  play(waiting);
  await untilStatus(connected, 'FAILED');
  const parts = stack.move();
  return { cluster, connected, play, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

t.test('is over once the container has been up for a while', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const play = await playPod(cluster, connected);
  play({ restartCount: 1, state: { running: {} }, lastState: crash });
  await untilStatus(connected, 'RUNNING');
  play(waiting);
  await untilStatus(connected, 'FAILED');
  play(upAgain());
  await eventually(
    () => cachedObjects(connected, 'a')?.pods[0]?.containers[0]?.restartCount,
    (count) => count === 2,
  );
  t.equal((await connected.repository.get('a', unhurried())).status, 'FAILED');
  await untilStatus(connected, 'RUNNING');
});

t.test('is seen in a new list, also when the watch told nothing meanwhile', async (t) => {
  await using crashing = await openCrashLoop();
  const { cluster, connected, play } = crashing;
  cluster.sandbox.faults.silenceWatches();
  play(upAgain());
  await connected.source.resync(unhurried().signal);
  t.match(cachedObjects(connected, 'a')?.pods, [
    { containers: [{ restartCount: 2, state: { running: { since: Number } } }] },
  ]);
  t.equal((await connected.repository.get('a', unhurried())).status, 'FAILED');
});

t.test('is over by a new list as it is for a provider that has just started', async (t) => {
  await using crashing = await openCrashLoop();
  const { cluster, connected, play } = crashing;
  cluster.sandbox.faults.silenceWatches();
  play({ ...upAgain(), state: { running: { startedAt: second(-30) } } });
  await connected.source.resync(unhurried().signal);
  t.equal((await connected.repository.get('a', unhurried())).status, 'RUNNING', 'it began while nothing was heard');
  await using later = await connect(cluster);
  t.equal((await later.repository.get('a', unhurried())).status, 'RUNNING');
});

t.test('is known to a provider that has just started', async (t) => {
  await using crashing = await openCrashLoop();
  const { cluster, play } = crashing;
  play(upAgain());
  await using later = await connect(cluster);
  t.match(await later.repository.get('a', unhurried()), {
    status: 'FAILED',
    status_message: 'Container is crash-looping: Error (exit code 1).',
  });
});

t.test('counts for a read that asks the cluster itself', async (t) => {
  await using crashing = await openCrashLoop({ bounds: { liveMs: 1_000 } });
  const { cluster, connected, play } = crashing;
  cluster.sandbox.faults.silenceWatches();
  await eventually(
    () => connected.isHealthy(),
    (healthy) => !healthy,
  );
  play(upAgain());
  t.equal((await connected.repository.get('a', unhurried())).status, 'FAILED');
});
