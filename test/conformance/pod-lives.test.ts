/** How those who play kubelets do it, beside what a real one was recorded to write. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { managedNodeLabel } from '../../scripts/cluster/stages.ts';
import type { Pod } from '../../scripts/sandbox/kubernetes/objects.ts';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { openCluster } from '../support/kubernetes.ts';
import { deployment, pathsIn } from './objects.ts';

type Status = NonNullable<Pod['status']>;

/** What of a status the sequence is compared by: all but times, names, and how the image is called. */
interface Shape {
  phase: string | undefined;
  state: string;
  message?: string;
  last?: string;
  restarts: number;
  ready: boolean;
  started: boolean | undefined;
}

/** Undefined where the kubelet has not reported on the container yet. */
function shapeOf({ phase, containerStatuses }: Status): Shape | undefined {
  const container = containerStatuses?.[0];
  if (!container) return undefined;
  const { state, lastState, ready, started, restartCount } = container;
  const exit = (end: { reason?: string; exitCode: number }): string => `terminated ${end.reason} ${end.exitCode}`;
  const { waiting, running, terminated } = state ?? {};
  const message = waiting?.message ?? terminated?.message;
  return {
    phase,
    state: waiting ? `waiting ${waiting.reason}` : running ? 'running' : terminated ? exit(terminated) : 'none',
    ...(message !== undefined && { message: withoutNames(message) }),
    ...(lastState?.terminated && { last: exit(lastState.terminated) }),
    restarts: restartCount,
    ready,
    started,
  };
}

function withoutNames(message: string): string {
  const [, image] = /(?:image|tag) "([^"]+)"/.exec(message) ?? [];
  return (image === undefined ? message : message.replaceAll(image, 'IMAGE'))
    .replace(/(container|pod)=\S+/g, '$1=NAME')
    .replace(/https:\/\/\S+\/v2\/\S+\/manifests\/[^"]+/, 'MANIFEST')
    .replace(/dial tcp \S+:\d+:/, 'dial tcp ADDRESS:')
    .replace(/repository name \(.*?\)/, 'repository name (NAME)');
}

/** In order, each only once in a row. */
function shapesOf(statuses: readonly Status[]): Shape[] {
  const shapes = statuses.map(shapeOf).filter((shape) => shape !== undefined);
  return shapes.filter((shape, index) => !isDeepStrictEqual(shape, shapes[index - 1]));
}

/** What was written of the first Pod on which a kubelet reported. */
function recorded(name: string): Status[] {
  const lines = readFileSync(new URL(`../recordings/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const versions = lines.map((line) => JSON.parse(line) as { pod: string; status: Status });
  const pod = versions.find(({ status }) => shapeOf(status) !== undefined)?.pod;
  return versions.filter((version) => version.pod === pod).map(({ status }) => status);
}

const cluster = await openCluster({ controllers: quickTimes });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, pods } = pathsIn(cluster.namespace);
const onlyPlayed = { skip: (await hasPlayedNodes()) ? (false as const) : 'its nodes are real' };

async function hasPlayedNodes(): Promise<boolean> {
  if (cluster.isSandbox) return true;
  const selector = encodeURIComponent(managedNodeLabel);
  const { body } = await cluster.request('GET', `/api/v1/nodes?labelSelector=${selector}`);
  return body.items.length > 0;
}

/** What is written of the Pod of a new Deployment until that will do, or until it is gone. */
async function play(name: string, container: object, isEnough: (statuses: readonly Status[]) => boolean) {
  const { body } = await cluster.request('POST', deployments, deployment(name, { ...container }));
  const version = body.metadata.resourceVersion as string;
  await using watch = await cluster.watch(`${pods}?watch=true&resourceVersion=${version}&labelSelector=app%3D${name}`);
  const statuses: Status[] = [];
  await watch.until(({ type, object }) => {
    statuses.push((object as Pod).status ?? {});
    return type === 'DELETED' || isEnough(statuses);
  });
  return statuses;
}

interface Case {
  recording: string;
  container: { image: string } & Record<string, unknown>;
  /** How many shapes are compared: the recording goes on into what was done to its node. */
  count: number;
}

const probe = { tcpSocket: { port: 1 }, initialDelaySeconds: 1, periodSeconds: 1 };
const cases: Case[] = [
  { recording: 'crash15', container: { image: 'registry.example/crash:1' }, count: 11 },
  { recording: 'crash5', container: { image: 'registry.example/crash:1' }, count: 11 },
  { recording: 'exit1', container: { image: 'registry.example/crash:1' }, count: 11 },
  { recording: 'exit0', container: { image: 'registry.example/done:1' }, count: 11 },
  { recording: 'nocmd', container: { image: 'registry.example/nocommand:1' }, count: 6 },
  { recording: 'startfail', container: { image: 'registry.example/unready:1', startupProbe: probe }, count: 8 },
  { recording: 'missing', container: { image: 'registry.example/missing:1' }, count: 5 },
  { recording: 'regdown', container: { image: 'registry.example/app/unreachable:1' }, count: 5 },
  { recording: 'badname', container: { image: 'registry.example/Busybox:1' }, count: 2 },
];

/** All at once: what takes time is to wait. */
const plays = onlyPlayed.skip
  ? []
  : cases.map(({ recording, container, count }) =>
      play(recording, container, (statuses) => shapesOf(statuses).length >= count),
    );
for (const each of plays) each.catch(() => undefined);

for (const [index, { recording, container, count }] of cases.entries()) {
  void t.test(`${container.image} is played as ${recording} was recorded`, onlyPlayed, async (t) => {
    const expected = shapesOf(recorded(recording)).slice(0, count);
    t.equal(expected.length, count);
    const statuses = await plays[index]!;
    t.strictSame(withoutCodes(shapesOf(statuses).slice(0, count)), withoutCodes(expected));
    for (const [what, told] of [
      ['recorded', recorded(recording)],
      ['played', statuses],
    ] as const) {
      t.strictSame(brokenChains(told), [], `each run that was ${what} is told of by the next one`);
    }
  });
}

const ends = [
  { recording: 'deleted', container: { image: 'registry.example/web:1' }, before: 'running' },
  { recording: 'deletedstubborn', container: { image: 'registry.example/stubborn:1' }, before: 'running' },
  { recording: 'deletedbadname', container: { image: 'registry.example/Web:1' }, before: 'waiting InvalidImageName' },
  { recording: 'deletednocmd', container: { image: 'nocommand' }, before: 'waiting RunContainerError' },
];

for (const { recording, container, before } of ends) {
  void t.test(
    `${container.image} ends as was recorded in ${recording} when its Pod is deleted`,
    onlyPlayed,
    async (t) => {
      const name = `end-${recording}`;
      const isReached = (statuses: readonly Status[]): boolean => shapesOf(statuses).at(-1)?.state === before;
      const isReplaced = deleteOnce(name, isReached);
      const statuses = await play(name, container, isReplaced);
      const expected = shapesOf(recorded(recording)).at(-1)!;
      const { restarts } = shapesOf(statuses).at(-1)!;
      t.strictSame(shapesOf(statuses).at(-1), { ...expected, restarts });
    },
  );
}

/** Deletes the Deployment once its Pod is where it should be; never says that it is enough. */
function deleteOnce(name: string, isReached: (statuses: readonly Status[]) => boolean) {
  let isDeleted = false;
  return (statuses: readonly Status[]): boolean => {
    if (!isDeleted && isReached(statuses)) {
      isDeleted = true;
      void cluster.request('DELETE', `${deployments}/${name}`, { propagationPolicy: 'Background' });
    }
    return false;
  };
}

/** Starts of which the run after them says something else. */
function brokenChains(statuses: readonly Status[]): object[] {
  const starts = new Map<number, string | undefined>();
  const broken: object[] = [];
  for (const { containerStatuses } of statuses) {
    const { restartCount = 0, state, lastState } = containerStatuses?.[0] ?? {};
    const startedAt = state?.running?.startedAt ?? state?.terminated?.startedAt;
    const isOver = state?.terminated === undefined && lastState?.terminated !== undefined;
    const before = starts.get(state?.running ? restartCount - 1 : restartCount);
    if (startedAt !== undefined) starts.set(restartCount, startedAt);
    if (isOver && before !== undefined && lastState.terminated!.startedAt !== before) {
      broken.push({ restartCount, before, told: lastState.terminated });
    }
    const end = lastState?.terminated;
    if (end?.startedAt && end.finishedAt && end.finishedAt < end.startedAt) broken.push(end);
  }
  return broken;
}

/** Which code a process exits with is its own affair, as long as it is none. */
function withoutCodes(shapes: readonly Shape[]): Shape[] {
  const code = (end: string): string => end.replace(/(terminated Error) \d+$/, '$1');
  return shapes.map((shape) => ({
    ...shape,
    state: code(shape.state),
    ...(shape.last !== undefined && { last: code(shape.last) }),
  }));
}
