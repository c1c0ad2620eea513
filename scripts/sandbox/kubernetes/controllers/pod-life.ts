/** The lives of Pods: what each does next is told by the image of its containers. Pure. */
import type { V1Container, V1ContainerStatus, V1PodCondition, V1PodStatus } from '@kubernetes/client-node';
import { olderKubeletTag, playedImages, type PlayedImage } from '../../../kubelet/images.ts';
import {
  backOffAfter,
  backOffAfterKill,
  crashLoopMessage,
  durationText,
  invalidImageMessage,
  manifestOf,
  neverStarted,
  pullBackOffMessage,
  pullErrors,
  secondsToFailure,
  startError,
} from '../../../kubelet/words.ts';
import type { Pod, Wire } from '../objects.ts';
import type { ControllerTimes } from './times.ts';
import { takesEnvironment, type MissingReferences } from './pod-references.ts';

type Container = Wire<V1Container>;
type PodStatus = Wire<V1PodStatus>;
type ContainerStatus = Wire<V1ContainerStatus>;
type ContainerState = NonNullable<ContainerStatus['state']>;
type Terminated = NonNullable<ContainerState['terminated']>;

/** As `playedImages` has it, by the last segment of the repository: `registry.example/any/crash:1` crashes. */
export type Behaviour = 'runs' | 'invalid' | PlayedImage;

/** Those of which the stage of the Pod does not tell: their containers run beside one in trouble. */
const untroubled: readonly Behaviour[] = ['runs', 'slow', 'stubborn', 'unready', 'unhealthy'];

export function behaviourOf(image: string): Behaviour {
  const path = pathOf(image);
  if (path !== path.toLowerCase()) return 'invalid';
  const name = path.split('/').at(-1)!;
  return Object.hasOwn(playedImages, name) ? (name as PlayedImage) : 'runs';
}

/** An image without host, tag and digest. */
function pathOf(image: string): string {
  const repository = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return repository.replace(/^[^/]*[.:][^/]*\//, '');
}

/** What is played of a Pod. */
export interface Play {
  /** Of several containers the one in trouble tells. */
  behaviour: Behaviour;
  /** Seconds after which a probe that never passes has the container restarted; absent where none does. */
  killedAfter?: number;
  /** A crash loop waits in `CrashLoopBackOff` throughout its back-off, as up to Kubernetes 1.34. */
  olderKubelet: boolean;
}

export function playOf({ spec }: Pick<Pod, 'spec'>): Play {
  const told = spec.containers.map((container) => ({
    behaviour: behaviourOf(container.image ?? ''),
    probe: killingProbe(container),
    olderKubelet: container.image?.endsWith(`:${olderKubeletTag}`) ?? false,
  }));
  const telling =
    told.find(({ behaviour, probe }) => probe !== undefined || !untroubled.includes(behaviour)) ??
    told.find(({ behaviour }) => behaviour === 'slow');
  const { behaviour = 'runs', probe, olderKubelet = false } = telling ?? {};
  return { behaviour, olderKubelet, ...(probe && { killedAfter: secondsToFailure(probe) }) };
}

/** The probe of the container that never passes and for which a kubelet restarts it. */
function killingProbe({ image = '', startupProbe, livenessProbe }: Container): Container['livenessProbe'] {
  const behaviour = behaviourOf(image);
  return behaviour === 'unready' ? startupProbe : behaviour === 'unhealthy' ? livenessProbe : undefined;
}

/** Where a Pod is in its life. */
export type Stage =
  | { at: 'creating' | 'image-refused' }
  | { at: 'config-failed'; missing: string }
  | { at: 'running' | 'terminated' | 'start-failed'; restarts: number }
  | { at: 'backing-off'; restarts: number; seconds: number }
  | { at: 'pull-failed' | 'pull-backing-off'; tries: number; hasRun: boolean };

/**
 * @param missing - what the Pod refers to and the namespace does not have
 * @returns the stage that follows, and after how many milliseconds; nothing where the Pod stays as it is
 */
export function nextStage(
  stage: Stage,
  play: Play,
  times: ControllerTimes,
  missing: MissingReferences = {},
): { stage: Stage; after: number } | undefined {
  const { behaviour, killedAfter, olderKubelet } = play;
  const waitOf = (seconds: number): number => (1000 * seconds) / times.speed;
  switch (stage.at) {
    case 'creating':
      if (missing.volume !== undefined) return { stage, after: times.referenceRetry };
      if (behaviour === 'invalid') return { stage: { at: 'image-refused' }, after: times.podStart };
      if (cannotPull(behaviour, missing))
        return { stage: { at: 'pull-failed', tries: 1, hasRun: false }, after: times.podStart };
      return {
        stage: firstStart(behaviour, missing),
        after: behaviour === 'slow' ? times.slowPodStart : times.podStart,
      };
    case 'image-refused':
      return undefined;
    case 'config-failed':
      return { stage: firstStart(behaviour, missing), after: times.referenceRetry };
    case 'pull-failed':
      return { stage: { ...stage, at: 'pull-backing-off' }, after: waitOf(backOffAfter(1)) };
    case 'pull-backing-off': {
      const after = waitOf(backOffAfter(stage.tries));
      if (!stage.hasRun && !cannotPull(behaviour, missing)) return { stage: firstStart(behaviour, missing), after };
      return { stage: { ...stage, at: 'pull-failed', tries: stage.tries + 1 }, after };
    }
    case 'running': {
      const { restarts } = stage;
      if (killedAfter !== undefined) {
        const after = waitOf(killedAfter);
        const seconds = backOffAfterKill(restarts + 1, killedAfter);
        const next: Stage =
          seconds === 0 ? { at: 'running', restarts: restarts + 1 } : { at: 'backing-off', restarts, seconds };
        return { stage: next, after };
      }
      if (behaviour !== 'crash' && behaviour !== 'done' && behaviour !== 'gone') return undefined;
      return { stage: { at: 'terminated', restarts }, after: times.crash };
    }
    case 'terminated':
    case 'start-failed': {
      const { restarts } = stage;
      if (behaviour === 'gone') return { stage: { at: 'pull-failed', tries: 1, hasRun: true }, after: times.glimpse };
      // The first restart comes at once, the ones after it ever later.
      if (restarts === 0)
        return {
          stage: { ...stage, restarts: 1, at: stage.at === 'terminated' ? 'running' : 'start-failed' },
          after: times.glimpse,
        };
      const seconds = backOffAfter(restarts);
      return {
        stage: { at: 'backing-off', restarts, seconds },
        after: olderKubelet ? times.glimpse : waitOf(seconds),
      };
    }
    case 'backing-off': {
      const throughout = olderKubelet || killedAfter !== undefined;
      const restarts = stage.restarts + 1;
      return {
        stage: { at: behaviour === 'nocommand' ? 'start-failed' : 'running', restarts },
        after: throughout ? waitOf(stage.seconds) : times.glimpse,
      };
    }
  }
}

function cannotPull(behaviour: Behaviour, { pullSecret = false }: MissingReferences): boolean {
  return behaviour === 'missing' || behaviour === 'unreachable' || (behaviour === 'private' && pullSecret);
}

/** A kubelet looks for what the environment takes once the image is there. */
function firstStart(behaviour: Behaviour, { environment }: MissingReferences): Stage {
  if (environment !== undefined) return { at: 'config-failed', missing: environment };
  return { at: behaviour === 'nocommand' ? 'start-failed' : 'running', restarts: 0 };
}

export interface PodPlace {
  nodeName: string;
  hostIp: string;
  podIp: string;
}

/** The status of a Pod that has come to a stage. @param now - as a timestamp */
export function buildPodStatus(pod: Pod, stage: Stage, place: PodPlace, now: string): PodStatus {
  const before = pod.status ?? {};
  const started = 'restarts' in stage || ('hasRun' in stage && stage.hasRun);
  const containerStatuses = pod.spec.containers.map((container) => {
    const old = before.containerStatuses?.find(({ name }) => name === container.name);
    return buildContainerStatus(pod, container, stage, old, now);
  });
  const ready = containerStatuses.every((status) => status.ready);
  const unready = containerStatuses.filter((status) => !status.ready).map(({ name }) => name);
  const readiness = ready
    ? { status: 'True' }
    : {
        status: 'False',
        reason: 'ContainersNotReady',
        message: `containers with unready status: [${unready.join(' ')}]`,
      };
  return {
    phase: started ? 'Running' : 'Pending',
    conditions: withTransitionTimes(conditionsOf(readiness), before.conditions ?? [], now),
    hostIP: place.hostIp,
    hostIPs: [{ ip: place.hostIp }],
    ...(stage.at !== 'creating' && { podIP: place.podIp, podIPs: [{ ip: place.podIp }] }),
    startTime: before.startTime ?? now,
    containerStatuses,
    qosClass: before.qosClass ?? 'BestEffort',
  };
}

/** The status of a Pod whose containers have ended since it was deleted. @param now - as a timestamp */
export function buildEndedPodStatus(pod: Pod, now: string): PodStatus {
  const before = pod.status ?? {};
  const containerStatuses = (before.containerStatuses ?? []).map((old) => ({
    ...old,
    ready: false,
    started: false,
    state: { terminated: endOf(old, now) },
  }));
  const failed = containerStatuses.some(({ state }) => state.terminated.exitCode !== 0);
  const readiness = { status: 'False', reason: failed ? 'PodFailed' : 'PodCompleted' };
  return {
    ...before,
    phase: failed ? 'Failed' : 'Succeeded',
    conditions: withTransitionTimes(conditionsOf(readiness), before.conditions ?? [], now),
    containerStatuses,
  };
}

/** Whether a container of the Pod ends only when it is killed. */
export function isStubborn({ spec }: Pick<Pod, 'spec'>): boolean {
  return spec.containers.some(({ image = '' }) => behaviourOf(image) === 'stubborn');
}

/** How the last run of a container ended, or ends now that its Pod does. */
function endOf({ state, lastState, image }: ContainerStatus, now: string): Terminated {
  const startedAt = state?.running?.startedAt;
  if (startedAt === undefined) return state?.terminated ?? lastState?.terminated ?? neverStarted;
  const exit =
    behaviourOf(image) === 'stubborn' ? { exitCode: 137, reason: 'Error' } : { exitCode: 0, reason: 'Completed' };
  return { ...exit, startedAt, finishedAt: now };
}

function buildContainerStatus(
  pod: Pod,
  container: Container,
  stage: Stage,
  old: ContainerStatus | undefined,
  now: string,
): ContainerStatus {
  const image = container.image ?? '';
  // Only the containers that the stage is about have its trouble; the others of the Pod run.
  const behaviour = behaviourOf(image);
  const troubled =
    stage.at === 'config-failed'
      ? takesEnvironment(container)
      : !untroubled.includes(behaviour) || killingProbe(container) !== undefined;
  const own: Stage = troubled || stage.at === 'creating' ? stage : { at: 'running', restarts: 0 };
  const running = own.at === 'running';
  const isUnready = behaviour === 'unready';
  return {
    name: container.name,
    state: old && !troubled && running && old.state?.running ? old.state : stateAt(pod, container, own, old, now),
    lastState: lastStateAt(own, old, now),
    ready: running && !(isUnready && (container.readinessProbe ?? container.startupProbe) !== undefined),
    started: running && !(isUnready && container.startupProbe !== undefined),
    restartCount: 'restarts' in own ? own.restarts : (old?.restartCount ?? 0),
    image,
    imageID: 'restarts' in own ? `sandbox://${image}` : '',
    ...('restarts' in own && { containerID: `sandbox://${container.name}-${own.restarts}` }),
  };
}

function lastStateAt(stage: Stage, old: ContainerStatus | undefined, now: string): ContainerState {
  if (stage.at === 'start-failed') return { terminated: { ...startError, finishedAt: now } };
  const { state, lastState = {} } = old ?? {};
  if (stage.at === 'terminated') return lastState;
  if (state?.terminated) return { terminated: state.terminated };
  const isNext = 'restarts' in stage && stage.restarts > (old?.restartCount ?? 0);
  // Its probe ended it.
  if (old && state?.running && (isNext || stage.at === 'backing-off')) return { terminated: endOf(old, now) };
  return lastState;
}

function stateAt(
  pod: Pod,
  container: Container,
  stage: Stage,
  old: ContainerStatus | undefined,
  now: string,
): ContainerState {
  const { image = '' } = container;
  switch (stage.at) {
    case 'creating':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'image-refused':
      return { waiting: { reason: 'InvalidImageName', message: invalidImageMessage(image, pathOf(image)) } };
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
    case 'start-failed':
      return { waiting: { reason: 'RunContainerError', message: startError.message } };
    case 'backing-off': {
      const { name, namespace = '', uid } = pod.metadata;
      const backOff = durationText(stage.seconds);
      const message = crashLoopMessage(backOff, container.name, { name, namespace, uid });
      return { waiting: { reason: 'CrashLoopBackOff', message } };
    }
    case 'pull-failed':
      return { waiting: { reason: 'ErrImagePull', message: pullError(image) } };
    case 'pull-backing-off':
      return { waiting: { reason: 'ImagePullBackOff', message: pullBackOffMessage(image, pullError(image)) } };
  }
}

function pullError(image: string): string {
  const behaviour = behaviourOf(image);
  if (behaviour === 'private') return pullErrors.private(image);
  if (behaviour !== 'unreachable') return pullErrors.missing(image);
  return pullErrors.unreachable(image, image.replace(new RegExp(manifestOf.find), manifestOf.replacement));
}

type NewCondition = Pick<Wire<V1PodCondition>, 'type' | 'status' | 'reason' | 'message'>;

/** @param readiness - of the Pod and of its containers, which no readiness gates tell apart here */
function conditionsOf(readiness: Omit<NewCondition, 'type'>): NewCondition[] {
  return [
    { type: 'PodReadyToStartContainers', status: 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' },
  ];
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
