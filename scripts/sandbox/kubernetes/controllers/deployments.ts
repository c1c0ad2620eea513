/** Gives every Deployment a ReplicaSet for its template, and rolls from the old ones to the new. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
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
import { planReplicas, type ReplicaSetState } from './rollout.ts';
import { buildDeploymentStatus } from './deployment-status.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';

export function startDeploymentController(context: ControllerContext): void {
  const { store } = context.registry;
  const queue = newQueue(context, ({ namespace, name }) => {
    const found = store.get(deployments, namespace, name)?.object as Deployment | undefined;
    if (found) reconcile(context, found);
  });
  store.listen(deployments, ({ type, version }) => {
    if (type !== 'DELETED') queue.add(keyOfMetadata(version.object));
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

function reconcile(context: ControllerContext, deployment: Deployment): void {
  if (deployment.metadata.deletionTimestamp === undefined && deployment.spec.paused !== true) {
    const current = ensureReplicaSet(context, deployment);
    scale(context, deployment, current);
    removeOldReplicaSets(context, deployment, current.metadata.name);
  }
  const hash = templateHash(deployment);
  const owned = controlledBy<ReplicaSet>(context, deployment, replicaSets);
  const current = owned.find(({ metadata }) => metadata.labels?.[hashLabel] === hash);
  const revision = current?.metadata.annotations?.[revisionAnnotation];
  const annotations = deployment.metadata.annotations ?? {};
  replaceParts(context, deployments, deployment, {
    ...(revision !== undefined && { metadata: { annotations: { ...annotations, [revisionAnnotation]: revision } } }),
    status: buildDeploymentStatus(deployment, owned, current, timestamp()),
  });
}

/** By template object, which stays the same over all versions of a Deployment whose spec does not change. */
const hashes = new WeakMap<object, string>();

/** Equal templates have equal hashes. */
function templateHash({ spec }: Deployment): string {
  const known = hashes.get(spec.template);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(JSON.stringify(spec.template)).digest('hex').slice(0, 10);
  hashes.set(spec.template, hash);
  return hash;
}

function ensureReplicaSet(context: ControllerContext, deployment: Deployment): ReplicaSet {
  const owned = controlledBy<ReplicaSet>(context, deployment, replicaSets);
  const hash = templateHash(deployment);
  const present = owned.find(({ metadata }) => metadata.labels?.[hashLabel] === hash);
  const newest = Math.max(0, ...owned.filter((each) => each !== present).map(revisionOf));
  if (!present) {
    const { namespace = '' } = deployment.metadata;
    const built = buildReplicaSet(deployment, hash, newest + 1);
    return context.registry.create(replicaSets, namespace, built).object as ReplicaSet;
  }
  const revision = String(revisionOf(present) > newest ? revisionOf(present) : newest + 1);
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

function scale(context: ControllerContext, deployment: Deployment, current: ReplicaSet): void {
  const { spec } = deployment;
  const owned = controlledBy<ReplicaSet>(context, deployment, replicaSets);
  const old = owned.filter(({ metadata }) => metadata.uid !== current.metadata.uid);
  const plan = planReplicas({
    desired: spec.replicas ?? 1,
    strategy: spec.strategy?.type === 'Recreate' ? 'Recreate' : 'RollingUpdate',
    maxSurge: spec.strategy?.rollingUpdate?.maxSurge ?? '25%',
    maxUnavailable: spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%',
    current: stateOf(context, current),
    old: old.toSorted((left, right) => revisionOf(left) - revisionOf(right)).map((each) => stateOf(context, each)),
  });
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
    hasPods: controlledBy(context, replicaSet, pods).length > 0,
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
