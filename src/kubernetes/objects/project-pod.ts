import type { ObservedContainer, ObservedContainerState } from '../../containers/observed.ts';
import type { Pod } from '../api/resources.ts';
import { milliseconds, projectConditions, projectMetadata } from './project-object.ts';
import type { PodRecord } from './records.ts';

/** Absent for what is not a container's Pod. */
export function projectPod({ metadata, spec, status }: Pod): PodRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const ownerName = metadata?.ownerReferences?.find(({ controller }) => controller === true)?.name;
  const templateHash = metadata?.labels?.['pod-template-hash'];
  return {
    ...object,
    phase: status?.phase ?? 'Pending',
    ...(status?.reason && { reason: status.reason }),
    ...(status?.message && { message: status.message }),
    ...(status?.podIP && { podIp: status.podIP }),
    ...(spec?.nodeName && { nodeName: spec.nodeName }),
    hasReadinessGates: (spec?.readinessGates?.length ?? 0) > 0,
    conditions: projectConditions(status?.conditions),
    containers: (status?.containerStatuses ?? []).map(projectContainer),
    initContainers: (status?.initContainerStatuses ?? []).map(projectContainer).filter(holdsUp),
    ...(ownerName !== undefined && { ownerName }),
    ...(templateHash !== undefined && { templateHash }),
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

function projectContainer({ name, restartCount, ready, state, lastState }: ContainerStatus): ObservedContainer {
  return { name, restartCount, ready, state: projectState(state), lastState: projectState(lastState) };
}

function projectState({ waiting, running, terminated }: ContainerStatus['state'] = {}): ObservedContainerState {
  if (waiting) {
    const { reason, message } = waiting;
    return { waiting: { ...(reason && { reason }), ...(message && { message }) } };
  }
  if (running) {
    const startedAt = milliseconds(running.startedAt);
    return { running: { ...(startedAt !== undefined && { startedAt }) } };
  }
  if (terminated) {
    const { exitCode, signal, reason } = terminated;
    const finishedAt = milliseconds(terminated.finishedAt);
    return {
      terminated: {
        exitCode,
        ...(signal && { signal }),
        ...(reason && { reason }),
        ...(finishedAt !== undefined && { finishedAt }),
      },
    };
  }
  return {};
}

function holdsUp({ state }: ObservedContainer): boolean {
  return state.waiting !== undefined || (state.terminated !== undefined && state.terminated.exitCode !== 0);
}
