/** From what all Kubernetes objects have to what the caches keep of it. */
import type { ObservedCondition } from '../../containers/observed.ts';
import { INCARNATION_LABEL, INSTANCE_ID_LABEL } from './labels.ts';
import type { Resources } from '../api/resources.ts';
import type { ObjectRecord } from './records.ts';

type Metadata = NonNullable<Resources['deployments']['metadata']>;

/** Absent for an object that is no container's, or none at all: it is then not kept. */
export function projectMetadata(metadata: Metadata | undefined): ObjectRecord | undefined {
  const { uid, name, resourceVersion, labels } = metadata ?? {};
  const containerId = labels?.[INSTANCE_ID_LABEL];
  if (!uid || !name || !resourceVersion || !containerId) return undefined;
  const incarnation = labels[INCARNATION_LABEL];
  const deletedAt = milliseconds(metadata?.deletionTimestamp);
  return {
    uid,
    name,
    resourceVersion,
    containerId,
    ...(incarnation !== undefined && { incarnation }),
    createdAt: milliseconds(metadata?.creationTimestamp) ?? 0,
    ...(deletedAt !== undefined && { deletedAt }),
  };
}

/** Milliseconds since the epoch; absent for what is not a time. */
export function milliseconds(time: string | undefined): number | undefined {
  const value = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(value) ? undefined : value;
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function projectConditions(conditions: readonly Condition[] | undefined): ObservedCondition[] {
  return (conditions ?? []).map(({ type, status, reason, message, lastTransitionTime }) => {
    const transitionedAt = milliseconds(lastTransitionTime);
    return {
      type,
      status,
      ...(reason && { reason }),
      ...(message && { message }),
      ...(transitionedAt !== undefined && { transitionedAt }),
    };
  });
}
