/** Gives every ReplicaSet its Pods. */
import { ApiError } from '../api-error.ts';
import { refusalError } from '../faults.ts';
import { timestamp, type ObjectInput, type Pod, type ReplicaSet } from '../objects.ts';
import { pods, replicaSets } from '../resources.ts';
import {
  controlledBy,
  controllerOf,
  keyOfMetadata,
  newQueue,
  replaceParts,
  type ControllerContext,
} from './context.ts';

/** How long after a refusal Pods are tried again. */
const retryMilliseconds = 1000;

export function startReplicaSetController(context: ControllerContext): void {
  const { store } = context.registry;
  const queue = newQueue(context, ({ namespace, name }) => {
    const found = store.get(replicaSets, namespace, name)?.object as ReplicaSet | undefined;
    if (!found) return;
    const refusal = found.metadata.deletionTimestamp === undefined ? adjustPods(context, found) : undefined;
    updateStatus(context, found, refusal);
    if (refusal) queue.addAfter({ namespace, name }, retryMilliseconds);
  });
  store.listen(replicaSets, ({ type, version }) => {
    if (type !== 'DELETED') queue.add(keyOfMetadata(version.object));
  });
  store.listen(pods, ({ version }) => {
    const owner = controllerOf(version.object, 'ReplicaSet');
    if (owner) queue.add(owner);
  });
}

/** Pods that count: not being deleted, and not ended. */
function activePods(context: ControllerContext, replicaSet: ReplicaSet): Pod[] {
  return livingPods(context, replicaSet).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Pods that have not ended, those that are being deleted included. */
export function livingPods(context: ControllerContext, replicaSet: ReplicaSet): Pod[] {
  return controlledBy<Pod>(context, replicaSet, pods).filter(
    ({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

/** @returns why a Pod could not be created */
function adjustPods(context: ControllerContext, replicaSet: ReplicaSet): ApiError | undefined {
  const active = activePods(context, replicaSet);
  const wanted = replicaSet.spec.replicas ?? 1;
  for (let missing = wanted - active.length; missing > 0; missing -= 1) {
    const refusal = createPod(context, replicaSet);
    if (refusal) return refusal;
  }
  const superfluous = active.toSorted((left, right) => Number(isReady(left)) - Number(isReady(right)));
  for (const pod of superfluous.slice(0, Math.max(0, active.length - wanted))) {
    context.registry.delete(pods, pod.metadata.namespace ?? '', pod.metadata.name);
  }
  return undefined;
}

function createPod({ registry, faults }: ControllerContext, replicaSet: ReplicaSet): ApiError | undefined {
  const action = faults.meet({ verb: 'create', resource: 'pods' });
  if (action?.kind === 'refuse') return refusalError(action);
  try {
    registry.create(pods, replicaSet.metadata.namespace ?? '', buildPod(replicaSet));
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function buildPod({ metadata, spec }: ReplicaSet): ObjectInput {
  const template = structuredClone(spec.template ?? {});
  const { labels, annotations } = template.metadata ?? {};
  return {
    metadata: {
      generateName: `${metadata.name}-`,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: template.spec,
  };
}

function updateStatus(context: ControllerContext, replicaSet: ReplicaSet, refusal: ApiError | undefined): void {
  const active = activePods(context, replicaSet);
  const ready = active.filter(isReady).length;
  const failure = replicaSet.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const condition = refusal && {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    // The first refusal is told of until there is none.
    message: failure?.message ?? refusal.message,
    lastTransitionTime: failure?.lastTransitionTime ?? timestamp(),
  };
  replaceParts(context, replicaSets, replicaSet, {
    status: {
      replicas: active.length,
      ...(active.length > 0 && { fullyLabeledReplicas: active.length }),
      ...(ready > 0 && { readyReplicas: ready, availableReplicas: ready }),
      terminatingReplicas: livingPods(context, replicaSet).length - active.length,
      observedGeneration: replicaSet.metadata.generation ?? 1,
      ...(condition && { conditions: [condition] }),
    },
  });
}
