/** Gives every Deployment a ReplicaSet for its template, and rolls from the old ones to the new. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../api-error.ts';
import { refusalError } from '../faults.ts';
import { timestamp, type Deployment, type ObjectInput, type ReplicaSet } from '../objects.ts';
import { deployments, pods, replicaSets } from '../resources.ts';
import {
  controlledBy,
  controllerOf,
  keyOfMetadata,
  newQueue,
  replaceParts,
  type ControllerContext,
} from './context.ts';
import { buildDeploymentStatus, millisecondsToDeadline } from './deployment-status.ts';
import { livingPods } from './replica-sets.ts';
import { hasPodsLeft, planReplicas, rolloutBounds, type ReplicaSetState } from './rollout.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';

export function startDeploymentController(context: ControllerContext): void {
  const { store } = context.registry;
  const deadlines = new Map<string, () => void>();
  const queue = newQueue(context, (key) => {
    const found = store.get(deployments, key.namespace, key.name)?.object as Deployment | undefined;
    if (!found) return;
    const { deployment, refused } = reconcile(context, found);
    if (refused) queue.addAfter(key, retryMilliseconds);
    deadlines.get(deployment.metadata.uid)?.();
    const left = millisecondsToDeadline(deployment, Date.now());
    // A second later, as the times of conditions are in whole seconds.
    if (left !== undefined) deadlines.set(deployment.metadata.uid, queue.addAfter(key, Math.max(0, left) + 1000));
  });
  store.listen(deployments, ({ type, version }) => {
    const { uid } = version.object.metadata;
    if (type === 'DELETED') {
      deadlines.get(uid)?.();
      deadlines.delete(uid);
    } else queue.add(keyOfMetadata(version.object));
  });
  store.listen(replicaSets, ({ version }) => {
    const owner = controllerOf(version.object, 'Deployment');
    if (owner) queue.add(owner);
  });
  // Recreate waits for the last Pod of the old template, which changes nothing on its ReplicaSet.
  store.listen(pods, ({ type, version }) => {
    const owner = type === 'DELETED' ? controllerOf(version.object, 'ReplicaSet') : undefined;
    const replicaSet = owner && store.get(replicaSets, owner.namespace, owner.name)?.object;
    const deployment = replicaSet && controllerOf(replicaSet, 'Deployment');
    if (deployment) queue.add(deployment);
  });
}

/** How long after a refusal a ReplicaSet is tried again. */
const retryMilliseconds = 1000;

function reconcile(context: ControllerContext, found: Deployment): { deployment: Deployment; refused: boolean } {
  const rolls = found.metadata.deletionTimestamp === undefined && found.spec.paused !== true;
  const { created, refusal } = rolls ? roll(context, found) : {};
  const owned = controlledBy<ReplicaSet>(context, found, replicaSets);
  const current = findCurrent(found, owned);
  const revision = current?.metadata.annotations?.[revisionAnnotation];
  const annotations = found.metadata.annotations ?? {};
  const sets = { owned, current, created: created === true, refusal: refusal?.message };
  const deployment = replaceParts(context, deployments, found, {
    ...(revision !== undefined && { metadata: { annotations: { ...annotations, [revisionAnnotation]: revision } } }),
    status: buildDeploymentStatus(found, sets, timestamp()),
  });
  return { deployment, refused: refusal !== undefined };
}

/** One step towards what the template asks for. */
function roll(context: ControllerContext, deployment: Deployment): { created?: boolean; refusal?: ApiError } {
  const { spec } = deployment;
  const owned = controlledBy<ReplicaSet>(context, deployment, replicaSets);
  const present = findCurrent(deployment, owned);
  const recreates = spec.strategy?.type === 'Recreate';
  const old = owned.filter((each) => each !== present).toSorted((left, right) => revisionOf(left) - revisionOf(right));
  const oldStates = old.map((each) => stateOf(context, each));
  if (!present && recreates && hasPodsLeft(oldStates)) {
    scale(context, old, new Map());
    return {};
  }
  try {
    const current = ensureReplicaSet(context, deployment, present, Math.max(0, ...old.map(revisionOf)));
    const plan = planReplicas({
      desired: spec.replicas ?? 1,
      strategy: recreates ? 'Recreate' : 'RollingUpdate',
      bounds: rolloutBounds(spec.replicas ?? 1, spec.strategy?.rollingUpdate),
      current: stateOf(context, current),
      old: oldStates,
    });
    scale(context, [...old, current], plan);
    removeOldReplicaSets(context, deployment, current.metadata.name);
    return { created: !present };
  } catch (error) {
    if (error instanceof ApiError) return { refusal: error };
    throw error;
  }
}

/** The ReplicaSet whose template is the Deployment's. */
function findCurrent({ spec }: Deployment, owned: readonly ReplicaSet[]): ReplicaSet | undefined {
  return owned.find((replicaSet) => {
    const { metadata, ...rest } = replicaSet.spec.template ?? {};
    const { [hashLabel]: _, ...labels } = metadata?.labels ?? {};
    return isDeepStrictEqual({ ...rest, metadata: { ...metadata, labels } }, spec.template);
  });
}

function ensureReplicaSet(
  context: ControllerContext,
  deployment: Deployment,
  present: ReplicaSet | undefined,
  newestRevision: number,
): ReplicaSet {
  const { registry, faults } = context;
  if (!present) {
    const action = faults.meet({ verb: 'create', resource: 'replicasets' });
    if (action?.kind === 'refuse') throw refusalError(action);
    const hash = createHash('sha256').update(JSON.stringify(deployment.spec.template)).digest('hex').slice(0, 10);
    const built = buildReplicaSet(deployment, hash, newestRevision + 1);
    return registry.create(replicaSets, deployment.metadata.namespace ?? '', built).object as ReplicaSet;
  }
  const revision = String(Math.max(revisionOf(present), newestRevision + 1));
  const annotations = { ...copiedAnnotations(deployment), [revisionAnnotation]: revision };
  return isDeepStrictEqual(annotations, present.metadata.annotations)
    ? present
    : replaceParts(context, replicaSets, present, { metadata: { annotations } });
}

function buildReplicaSet(deployment: Deployment, hash: string, revision: number): ObjectInput {
  const { metadata, spec } = deployment;
  const template = structuredClone(spec.template);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  template.metadata = { ...template.metadata, labels };
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      labels,
      annotations: { ...copiedAnnotations(deployment), [revisionAnnotation]: String(revision) },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      replicas: 0,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template,
    },
  };
}

function copiedAnnotations({ metadata }: Deployment): Record<string, string> {
  const left = ['kubectl.kubernetes.io/last-applied-configuration', revisionAnnotation];
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !left.includes(key)));
}

function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}

/** @param plan - by name; what it does not name is scaled to nothing */
function scale(context: ControllerContext, owned: readonly ReplicaSet[], plan: ReadonlyMap<string, number>): void {
  for (const replicaSet of owned) {
    const replicas = plan.get(replicaSet.metadata.name) ?? 0;
    if (replicas !== replicaSet.spec.replicas) {
      replaceParts(context, replicaSets, replicaSet, { spec: { ...replicaSet.spec, replicas } });
    }
  }
}

function stateOf(context: ControllerContext, replicaSet: ReplicaSet): ReplicaSetState {
  return {
    name: replicaSet.metadata.name,
    replicas: replicaSet.spec.replicas ?? 0,
    available: replicaSet.status?.availableReplicas ?? 0,
    hasPods: livingPods(context, replicaSet).length > 0,
  };
}

function removeOldReplicaSets(context: ControllerContext, deployment: Deployment, currentName: string): void {
  const idle = controlledBy<ReplicaSet>(context, deployment, replicaSets)
    .filter(({ metadata, spec, status }) => metadata.name !== currentName && spec.replicas === 0 && !status?.replicas)
    .toSorted((left, right) => revisionOf(right) - revisionOf(left));
  for (const { metadata } of idle.slice(deployment.spec.revisionHistoryLimit ?? 10)) {
    if (metadata.deletionTimestamp !== undefined) continue;
    context.registry.delete(replicaSets, metadata.namespace ?? '', metadata.name);
  }
}
