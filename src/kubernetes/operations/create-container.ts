/**
 * Creates a container: its Deployment, then its Services; where one of those fails, all is removed again. Or has the cluster
 * check what that would make, and makes nothing.
 */
import type { Container, ContainerSpec } from '../../containers/container.ts';
import type { IdempotencyRecord } from '../../containers/idempotency.ts';
import { ConflictError, TakenElsewhereError, UnavailableError } from '../../containers/errors.ts';
import { momentOf } from '../../clock.ts';
import { KubernetesApiError, alreadyExists, isKubernetesError } from '../api/api-error.ts';
import type { KubernetesError } from '../api/api-error.ts';
import type { CallLimits } from '../api/client.ts';
import type { Deployment } from '../api/resources.ts';
import { currentDeployments, podsOf, viewObjects } from '../objects/container.ts';
import { buildDeployment, projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { deploymentName, oneIncarnation, randomIncarnation, specAnnotation } from '../objects/identity.ts';
import type { ContainerIdentity } from '../objects/identity.ts';
import { buildServices, mixesPorts } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import { keptSpec } from '../objects/spec.ts';
import type { ClusterContext } from './cluster-context.ts';
import { deleteObjects } from './delete-container.ts';
import { ensureService } from './ensure-service.ts';
import { lookUpDeployments } from './look-up.ts';
import type { FoundDeployment } from './look-up.ts';
import { isNewer } from '../../containers/resource-version.ts';

/** The API server says it when its storage took too long, and may have written all the same. */
const gatewayTimeout = 504;

/**
 * Refuses an id that a container of the reference provider has: their names are not ours, so that the API server does not
 * refuse it. Memory alone refuses nothing, for its watch may have missed that they are gone: a look at the cluster
 * confirms it. Of names that we chose the API server decides.
 *
 * @throws ConflictError; UnavailableError while the former container is being removed; errors of the Kubernetes API
 */
export async function refuseTakenId(context: ClusterContext, id: string, signal: AbortSignal): Promise<void> {
  const { caches } = context;
  const remembered = caches.index.objects(id).deployments;
  if (caches.isLive && remembered.every(({ name }) => name === deploymentName(id))) return;
  const deployments = await lookUpDeployments(context, id, { signal });
  refuseAny(id, deployments);
  for (const gone of remembered) caches.hide('deployments', gone.uid, gone);
}

function refuseAny(id: string, deployments: readonly FoundDeployment[]): void {
  if (deployments.some(({ deletedAt, otherProvider }) => deletedAt === undefined && otherProvider !== undefined)) {
    throw new TakenElsewhereError(`There is already a container ${id}, of another provider.`);
  }
  if (currentDeployments({ deployments }).length > 0) throw new ConflictError(`There is already a container ${id}.`);
  if (deployments.length > 0) {
    throw new UnavailableError(`The former container ${id} is still being removed.`);
  }
}

interface NewContainer {
  id: string;
  spec: ContainerSpec;
  /** Kept with the container; absent where the request has no key. */
  idempotency?: IdempotencyRecord;
}

/**
 * Writes to the cluster, within a deadline of its own: nobody has to wait for it.
 *
 * @throws ConflictError; UnavailableError; errors of the Kubernetes API
 */
export async function createContainer(context: ClusterContext, request: NewContainer): Promise<Container> {
  const { bounds, caches } = context;
  const until = performance.now() + bounds.writeMs;
  const { identity, manifest, servicesOf } = plan(context, request);
  const made = await createDeployment(context, identity, manifest, until);
  const isAsSent = made.spec === manifest.metadata?.annotations?.[specAnnotation];
  const deployment = isAsSent ? { ...made, writtenSpec: keptSpec(request.spec) } : made;
  const services: ServiceRecord[] = [];
  try {
    for (const service of servicesOf(deployment)) {
      services.push(await ensureService(context, service, deployment, until));
    }
  } catch (error) {
    await rollBack(context, deployment, services);
    throw error;
  }
  forgetFormer(context, deployment);
  caches.write('deployments', deployment);
  return rememberedAs(context, deployment) ?? newContainer(context, deployment, services);
}

/** What is to be made: the Deployment, and the Services once that is there. */
function plan(
  { namespace, view, externalServiceType, isolateInternalPorts, progressDeadlineSeconds }: ClusterContext,
  { id, spec, idempotency }: NewContainer,
) {
  const isolated = isolateInternalPorts && mixesPorts(spec);
  const identity: ContainerIdentity = { id, incarnation: randomIncarnation(), namespace };
  const provider = view.providerNames?.[0];
  return {
    identity,
    manifest: buildDeployment(identity, spec, { idempotency, isolated, progressDeadlineSeconds, provider }),
    servicesOf: (owner: DeploymentRecord) => buildServices(identity, spec, owner, { externalServiceType, isolated }),
  };
}

function newContainer(
  { view, clock }: ClusterContext,
  deployment: DeploymentRecord,
  services: readonly ServiceRecord[],
): Container {
  const objects = { deployments: [deployment], services, pods: [] };
  return viewObjects(objects, { ...view, moment: momentOf(clock) })!.container;
}

/** The container that reads give from now on; absent where a watch was faster and has told of more than was made. */
function rememberedAs({ caches }: ClusterContext, deployment: DeploymentRecord): Container | undefined {
  const objects = caches.index.objects(deployment.containerId);
  const [current, ...others] = currentDeployments(objects);
  const isAsMade = current === deployment && others.length === 0 && podsOf(deployment, objects).length === 0;
  return isAsMade ? caches.index.container(deployment.containerId) : undefined;
}

/** Names are unique: what memory still has of this one has gone. */
function forgetFormer({ caches }: ClusterContext, { containerId, name, uid, resourceVersion }: DeploymentRecord): void {
  for (const former of caches.index.objects(containerId).deployments) {
    const isFormer = former.name === name && former.uid !== uid && isNewer(resourceVersion, former.resourceVersion);
    if (isFormer) caches.hide('deployments', former.uid, former);
  }
}

async function createDeployment(
  context: ClusterContext,
  identity: ContainerIdentity,
  deployment: Deployment,
  until: number,
): Promise<DeploymentRecord> {
  for (let attempt = 1; ; attempt++) {
    try {
      return projectDeployment(await context.api.create('deployments', deployment, { until }))!;
    } catch (error) {
      if (!isKubernetesError(error)) throw error;
      if (error.outcomeUnknown) return await findCreated(context, identity, error);
      if (!alreadyExists(error)) throw error;
      await explainTakenName(context, identity.id, { until });
      if (attempt > 1) throw nameTakenByStranger(identity.id, error);
    }
  }
}

function nameTakenByStranger(id: string, cause: unknown): ConflictError {
  const message = `There is a Deployment named ${deploymentName(id)} that is not a container of DCM.`;
  return new ConflictError(message, { cause });
}

/**
 * Says why the Deployment's name is taken. Returns when nothing is found that bears our labels: the one that was in the
 * way has gone, or is a stranger's.
 */
async function explainTakenName(context: ClusterContext, id: string, limits: CallLimits): Promise<void> {
  refuseAny(id, await lookUpDeployments(context, id, limits));
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
  repairSoon(id);
  const until = performance.now() + bounds.rollBackMs;
  const found = await api.listAll('deployments', oneIncarnation(id, incarnation), { until }).catch((err: unknown) => {
    log.warn({ err, containerId: id }, 'the outcome of a create is not known');
    return undefined;
  });
  if (found?.[0]) return projectDeployment(found[0])!;
  const refused = found !== undefined && lost instanceof KubernetesApiError && lost.status !== gatewayTimeout;
  if (refused) throw lost;
  const message = `It is not known whether the container ${id} was created. Read it before trying again.`;
  throw new UnavailableError(message, undefined, { cause: lost });
}

async function rollBack(context: ClusterContext, deployment: DeploymentRecord, services: readonly ServiceRecord[]) {
  const { bounds, log, repairSoon } = context;
  const { containerId } = deployment;
  try {
    await deleteObjects(context, deployment, services, performance.now() + bounds.rollBackMs);
  } catch (err) {
    repairSoon(containerId);
    log.error({ err, containerId }, 'a container that could not be completed could not be removed either');
  }
}

/**
 * The container as it would be, without its Services, which have no addresses before they are made. The admission of
 * Deployment and Services is asked, that of Pods is not.
 *
 * @throws what a create throws
 */
export async function validateContainer(
  context: ClusterContext,
  request: Pick<NewContainer, 'id' | 'spec'>,
  signal: AbortSignal,
): Promise<Container> {
  const { api } = context;
  const { id } = request;
  await refuseTakenId(context, id, signal);
  const { manifest, servicesOf } = plan(context, request);
  const deployment = await tryDeployment();
  for (const service of servicesOf(deployment)) await api.create('services', service, { signal }, { dryRun: true });
  return newContainer(context, deployment, []);

  async function tryDeployment(): Promise<DeploymentRecord> {
    try {
      const { metadata, ...rest } = await api.create('deployments', manifest, { signal }, { dryRun: true });
      // What is not stored has no version.
      return projectDeployment({ ...rest, metadata: { resourceVersion: '0', ...metadata } })!;
    } catch (error) {
      if (!alreadyExists(error)) throw error;
      await explainTakenName(context, id, { signal });
      throw nameTakenByStranger(id, error);
    }
  }
}
