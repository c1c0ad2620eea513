/** What a Deployment says of itself, from its ReplicaSets, as the Deployment controller says it. */
import type { V1DeploymentCondition, V1DeploymentStatus } from '@kubernetes/client-node';
import type { Deployment, ReplicaSet, Wire } from '../objects.ts';
import { rolloutBounds } from './rollout.ts';

type Status = Wire<V1DeploymentStatus>;
type Condition = Wire<V1DeploymentCondition>;
type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface ReplicaSets {
  owned: readonly ReplicaSet[];
  /** That of the present template; absent where there is none yet. */
  current: ReplicaSet | undefined;
  /** Whether it was made just now. */
  created?: boolean;
  /** Why it could not be made. */
  refusal?: string | undefined;
}

/** @param now - as a timestamp; only conditions that change carry it */
export function buildDeploymentStatus(deployment: Deployment, replicaSets: ReplicaSets, now: string): Status {
  const { owned, current } = replicaSets;
  const total = (count: (replicaSet: ReplicaSet) => number | undefined): number =>
    owned.reduce((sum, replicaSet) => sum + (count(replicaSet) ?? 0), 0);
  const replicas = total(({ status }) => status?.replicas);
  const updated = current?.status?.replicas ?? 0;
  const ready = total(({ status }) => status?.readyReplicas);
  const available = total(({ status }) => status?.availableReplicas);
  const unavailable = total(({ spec }) => spec.replicas) - available;
  const counts: Status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...(replicas > 0 && { replicas }),
    ...(updated > 0 && { updatedReplicas: updated }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    ...(unavailable > 0 && { unavailableReplicas: unavailable }),
    terminatingReplicas: total(({ status }) => status?.terminatingReplicas),
  };
  let conditions = (deployment.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  conditions = withCondition(conditions, availability(available >= minimumAvailable(deployment)), now);
  conditions = withProgress(conditions, deployment, counts, replicaSets, now);
  const failure = [...(current ? [current] : []), ...owned]
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  const lastUpdateTime = failure?.lastTransitionTime;
  return { ...counts, conditions: failure ? [...conditions, { ...failure, lastUpdateTime } as Condition] : conditions };
}

/** Milliseconds until a roll-out that makes no progress is over its deadline; absent where it has none, or it does not matter. */
export function millisecondsToDeadline({ spec, status = {} }: Deployment, now: number): number | undefined {
  const progress = conditionOf(status.conditions ?? [], 'Progressing');
  if (progress?.reason === undefined || ['NewReplicaSetAvailable', deadlineExceeded].includes(progress.reason)) {
    return undefined;
  }
  return Date.parse(progress.lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 600) * 1000 - now;
}

const deadlineExceeded = 'ProgressDeadlineExceeded';

function conditionOf(conditions: readonly Condition[], wanted: string): Condition | undefined {
  return conditions.find(({ type }) => type === wanted);
}

/** A condition of the same status and reason stays as it is, its message included. */
function withCondition(conditions: readonly Condition[], condition: NewCondition, now: string): Condition[] {
  const old = conditionOf(conditions, condition.type);
  if (old?.status === condition.status && old.reason === condition.reason) return [...conditions];
  const lastTransitionTime = old?.status === condition.status ? (old.lastTransitionTime ?? now) : now;
  return [...conditions.filter((each) => each !== old), { ...condition, lastTransitionTime, lastUpdateTime: now }];
}

/** A roll-out that was complete once stays so until there is another, whatever becomes of its Pods. */
function withProgress(
  before: readonly Condition[],
  deployment: Deployment,
  counts: Status,
  { current, created, refusal }: ReplicaSets,
  now: string,
): Condition[] {
  const name = JSON.stringify(current?.metadata.name ?? '');
  const progress = (status: 'True' | 'False', reason: string, message: string): NewCondition => ({
    type: 'Progressing',
    ...{ status, reason, message },
  });
  if (refusal !== undefined) return withCondition(before, progress('False', 'ReplicaSetCreateError', refusal), now);
  const conditions = created
    ? withCondition(before, progress('True', 'NewReplicaSetCreated', `Created new replica set ${name}`), now)
    : before;
  const subject = current ? `ReplicaSet ${name}` : `Deployment ${JSON.stringify(deployment.metadata.name)}`;
  const present = conditionOf(conditions, 'Progressing');
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = counts;
  if (replicas === updatedReplicas && present?.reason === 'NewReplicaSetAvailable') return [...conditions];
  const desired = deployment.spec.replicas ?? 1;
  if ([replicas, updatedReplicas, availableReplicas].every((count) => count === desired)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(conditions, progress('True', 'NewReplicaSetAvailable', message), now);
  }
  if (isAdvance(deployment.status ?? {}, counts)) {
    const updated = progress('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
    // Each advance moves the time from which the deadline counts.
    const others = conditions.filter((each) => each !== present);
    const lastTransitionTime = present?.status === 'True' ? (present.lastTransitionTime ?? now) : now;
    return [...others, { ...updated, lastTransitionTime, lastUpdateTime: now }];
  }
  const remaining = millisecondsToDeadline({ ...deployment, status: { conditions: [...conditions] } }, Date.parse(now));
  if (remaining === undefined || remaining >= 0) return [...conditions];
  return withCondition(conditions, progress('False', deadlineExceeded, `${subject} has timed out progressing.`), now);
}

function isAdvance(before: Status, after: Status): boolean {
  const oldReplicas = ({ replicas = 0, updatedReplicas = 0 }: Status): number => replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldReplicas(after) < oldReplicas(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function availability(enough: boolean): NewCondition {
  const reason = enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable';
  const verb = enough ? 'has' : 'does not have';
  const message = `Deployment ${verb} minimum availability.`;
  return { type: 'Available', status: enough ? 'True' : 'False', reason, message };
}

function minimumAvailable({ spec }: Deployment): number {
  const desired = spec.replicas ?? 1;
  if (spec.strategy?.type === 'Recreate') return desired;
  return desired - Math.min(desired, rolloutBounds(desired, spec.strategy?.rollingUpdate).unavailable);
}
