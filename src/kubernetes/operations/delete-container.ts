/** Deletes a container: its Deployment, whose ReplicaSets and Pods follow, and its Services. */
import {
  KubernetesApiError,
  KubernetesConnectionError,
  isAbsent,
  isConflict,
  isKubernetesError,
  retryAfterMs,
} from '../api/api-error.ts';
import { servicesOf } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { deleteAnnotation } from '../objects/identity.ts';
import { serviceNames } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import type { ClusterContext } from './cluster-context.ts';
import { isPolicyRefusal, translateError } from '../translate-error.ts';
import { backoffMs } from '../../backoff.ts';
import { sleep } from '../../time.ts';
import type { KubernetesError } from '../api/api-error.ts';
import type { KubernetesApi } from '../api/client.ts';
import type { Resource } from '../api/resources.ts';

interface Service {
  name: string;
  /** Absent where memory has not seen it yet. */
  uid?: string;
}

/** How long it may take to let the other replicas know, in milliseconds. */
const markMs = 2_000;

/**
 * Deletes within a deadline of its own: nobody has to wait for it. A Service that the Deployment does not own goes first,
 * since nothing would remove it once the Deployment is gone.
 *
 * @param digest - of a request with an idempotency key, which is remembered here, and by the replicas that watch; absent: it
 *   has none
 * @returns what became of the Deployment
 * @throws errors of the Kubernetes API
 */
export async function deleteContainer(
  context: ClusterContext,
  deployment: DeploymentRecord,
  objects: ContainerObjects,
  digest?: string,
): Promise<DeleteOutcome> {
  const { api, caches, bounds, keyedDeletes } = context;
  const until = performance.now() + bounds.writeMs;
  if (digest !== undefined) await mark(context, deployment, digest);
  const services = servicesOf(deployment, objects);
  await Promise.all(services.filter(({ ownerUid }) => ownerUid === undefined).map(deleteOrphan));
  const owned: Service[] = services.filter(({ ownerUid }) => ownerUid !== undefined);
  const unseen = unseenServices(deployment, services);
  const outcome = await deleteObjects(context, deployment, [...owned, ...unseen], until);
  if (digest !== undefined && outcome === 'deleted') keyedDeletes.note(digest);
  return outcome;

  async function deleteOrphan({ name, uid }: ServiceRecord): Promise<void> {
    await deleteWithRetry(api, { resource: 'services', name, uid }, until);
    caches.hide('services', uid);
  }
}

/**
 * Writes on the Deployment by which delete it goes: the watches of other replicas tell of that as it goes. A delete does not
 * fail for it.
 */
async function mark({ api, log }: ClusterContext, { name, uid, containerId }: DeploymentRecord, digest: string) {
  const change = { metadata: { uid, annotations: { [deleteAnnotation]: digest } } };
  try {
    await api.patch('deployments', name, change, { until: performance.now() + markMs });
  } catch (err) {
    if (!isKubernetesError(err)) throw err;
    // Where it is gone, or another one has its name, the delete finds that out.
    const isOther = err instanceof KubernetesApiError && [404, 409, 422].includes(err.status) && !isPolicyRefusal(err);
    if (isOther) return;
    log.warn({ err, containerId }, 'other replicas will not know a repeat of this delete by its key');
  }
}

/**
 * Deletes the Deployment, then the Services that it owns, whose failure is no failure: the cluster's garbage collector
 * removes them too. One that has taken the place of the Deployment is left as it is: this one has gone, and they with it.
 *
 * @throws errors of the Kubernetes API about the Deployment
 */
export async function deleteObjects(
  { api, caches, deleting, namespace, log }: ClusterContext,
  deployment: DeploymentRecord,
  owned: readonly Service[],
  until: number,
): Promise<DeleteOutcome> {
  const { name, uid, containerId } = deployment;
  let outcome: DeleteOutcome;
  deleting.add(uid);
  try {
    outcome = await deleteWithRetry(api, { resource: 'deployments', name, uid }, until);
    caches.hide('deployments', uid, deployment);
  } finally {
    deleting.delete(uid);
  }
  if (outcome === 'replaced') return outcome;
  await Promise.all(owned.map((service) => deleteService(service).catch(warn)));
  return outcome;

  async function deleteService({ name, uid }: Service): Promise<void> {
    await deleteWithRetry(api, { resource: 'services', name, ...(uid !== undefined && { uid }) }, until);
    if (uid !== undefined) caches.hide('services', uid);
  }

  function warn(error: unknown): void {
    const err = translateError(error, { namespace, log });
    log.warn({ err, containerId }, 'a Service could not be deleted, the garbage collector is left with it');
  }
}

/** The Services that the ports ask for, where memory has not seen them: nobody else's can have their names. */
function unseenServices(deployment: DeploymentRecord, seen: readonly Service[]): Service[] {
  const { containerId: id, incarnation, isolated = false, ports = [] } = deployment;
  if (incarnation === undefined || (seen.length > 0 && !isolated)) return [];
  const names = serviceNames({ id, incarnation }, ports, isolated);
  return names.filter((name) => !seen.some((service) => service.name === name)).map((name) => ({ name }));
}

const backoff = { firstMs: 200, maxMs: 2_000 };

/** What the API server said: it deleted the object, or there was none with this name, or one with another uid or version. */
export type DeleteOutcome = 'deleted' | 'absent' | 'replaced';

interface DeleteTarget {
  resource: Resource;
  name: string;
  /** Absent: whatever has the name. */
  uid?: string;
  /** Absent: whatever version it has. */
  resourceVersion?: string;
}

/**
 * A delete of one uid can be repeated without harm; it is, when its answer is lost or the API server has no time.
 *
 * @param until - when the attempts end, by `performance.now()`
 * @throws what the last attempt ended in, or, where another object has the name by then, one of which the outcome is not
 *   known: that object may have been made before it or after it
 */
export async function deleteWithRetry(
  api: KubernetesApi,
  { resource, ...target }: DeleteTarget,
  until: number,
): Promise<DeleteOutcome> {
  let lost: KubernetesError | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      await api.delete(resource, target, { until });
      return 'deleted';
    } catch (error) {
      if (isAbsent(error, { resource, name: target.name })) return lost === undefined ? 'absent' : 'deleted';
      if (isConflict(error)) {
        if (lost === undefined) return 'replaced';
        throw lost;
      }
      if (!mayHelpToRepeat(error)) throw error;
      if (error.outcomeUnknown) lost = error;
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      if (performance.now() + delayMs >= until) throw error;
      await sleep(delayMs);
    }
  }
}

function mayHelpToRepeat(error: unknown): error is KubernetesError {
  return (
    isKubernetesError(error) &&
    (error instanceof KubernetesConnectionError || error.outcomeUnknown || error.status === 429)
  );
}
