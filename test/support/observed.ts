/** Objects of a container as the caches have them: a healthy base, and what a test changes in it. */
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedDeployment,
  ObservedPod,
} from '../../src/containers/observed.ts';

export const createdAt = Date.parse('2026-01-21T09:00:00Z');

export function deployment(changes: Partial<ObservedDeployment> = {}): ObservedDeployment {
  return {
    uid: 'deployment-uid',
    name: 'dcm-web',
    resourceVersion: '1',
    containerId: 'web',
    incarnation: 'k3x9',
    createdAt,
    replicas: 1,
    conditions: [],
    ...changes,
  };
}

/** A Pod in phase `Running` of which the kubelet has not reported the container. */
export function pod(changes: Partial<ObservedPod> = {}): ObservedPod {
  return {
    uid: 'pod-uid',
    name: 'dcm-web-7d4b9c6f5-x7k2p',
    resourceVersion: '2',
    containerId: 'web',
    incarnation: 'k3x9',
    createdAt,
    phase: 'Running',
    hasReadinessGates: false,
    conditions: [],
    initContainers: [],
    ...changes,
  };
}

export function container(state: ObservedContainerState, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return { name: 'container', restartCount: 0, isReady: true, state, lastState: {}, ...changes };
}

export function terminated(exitCode: number, reason = 'Error'): ObservedContainerState {
  return { terminated: { exitCode, reason } };
}
