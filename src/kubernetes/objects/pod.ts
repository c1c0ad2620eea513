/** What the caches keep of a Pod. */
import { rememberBackOff } from '../../containers/back-off.ts';
import type { ObservedContainer, ObservedContainerState, ObservedPod } from '../../containers/observed.ts';
import type { Pod } from '../api/resources.ts';
import { projectConditions, projectMetadata } from './object.ts';

export interface PodRecord extends Omit<ObservedPod, 'container'> {
  /** All but init containers; which one is ours, only the Deployment says. */
  containers: readonly ObservedContainer[];
  /** Name of the ReplicaSet that controls it. */
  ownerName?: string;
  /** Value of the label that Deployments give the Pods of one template. */
  templateHash?: string;
}

/**
 * Absent for what is not a container's Pod.
 *
 * @param known - what was kept of the Pod so far, of which back-off is carried over; absent where nothing was
 * @param now - milliseconds of the process's monotonic clock
 */
export function projectPod(
  { metadata, spec, status }: Pod,
  known: PodRecord | undefined,
  now: number,
): PodRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const ownerName = metadata?.ownerReferences?.find(({ controller }) => controller === true)?.name;
  const templateHash = metadata?.labels?.['pod-template-hash'];
  return {
    ...object,
    phase: status?.phase ?? 'Pending',
    ...(status?.reason && { reason: status.reason }),
    ...(status?.podIP && { podIp: status.podIP }),
    ...(spec?.nodeName && { nodeName: spec.nodeName }),
    hasReadinessGates: (spec?.readinessGates?.length ?? 0) > 0,
    conditions: projectConditions(status?.conditions),
    containers: (status?.containerStatuses ?? []).map((container) => {
      const before = known?.containers.find(({ name }) => name === container.name);
      return rememberBackOff(projectContainer(container, spec), before, now);
    }),
    initContainers: (status?.initContainerStatuses ?? [])
      .map((container) => projectContainer(container, spec))
      .filter(holdsUp),
    ...(ownerName !== undefined && { ownerName }),
    ...(templateHash !== undefined && { templateHash }),
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

function projectContainer(
  { name, restartCount, ready, state, lastState }: ContainerStatus,
  spec: Pod['spec'],
): ObservedContainer {
  const probes = spec?.containers.find((container) => container.name === name);
  const isReady = ready || (probes?.readinessProbe === undefined && probes?.startupProbe === undefined);
  return { name, restartCount, isReady, state: projectState(state), lastState: projectState(lastState) };
}

function projectState({ waiting, running, terminated }: ContainerStatus['state'] = {}): ObservedContainerState {
  if (waiting) return { waiting: { ...(waiting.reason && { reason: waiting.reason }) } };
  if (running) return { running: true };
  if (terminated) {
    const { exitCode, reason } = terminated;
    return { terminated: { exitCode, ...(reason && { reason }) } };
  }
  return {};
}

function holdsUp({ state }: ObservedContainer): boolean {
  return state.waiting !== undefined || (state.terminated !== undefined && state.terminated.exitCode !== 0);
}
