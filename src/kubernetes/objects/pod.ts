/** What the caches keep of a Pod. */
import type { Moment } from '../../clock.ts';
import { evictionCause, kubeletCause } from '../../containers/causes.ts';
import type { ObservedContainer, ObservedContainerState, ObservedPod, ObservedRun } from '../../containers/observed.ts';
import type { Pod } from '../api/resources.ts';
import { milliseconds, projectConditions, projectMetadata } from './object.ts';

export interface PodRecord extends Omit<ObservedPod, 'container'> {
  /** All but init containers; which one is ours, only the Deployment says. */
  containers: readonly ObservedContainer[];
  /** Name of the ReplicaSet that controls it. */
  ownerName?: string;
}

/** What is known beside the Pod itself. */
export interface PodContext {
  /** By the clock of this process. */
  moment: Moment;
  /** What was kept of the Pod so far, of which the beginning of runs is carried over; absent where nothing was. */
  known?: PodRecord | undefined;
  /** A watch tells of it as it happens; absent for a Pod of a list, whose last change may be long ago. */
  isWatched?: boolean | undefined;
}

/** Absent for what is not a container's Pod. */
export function projectPod(
  { metadata, spec, status }: Pod,
  { moment, known, isWatched = false }: PodContext,
): PodRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const ownerName = metadata?.ownerReferences?.find(({ controller }) => controller === true)?.name;
  const templateHash = metadata?.labels?.['pod-template-hash'];
  const project = (container: ContainerStatus) => {
    const before = known?.containers.find(({ name }) => name === container.name);
    return projectContainer(container, { spec, before, moment, isWatched, names: [object.name, object.uid] });
  };
  return {
    ...object,
    phase: status?.phase ?? 'Pending',
    ...(status?.reason && { reason: status.reason }),
    ...(status?.message && { cause: evictionCause(status.message) }),
    ...(status?.podIP && { podIp: status.podIP }),
    ...(spec?.nodeName && { nodeName: spec.nodeName }),
    hasReadinessGates: (spec?.readinessGates?.length ?? 0) > 0,
    conditions: projectConditions(status?.conditions),
    containers: (status?.containerStatuses ?? []).map(project),
    initContainers: (status?.initContainerStatuses ?? []).map(project).filter(holdsUp),
    ...(ownerName !== undefined && { ownerName }),
    ...(templateHash !== undefined && { templateHash }),
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];
type ContainerState = NonNullable<ContainerStatus['state']>;

interface ContainerContext {
  spec: Pod['spec'];
  /** What was kept of the container so far. */
  before: ObservedContainer | undefined;
  moment: Moment;
  isWatched: boolean;
  /** The Pod's, which causes leave out. */
  names: readonly string[];
}

function projectContainer(status: ContainerStatus, context: ContainerContext): ObservedContainer {
  const { name, restartCount, ready, state, lastState } = status;
  const { spec, names } = context;
  const container = spec?.containers.find((candidate) => candidate.name === name);
  const probes = restartingProbes(container);
  const lastRun = lastState?.terminated && projectRun(lastState.terminated, names);
  return {
    name,
    restartCount,
    isReady: ready || (container?.readinessProbe === undefined && container?.startupProbe === undefined),
    ...(probes && { restartingProbes: probes }),
    state: projectState(state, status, context),
    ...(lastRun && { lastRun }),
  };
}

const [liveness, startup, both] = [['liveness'], ['startup'], ['liveness', 'startup']];

function restartingProbes(
  container: NonNullable<Pod['spec']>['containers'][number] | undefined,
): readonly string[] | undefined {
  if (container?.livenessProbe) return container.startupProbe ? both : liveness;
  return container?.startupProbe ? startup : undefined;
}

function projectState(
  { waiting, running, terminated }: ContainerState = {},
  { restartCount }: ContainerStatus,
  context: ContainerContext,
): ObservedContainerState {
  const { names } = context;
  if (waiting) return { waiting: projectWaiting(waiting, names) };
  if (running) return { running: { since: runningSince(running.startedAt, restartCount, context) } };
  return terminated ? { terminated: projectRun(terminated, names) } : {};
}

/** The message of a back-off counts its seconds, and says nothing else. */
function projectWaiting({ reason, message }: NonNullable<ContainerState['waiting']>, names: readonly string[]) {
  const cause = message && reason !== 'CrashLoopBackOff' ? kubeletCause(message, names) : '';
  return { ...(reason && { reason }), ...(cause && { cause }) };
}

/** What a container itself left as its message is not the kubelet's: only that of one that never ran is. */
function projectRun(
  { exitCode, reason, message, startedAt, finishedAt }: NonNullable<ContainerState['terminated']>,
  names: readonly string[],
): ObservedRun {
  const cause = message && reason === 'StartError' ? kubeletCause(message, names) : '';
  const beganAt = milliseconds(startedAt) ?? 0;
  const endedAt = milliseconds(finishedAt) ?? 0;
  return {
    exitCode,
    ...(reason && { reason }),
    ...(cause && { cause }),
    lastedMs: beganAt > 0 ? Math.max(0, endedAt - beganAt) : 0,
  };
}

/**
 * By this process's own clock where it saw the run begin, so that no node's clock matters; else by what the kubelet says.
 */
function runningSince(
  startedAt: string | undefined,
  restartCount: number,
  { before, isWatched, moment: { now, elapsed } }: ContainerContext,
): number {
  if (before?.state.running && before.restartCount === restartCount) return before.state.running.since;
  if (before !== undefined && isWatched) return elapsed;
  return elapsed - Math.max(0, now - (milliseconds(startedAt) ?? now));
}

function holdsUp({ state }: ObservedContainer): boolean {
  return state.waiting !== undefined || (state.terminated !== undefined && state.terminated.exitCode !== 0);
}
