/** Deletes a container: its Deployment, whose ReplicaSets and Pods follow, and its Services. */
import { servicesOf, specOf } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { serviceNames } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import type { ClusterContext } from './cluster-context.ts';
import { deleteWithRetry } from '../api/delete-with-retry.ts';
import type { DeleteOutcome } from '../api/delete-with-retry.ts';
import { translateError } from '../translate-error.ts';

interface Service {
  name: string;
  /** Absent where memory has not seen it yet. */
  uid?: string;
}

/**
 * Deletes within a deadline of its own: nobody has to wait for it. A Service that the Deployment does not own goes first,
 * since nothing would remove it once the Deployment is gone.
 *
 * @returns what became of the Deployment
 * @throws errors of the Kubernetes API
 */
export async function deleteContainer(
  context: ClusterContext,
  deployment: DeploymentRecord,
  objects: ContainerObjects,
): Promise<DeleteOutcome> {
  const { api, caches, bounds } = context;
  const until = performance.now() + bounds.writeMs;
  const services = servicesOf(deployment, objects);
  await Promise.all(services.filter(({ ownerUid }) => ownerUid === undefined).map(deleteOrphan));
  const owned: Service[] = services.filter(({ ownerUid }) => ownerUid !== undefined);
  return await deleteObjects(context, deployment, [...owned, ...unseenServices(deployment, services)], until);

  async function deleteOrphan({ name, uid }: ServiceRecord): Promise<void> {
    await deleteWithRetry(api, { resource: 'services', name, uid }, until);
    caches.hide('services', uid);
  }
}

/**
 * Deletes the Deployment, then the Services that it owns, whose failure is no failure: the cluster's garbage collector
 * removes them too. One that has taken the place of the Deployment is left as it is: this one has gone, and they with it.
 *
 * @throws errors of the Kubernetes API about the Deployment
 */
export async function deleteObjects(
  { api, caches, namespace, log }: ClusterContext,
  deployment: DeploymentRecord,
  owned: readonly Service[],
  until: number,
): Promise<DeleteOutcome> {
  const { name, uid, containerId } = deployment;
  const outcome = await deleteWithRetry(api, { resource: 'deployments', name, uid }, until);
  caches.hide('deployments', uid, deployment);
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
  const { containerId: id, incarnation, isolated = false } = deployment;
  if (incarnation === undefined || (seen.length > 0 && !isolated)) return [];
  const names = serviceNames({ id, incarnation }, specOf(deployment), isolated);
  return names.filter((name) => !seen.some((service) => service.name === name)).map((name) => ({ name }));
}
