/** Makes the Services of a container that is to have some. */
import { backoffMs } from '../../backoff.ts';
import { sleep } from '../../time.ts';
import { alreadyExists, hasStatus, isKubernetesError, retryAfterMs } from '../api/api-error.ts';
import type { Service } from '../api/resources.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { oneIncarnation } from '../objects/identity.ts';
import { projectService } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import type { ClusterContext } from './cluster-context.ts';

/** Between creates that are throttled, where the API server does not say when to come back. */
const backoff = { firstMs: 200, maxMs: 2_000 };

/**
 * Creates the Service. One of its name that the Deployment owns already is as good, whoever made it. A throttled create was
 * not made: it is asked for again when the API server has said, or after some time.
 *
 * @param owner - the Deployment, of ours, that the Service was built for
 * @param until - when the attempts end, by `performance.now()`
 * @throws errors of the Kubernetes API
 */
export async function ensureService(
  { api, caches }: Pick<ClusterContext, 'api' | 'caches'>,
  service: Service,
  owner: DeploymentRecord,
  until: number,
): Promise<ServiceRecord> {
  const record = await createService();
  caches.write('services', record);
  return record;

  async function createService(): Promise<ServiceRecord> {
    for (let attempt = 1; ; attempt++) {
      try {
        return projectService(await api.create('services', service, { until }))!;
      } catch (error) {
        if (hasStatus(error, 429)) {
          const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
          if (performance.now() + delayMs >= until) throw error;
          await sleep(delayMs);
          continue;
        }
        const mayBeThere = alreadyExists(error) || (isKubernetesError(error) && error.outcomeUnknown);
        const found = mayBeThere ? await findOwned().catch(() => undefined) : undefined;
        if (found === undefined) throw error;
        return found;
      }
    }
  }

  async function findOwned(): Promise<ServiceRecord | undefined> {
    const { containerId, incarnation = '', uid } = owner;
    const services = await api.listAll('services', oneIncarnation(containerId, incarnation), { until });
    const records = services.map(projectService);
    const isIt = ({ name, ownerUid, deletedAt }: ServiceRecord) =>
      name === service.metadata?.name && ownerUid === uid && deletedAt === undefined;
    return records.find((found) => found !== undefined && isIt(found));
  }
}
