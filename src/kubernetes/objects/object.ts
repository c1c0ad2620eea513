/** What all kinds of Kubernetes objects have, and what the caches keep of it. */
import type { ObservedCondition, ObservedObject } from '../../containers/observed.ts';
import type { ContainerSpec } from '../../containers/container.ts';
import type { Resources } from '../api/resources.ts';
import { incarnationLabel, instanceIdLabel } from './identity.ts';

/** What is kept of every object: enough for reads, status and repair, and no more, since there may be 10,000. */
export type ObjectRecord = ObservedObject;

/**
 * From the fields of one kind, as errors name them, to pointers into the request: the first pattern that matches. Absent
 * where the request has no such part. `name` is the object's, empty where the error does not tell it.
 */
export type FieldPointers = readonly (readonly [
  pattern: RegExp,
  pointer: (match: RegExpExecArray, spec: ContainerSpec, name: string) => string | undefined,
])[];

type Metadata = NonNullable<Resources['deployments']['metadata']>;

/** Absent for an object that is no container's, or none at all: it is then not kept. */
export function projectMetadata(metadata: Metadata | undefined): ObjectRecord | undefined {
  const { uid, name, resourceVersion, labels } = metadata ?? {};
  const containerId = labels?.[instanceIdLabel];
  if (!uid || !name || !resourceVersion || !containerId) return undefined;
  const incarnation = labels[incarnationLabel];
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
