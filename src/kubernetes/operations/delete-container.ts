/** Deletes a container: its Deployment, whose ReplicaSets and Pods follow, and its Service. */
import { reachablePorts } from '../objects/build-service.ts';
import { specOf } from '../objects/build-container.ts';
import type { ClusterContext } from './cluster-context.ts';
import { deleteSurely } from '../api/delete-surely.ts';
import type { DeleteOutcome } from '../api/delete-surely.ts';
import { translateError } from '../api/translate-error.ts';
import { servicesOf } from '../objects/match-objects.ts';
import type { ContainerObjects } from '../objects/match-objects.ts';
import { serviceName } from '../objects/names.ts';
import type { DeploymentRecord } from '../objects/records.ts';

interface Service {
  name: string;
  /** Absent where memory has not seen it yet. */
  uid?: string;
}

/**
 * Deletes within a deadline of its own: nobody has to wait for it. A Service that the Deployment does not own goes first,
 * since nothing would remove it once the Deployment is gone; one that it owns goes after it, and its failure is no
 * failure, for the cluster's garbage collector removes it too.
 *
 * @returns what became of the Deployment
 * @throws errors of the Kubernetes API
 */
export async function deleteContainer(
  { api, caches, bounds, namespace, log }: ClusterContext,
  deployment: DeploymentRecord,
  objects: ContainerObjects,
): Promise<DeleteOutcome> {
  const until = Date.now() + bounds.writeMs;
  const { name, uid, containerId } = deployment;
  const services = servicesOf(deployment, objects);
  await Promise.all(services.filter(({ ownerUid }) => ownerUid === undefined).map(deleteService));
  const outcome = await deleteSurely(api, { resource: 'deployments', name, uid }, until);
  if (outcome === 'replaced') return outcome;
  caches.hide('deployments', uid);
  const owned: Service[] = services.filter(({ ownerUid }) => ownerUid !== undefined);
  await Promise.all(
    [...owned, ...unseenService(deployment, services)].map((service) => deleteService(service).catch(warn)),
  );
  return outcome;

  async function deleteService({ name, uid }: Service): Promise<void> {
    await deleteSurely(api, { resource: 'services', name, ...(uid !== undefined && { uid }) }, until);
    if (uid !== undefined) caches.hide('services', uid);
  }

  function warn(error: unknown): void {
    const err = translateError(error, { namespace, log });
    log.warn({ err, containerId }, 'a Service could not be deleted, the garbage collector is left with it');
  }
}

/** The Service that the ports ask for, where memory has not seen it: nobody else's can have its name. */
function unseenService(deployment: DeploymentRecord, seen: readonly unknown[]): Service[] {
  const { containerId, incarnation } = deployment;
  if (seen.length > 0 || incarnation === undefined) return [];
  const asksForService = reachablePorts(specOf(deployment, undefined)).length > 0;
  return asksForService ? [{ name: serviceName(containerId, incarnation) }] : [];
}
