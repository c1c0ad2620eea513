/** Makes the Services of a container that is to have some. */
import { backoffMs } from '../../backoff.ts';
import { ConflictError, UnavailableError } from '../../containers/errors.ts';
import type { ContainerError } from '../../containers/errors.ts';
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
 * Creates the Service. One of that name that the Deployment already owns will do, whoever made it. A throttled create was
 * not made: it is asked for again when the API server has said, or after some time.
 *
 * @param owner - the Deployment, of ours, that the Service was built for
 * @param until - when the attempts end, by `performance.now()`
 * @throws ConflictError where a stranger's Service has the name, or one that was robbed of its labels; UnavailableError while
 *   a former one is being removed; errors of the Kubernetes API
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
        const found = mayBeThere ? await find().catch(() => 'unknown' as const) : undefined;
        if (found === 'unknown') throw error;
        if (found?.ownerUid === owner.uid && found.deletedAt === undefined) return found;
        throw alreadyExists(error) ? nameTaken(found, error) : error;
      }
    }
  }

  async function find(): Promise<ServiceRecord | undefined> {
    const { containerId, incarnation } = owner;
    const services = await api.listAll('services', oneIncarnation(containerId, incarnation), { until });
    return services.map(projectService).find((record) => record?.name === service.metadata?.name);
  }

  /** @param taker - absent where what has the name does not carry the labels */
  function nameTaken(taker: ServiceRecord | undefined, cause: unknown): ContainerError {
    const { containerId: id } = owner;
    if (taker?.deletedAt !== undefined) {
      const message = `The former Service of the container ${id} is still being removed.`;
      return new UnavailableError(message, undefined, { cause });
    }
    const message = `There is a Service named ${service.metadata!.name!} that is not known as one of the container ${id}.`;
    return new ConflictError(message, { cause });
  }
}
