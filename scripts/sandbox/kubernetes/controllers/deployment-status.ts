/** What a Deployment says of itself, from its ReplicaSets. */
import type { V1DeploymentCondition, V1DeploymentStatus } from '@kubernetes/client-node';
import type { Deployment, ReplicaSet, Wire } from '../objects.ts';

type Status = Wire<V1DeploymentStatus>;
type Condition = Wire<V1DeploymentCondition>;

/** @param now - as a timestamp; only conditions that change carry it */
export function buildDeploymentStatus(
  deployment: Deployment,
  owned: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  now: string,
): Status {
  const total = (count: (status: NonNullable<ReplicaSet['status']>) => number | undefined): number =>
    owned.reduce((sum, { status }) => sum + ((status && count(status)) ?? 0), 0);
  const desired = deployment.spec.replicas ?? 1;
  const replicas = total((status) => status.replicas);
  const ready = total((status) => status.readyReplicas);
  const available = total((status) => status.availableReplicas);
  const updated = current?.status?.replicas ?? 0;
  const updatedAvailable = current?.status?.availableReplicas ?? 0;
  const unavailable = Math.max(0, Math.max(desired, replicas) - available);
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...(replicas > 0 && { replicas }),
    ...(updated > 0 && { updatedReplicas: updated }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    ...(unavailable > 0 && { unavailableReplicas: unavailable }),
    conditions: [
      progressing(deployment, current, updated >= desired && updatedAvailable >= desired && replicas === updated),
      availability(available >= minimumAvailable(deployment)),
      ...owned
        .flatMap(({ status }) => status?.conditions?.filter(({ type }) => type === 'ReplicaFailure') ?? [])
        .slice(0, 1),
    ].map((condition) => withTimes(condition, deployment.status?.conditions ?? [], now)),
  };
}

type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** A roll-out that was complete once stays so, whatever becomes of its Pods. */
function progressing({ spec, status }: Deployment, current: ReplicaSet | undefined, complete: boolean): NewCondition {
  const name = JSON.stringify(current?.metadata.name ?? '');
  const completed = `ReplicaSet ${name} has successfully progressed.`;
  const wasComplete = status?.conditions?.some(({ type, message }) => type === 'Progressing' && message === completed);
  if ((complete || wasComplete) && current) {
    return { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: completed };
  }
  const age = current ? (Date.now() - Date.parse(current.metadata.creationTimestamp)) / 1000 : 0;
  if (age > (spec.progressDeadlineSeconds ?? 600)) {
    const message = `ReplicaSet ${name} has timed out progressing.`;
    return { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message };
  }
  if (!current?.status?.replicas) {
    const message = `Created new replica set ${name}`;
    return { type: 'Progressing', status: 'True', reason: 'NewReplicaSetCreated', message };
  }
  const message = `ReplicaSet ${name} is progressing.`;
  return { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message };
}

function availability(enough: boolean): NewCondition {
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function minimumAvailable({ spec }: Deployment): number {
  const desired = spec.replicas ?? 1;
  const unavailable = spec.strategy?.rollingUpdate?.maxUnavailable ?? 0;
  const number =
    typeof unavailable === 'number' ? unavailable : Math.floor((Number.parseFloat(unavailable) / 100) * desired);
  return desired - number;
}

function withTimes(condition: NewCondition, before: readonly Condition[], now: string): Condition {
  const old = before.find(({ type }) => type === condition.type);
  const { type, status, reason, message } = condition;
  const same = old?.status === status && old.reason === reason && old.message === message;
  return {
    type,
    status,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now,
    lastUpdateTime: same ? (old.lastUpdateTime ?? now) : now,
  };
}
