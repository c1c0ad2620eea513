/** The lives of Pods: what each does next is told by the image of its containers. Pure. */
import type { V1Container, V1ContainerStatus, V1PodCondition, V1PodStatus } from '@kubernetes/client-node';
import type { Pod, Wire } from '../objects.ts';
import type { ControllerTimes } from './times.ts';
import { takesEnvironment, type MissingReferences } from './pod-references.ts';

type Container = Wire<V1Container>;
type PodStatus = Wire<V1PodStatus>;
type ContainerStatus = Wire<V1ContainerStatus>;
type ContainerState = NonNullable<ContainerStatus['state']>;

/**
 * How an image behaves, by the last segment of its repository: `registry.example/any/crash:1` crashes again and again,
 * `done` exits with 0 again and again, `gone` crashes once and can then no longer be pulled, `unready` runs and never passes
 * a readiness or startup probe, `private` cannot be pulled without a pull secret.
 */
const behaviours = ['missing', 'crash', 'done', 'gone', 'slow', 'unready', 'private'] as const;

export type Behaviour = 'runs' | (typeof behaviours)[number];

/** Those of which the stage of the Pod does not tell: their containers run beside one in trouble. */
const untroubled: readonly Behaviour[] = ['runs', 'slow', 'unready'];

export function behaviourOf(image: string): Behaviour {
  const repository = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const name = repository.split('/').at(-1);
  return behaviours.find((behaviour) => behaviour === name) ?? 'runs';
}

/** Where a Pod is in its life. */
export type Stage =
  | { at: 'creating' }
  | { at: 'config-failed'; missing: string }
  | { at: 'running' | 'terminated' | 'backing-off'; restarts: number }
  | { at: 'pull-failed' | 'pull-backing-off'; tries: number; hasRun: boolean };

/**
 * @param missing - what the Pod refers to and the namespace does not have
 * @returns the stage that follows, and after how many milliseconds; nothing where the Pod stays as it is
 */
export function nextStage(
  stage: Stage,
  behaviour: Behaviour,
  times: ControllerTimes,
  missing: MissingReferences = {},
): { stage: Stage; after: number } | undefined {
  switch (stage.at) {
    case 'creating':
      if (missing.volume !== undefined) return { stage, after: times.referenceRetry };
      if (cannotPull(behaviour, missing))
        return { stage: { at: 'pull-failed', tries: 1, hasRun: false }, after: times.podStart };
      return {
        stage: firstStart(missing),
        after: behaviour === 'slow' ? times.slowPodStart : times.podStart,
      };
    case 'config-failed':
      return { stage: firstStart(missing), after: times.referenceRetry };
    case 'pull-failed':
      return { stage: { ...stage, at: 'pull-backing-off' }, after: times.imagePullRetry };
    case 'pull-backing-off': {
      const after = backOff(times.imagePullRetry, stage.tries, times.backOffMaximum);
      if (!stage.hasRun && !cannotPull(behaviour, missing)) return { stage: firstStart(missing), after };
      return { stage: { ...stage, at: 'pull-failed', tries: stage.tries + 1 }, after };
    }
    case 'running':
      if (behaviour !== 'crash' && behaviour !== 'done' && behaviour !== 'gone') return undefined;
      return { stage: { at: 'terminated', restarts: stage.restarts }, after: times.crash };
    case 'terminated':
      if (behaviour === 'gone') return { stage: { at: 'pull-failed', tries: 1, hasRun: true }, after: times.crash };
      // The first restart comes at once, the ones after it ever later.
      if (stage.restarts === 0) return { stage: { at: 'running', restarts: 1 }, after: times.crash };
      return { stage: { at: 'backing-off', restarts: stage.restarts }, after: 0 };
    case 'backing-off': {
      const after = backOff(times.crashBackOff, stage.restarts, times.backOffMaximum);
      return { stage: { at: 'running', restarts: stage.restarts + 1 }, after };
    }
  }
}

function cannotPull(behaviour: Behaviour, { pullSecret = false }: MissingReferences): boolean {
  return behaviour === 'missing' || (behaviour === 'private' && pullSecret);
}

/** A kubelet looks for what the environment takes once the image is there. */
function firstStart({ environment }: MissingReferences): Stage {
  return environment === undefined ? { at: 'running', restarts: 0 } : { at: 'config-failed', missing: environment };
}

function backOff(first: number, tries: number, maximum: number): number {
  return Math.min(maximum, first * 2 ** Math.min(tries - 1, 20));
}

export interface PodPlace {
  nodeName: string;
  hostIp: string;
  podIp: string;
}

/** The status of a Pod that has come to a stage. @param now - as a timestamp */
export function buildPodStatus(pod: Pod, stage: Stage, place: PodPlace, now: string): PodStatus {
  const before = pod.status ?? {};
  const started = stage.at !== 'creating' && stage.at !== 'config-failed' && !('hasRun' in stage && !stage.hasRun);
  const containerStatuses = pod.spec.containers.map((container) => {
    const old = before.containerStatuses?.find(({ name }) => name === container.name);
    return buildContainerStatus(container, stage, old, now);
  });
  return {
    phase: started ? 'Running' : 'Pending',
    conditions: withTransitionTimes(
      buildConditions(
        started,
        containerStatuses.every(({ ready }) => ready),
      ),
      before.conditions ?? [],
      now,
    ),
    hostIP: place.hostIp,
    hostIPs: [{ ip: place.hostIp }],
    ...(stage.at !== 'creating' && { podIP: place.podIp, podIPs: [{ ip: place.podIp }] }),
    startTime: before.startTime ?? now,
    containerStatuses,
    qosClass: before.qosClass ?? 'BestEffort',
  };
}

function buildContainerStatus(
  container: Container,
  stage: Stage,
  old: ContainerStatus | undefined,
  now: string,
): ContainerStatus {
  const image = container.image ?? '';
  // Only the containers that the stage is about have its trouble; the others of the Pod run.
  const behaviour = behaviourOf(image);
  const troubled = stage.at === 'config-failed' ? takesEnvironment(container) : !untroubled.includes(behaviour);
  const own: Stage = troubled || stage.at === 'creating' ? stage : { at: 'running', restarts: 0 };
  const running = own.at === 'running';
  const isUnready = behaviour === 'unready';
  const terminated = old?.state?.terminated ?? old?.lastState?.terminated;
  return {
    name: container.name,
    state: old && !troubled && running && old.state?.running ? old.state : stateAt(own, image, old, now),
    lastState: terminated && own.at !== 'terminated' ? { terminated } : (old?.lastState ?? {}),
    ready: running && !(isUnready && (container.readinessProbe ?? container.startupProbe) !== undefined),
    started: running && !(isUnready && container.startupProbe !== undefined),
    restartCount: 'restarts' in own ? own.restarts : (old?.restartCount ?? 0),
    image,
    imageID: 'restarts' in own ? `sandbox://${image}` : '',
    ...('restarts' in own && { containerID: `sandbox://${container.name}-${own.restarts}` }),
  };
}

function stateAt(stage: Stage, image: string, old: ContainerStatus | undefined, now: string): ContainerState {
  switch (stage.at) {
    case 'creating':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'config-failed':
      return { waiting: { reason: 'CreateContainerConfigError', message: `${stage.missing} not found` } };
    case 'running':
      return { running: { startedAt: now } };
    case 'terminated':
      return {
        terminated: {
          ...(behaviourOf(image) === 'done' ? { exitCode: 0, reason: 'Completed' } : { exitCode: 1, reason: 'Error' }),
          startedAt: old?.state?.running?.startedAt ?? now,
          finishedAt: now,
        },
      };
    case 'backing-off':
      return {
        waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' },
      };
    case 'pull-failed':
      return { waiting: { reason: 'ErrImagePull', message: `failed to pull image "${image}": not found` } };
    case 'pull-backing-off':
      return { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } };
  }
}

type NewCondition = Pick<Wire<V1PodCondition>, 'type' | 'status' | 'reason' | 'message'>;

function buildConditions(started: boolean, ready: boolean): NewCondition[] {
  const readiness: Omit<NewCondition, 'type'> = ready
    ? { status: 'True' }
    : { status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status' };
  return [
    { type: 'PodReadyToStartContainers', status: 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' },
  ].map((condition) => (started || condition.status === 'True' ? condition : { ...condition, status: 'False' }));
}

function withTransitionTimes(
  conditions: readonly NewCondition[],
  before: readonly Wire<V1PodCondition>[],
  now: string,
): Wire<V1PodCondition>[] {
  return conditions.map((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    const same = old?.status === condition.status;
    return { ...condition, lastTransitionTime: (same && old.lastTransitionTime) || now };
  });
}
