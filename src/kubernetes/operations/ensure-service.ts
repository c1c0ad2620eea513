/** Makes the Service of a container that is to have one. */
import type { ContainerSpec } from '../../containers/container.ts';
import { alreadyExists, isKubernetesError } from '../api/api-error.ts';
import type { ContainerIdentity } from '../objects/build-deployment.ts';
import { buildService } from '../objects/build-service.ts';
import type { ServiceOwner } from '../objects/build-service.ts';
import type { ClusterContext } from './cluster-context.ts';
import { oneIncarnation } from '../objects/labels.ts';
import { projectService } from '../objects/project-service.ts';
import type { ServiceRecord } from '../objects/records.ts';

/**
 * Creates the Service, unless no port asks for one: then absent. One that the Deployment owns already is as good, whoever
 * made it.
 *
 * @param until - when the attempt ends, in milliseconds since the epoch
 * @throws errors of the Kubernetes API
 */
export async function ensureService(
  { api, caches, externalServiceType }: Pick<ClusterContext, 'api' | 'caches' | 'externalServiceType'>,
  { identity, spec, owner }: { identity: ContainerIdentity; spec: ContainerSpec; owner: ServiceOwner },
  until: number,
): Promise<ServiceRecord | undefined> {
  const service = buildService(identity, spec, owner, externalServiceType);
  if (service === undefined) return undefined;
  const record = await createService();
  caches.write('services', record);
  return record;

  async function createService(): Promise<ServiceRecord> {
    try {
      return projectService(await api.create('services', service!, { until }))!;
    } catch (error) {
      const mayBeThere = alreadyExists(error) || (isKubernetesError(error) && error.outcomeUnknown);
      const found = mayBeThere ? await findOwned().catch(() => undefined) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  }

  async function findOwned(): Promise<ServiceRecord | undefined> {
    const services = await api.listAll('services', oneIncarnation(identity.id, identity.incarnation), { until });
    const records = services.map(projectService);
    return records.find((found) => found?.ownerUid === owner.uid && found.deletedAt === undefined);
  }
}
