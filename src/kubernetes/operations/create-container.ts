/** Creates a container: its Deployment, then its Service, and the Deployment goes again where that fails. */
import type { Container, ContainerSpec } from '../../containers/container.ts';
import { ConflictError, UnavailableError } from '../../containers/errors.ts';
import { KubernetesApiError, alreadyExists, isKubernetesError } from '../api/api-error.ts';
import type { KubernetesError } from '../api/api-error.ts';
import { buildContainer } from '../objects/build-container.ts';
import { buildDeployment } from '../objects/build-deployment.ts';
import type { ContainerIdentity } from '../objects/build-deployment.ts';
import type { ClusterContext } from './cluster-context.ts';
import { deleteSurely } from '../api/delete-surely.ts';
import { ensureService } from './ensure-service.ts';
import { oneIncarnation } from '../objects/labels.ts';
import { lookUpDeployments } from './look-up.ts';
import { currentDeployments } from '../objects/match-objects.ts';
import { deploymentName, randomIncarnation } from '../objects/names.ts';
import { projectDeployment } from '../objects/project-deployment.ts';
import type { DeploymentRecord } from '../objects/records.ts';

/** When to try again with an id whose former container still has to go, in seconds. */
const removalRetryAfterSeconds = 5;
/** The API server says it when its storage took too long, and may have written all the same. */
const gatewayTimeout = 504;

/**
 * Refuses an id that a container has. Two creates may both pass: the API server decides between them by the name. This
 * finds those that the reference provider made under names of its own, and spares a call.
 *
 * @throws ConflictError; UnavailableError while the former container is being removed; errors of the Kubernetes API
 */
export async function refuseTakenId(context: ClusterContext, id: string, signal: AbortSignal): Promise<void> {
  const { caches } = context;
  const deployments = caches.isLive
    ? caches.index.objects(id).deployments
    : await lookUpDeployments(context, id, { signal });
  refuseAny(id, deployments);
}

function refuseAny(id: string, deployments: readonly DeploymentRecord[]): void {
  if (currentDeployments({ deployments }).length > 0) throw new ConflictError(`There is already a container ${id}.`);
  if (deployments.length > 0) {
    throw new UnavailableError(`The former container ${id} is still being removed.`, removalRetryAfterSeconds);
  }
}

/**
 * Writes to the cluster, within a deadline of its own: nobody has to wait for it.
 *
 * @throws ConflictError; UnavailableError; errors of the Kubernetes API
 */
export async function createContainer(context: ClusterContext, id: string, spec: ContainerSpec): Promise<Container> {
  const { namespace, bounds, caches } = context;
  const until = Date.now() + bounds.writeMs;
  const identity: ContainerIdentity = { id, incarnation: randomIncarnation(), namespace };
  const deployment = await createDeployment(context, identity, spec, until);
  const service = await ensureService(context, { identity, spec, owner: deployment }, until).catch(rollBack);
  caches.write('deployments', deployment);
  const objects = { deployments: [deployment], services: service ? [service] : [], pods: [] };
  return buildContainer(objects, { namespace, now: Date.now() })!.container;

  async function rollBack(error: unknown): Promise<never> {
    await removeDeployment(context, deployment);
    throw error;
  }
}

async function createDeployment(
  context: ClusterContext,
  identity: ContainerIdentity,
  spec: ContainerSpec,
  until: number,
): Promise<DeploymentRecord> {
  const deployment = buildDeployment(identity, spec);
  for (let attempt = 1; ; attempt++) {
    try {
      return projectDeployment(await context.api.create('deployments', deployment, { until }))!;
    } catch (error) {
      if (!isKubernetesError(error)) throw error;
      if (error.outcomeUnknown) return await findCreated(context, identity, error);
      if (!alreadyExists(error)) throw error;
      await explainTakenName(context, identity.id, until);
      if (attempt > 1) throw new ConflictError(nameTakenByStranger(identity.id), { cause: error });
    }
  }
}

function nameTakenByStranger(id: string): string {
  return `There is a Deployment named ${deploymentName(id)} that is not a container of DCM.`;
}

/**
 * Says why the Deployment's name is taken. Returns when nothing is found that bears our labels: the one that was in the
 * way has gone, or is a stranger's.
 */
async function explainTakenName(context: ClusterContext, id: string, until: number): Promise<void> {
  const { caches } = context;
  if (caches.isLive) refuseAny(id, currentDeployments(caches.index.objects(id)));
  refuseAny(id, await lookUpDeployments(context, id, { until }));
}

/**
 * The Deployment of a create whose answer was lost, where the cluster has it. Where it has not, it may still come: then
 * its client learns of it by reading, and repair gives it its Service.
 */
async function findCreated(
  { api, bounds, log, repairSoon }: ClusterContext,
  { id, incarnation }: ContainerIdentity,
  lost: KubernetesError,
): Promise<DeploymentRecord> {
  repairSoon();
  const until = Date.now() + bounds.rollBackMs;
  const found = await api.listAll('deployments', oneIncarnation(id, incarnation), { until }).catch((err: unknown) => {
    log.warn({ err, containerId: id }, 'the outcome of a create is not known');
    return undefined;
  });
  if (found?.[0]) return projectDeployment(found[0])!;
  const refused = found !== undefined && lost instanceof KubernetesApiError && lost.status !== gatewayTimeout;
  if (refused) throw lost;
  const message = `It is not known whether the container ${id} was created. Read it before trying again.`;
  throw new UnavailableError(message, removalRetryAfterSeconds, { cause: lost });
}

async function removeDeployment(
  { api, caches, bounds, log, repairSoon }: ClusterContext,
  deployment: DeploymentRecord,
) {
  const { name, uid, containerId } = deployment;
  try {
    await deleteSurely(api, { resource: 'deployments', name, uid }, Date.now() + bounds.rollBackMs);
    caches.hide('deployments', uid);
  } catch (err) {
    repairSoon();
    log.error({ err, containerId }, 'a container that could not be completed could not be removed either');
  }
}
