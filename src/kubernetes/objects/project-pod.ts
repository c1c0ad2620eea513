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

function projectContainer({ name, restartCount, state, lastState }: ContainerStatus): ObservedContainer {
  return { name, restartCount, state: projectState(state), lastState: projectState(lastState) };
}

function projectState({ waiting, running, terminated }: ContainerStatus['state'] = {}): ObservedContainerState {
  if (waiting) return { waiting: { ...(waiting.reason && { reason: waiting.reason }) } };
  if (running) {
    const startedAt = milliseconds(running.startedAt);
    return { running: { ...(startedAt !== undefined && { startedAt }) } };
  }
  if (terminated) {
    const { exitCode, reason } = terminated;
    return { terminated: { exitCode, ...(reason && { reason }) } };
  }
  return {};
}

function holdsUp({ state }: ObservedContainer): boolean {
  return state.waiting !== undefined || (state.terminated !== undefined && state.terminated.exitCode !== 0);
}
