/** Objects of a container as the caches have them: a healthy base, and what a test changes in it. */
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedDeployment,
  ObservedPod,
  ObservedRun,
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

/** A Pod in phase `Running` whose container runs; in another phase, one of which the kubelet has reported no container. */
export function pod(changes: Partial<ObservedPod> = {}): ObservedPod {
  const { phase = 'Running' } = changes;
  return {
    uid: 'pod-uid',
    name: 'dcm-web-7d4b9c6f5-x7k2p',
    resourceVersion: '2',
    containerId: 'web',
    incarnation: 'k3x9',
    createdAt,
    phase,
    hasReadinessGates: false,
    conditions: [],
    initContainers: [],
    ...(phase === 'Running' && { container: container(running()) }),
    ...changes,
  };
}

export function container(state: ObservedContainerState, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return { name: 'container', restartCount: 0, isReady: true, state, ...changes };
}

export function running(since = 0): ObservedContainerState {
  return { running: { since } };
}

/** A run that ended at once, unless it is said to have lasted. */
export function run(exitCode: number, reason = 'Error', lastedMs = 0): ObservedRun {
  return { exitCode, reason, lastedMs };
}

export function terminated(exitCode: number, reason = 'Error', lastedMs = 0): ObservedContainerState {
  return { terminated: run(exitCode, reason, lastedMs) };
}
