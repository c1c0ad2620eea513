/** Makes the Services of a container that is there already what its ports ask for. */
import { backoffMs } from '../../backoff.ts';
import type { ContainerSpec } from '../../containers/container.ts';
import { isReservedLabel } from '../../containers/rules.ts';
import { sleep } from '../../time.ts';
import { KubernetesApiError, hasStatus, isConflict, isKubernetesError, retryAfterMs } from '../api/api-error.ts';
import { deleteWithRetry } from './delete-container.ts';
import type { Service } from '../api/resources.ts';
import { currentDeployments, reachingServices, servicesOf, specOf } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { deploymentName, externalServiceName, oneContainer, serviceName } from '../objects/identity.ts';
import { buildServices, projectService, serviceNames } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import { withoutHints } from '../objects/update.ts';
import type { ClusterContext } from './cluster-context.ts';
import { isPolicyRefusal, isRangeUsedUp } from '../translate-error.ts';
import { ensureService } from './ensure-service.ts';
import { lookUpDeployments } from './look-up.ts';

type Objects = Pick<ContainerObjects, 'deployments' | 'services'>;

/** Between attempts, where the API server does not say when to come back. */
const backoff = { firstMs: 50, maxMs: 1_000 };
/** How often it is looked anew at what another one has changed meanwhile. */
const maxAttempts = 5;

/** How the Services differ from those that the Deployment asks for. */
export interface ServiceDifferences {
  /** Indexes, among the Services that are asked for, of those that are not there. */
  missing: number[];
  /** Those that are there, and are not yet as the last update wants them. */
  outdated: { index: number; record: ServiceRecord }[];
  /** Those that an update has done without. */
  unwanted: ServiceRecord[];
}

/**
 * What is asked for goes by the records on the Deployment, not by what is configured. Of containers of the reference provider
 * it is not known, before an update has said it.
 */
export function serviceDifferences(deployment: DeploymentRecord, objects: Objects): ServiceDifferences {
  const { containerId: id, incarnation, name, isolated = false, spec, serviceRevision } = deployment;
  const none = { missing: [], outdated: [], unwanted: [] };
  const isOurs = incarnation !== undefined && name === deploymentName(id);
  if (typeof spec !== 'string' || (!isOurs && serviceRevision === undefined)) return none;
  const { inner, outer } = reachingServices(deployment, objects);
  const isUntouched = serviceRevision === undefined;
  if (isUntouched && inner !== undefined && (outer !== undefined || !isolated)) return none;
  const indexes = [...serviceNames({ id, incarnation }, deployment.ports ?? [], isolated).keys()];
  const there = indexes.map((index) => [inner, outer][index]);
  const names = [serviceName(id, incarnation), externalServiceName(id, incarnation)];
  const isUnwanted = (record: ServiceRecord) =>
    !there.includes(record) && (incarnation === undefined || names.includes(record.name));
  return {
    missing: indexes.filter((index) => there[index] === undefined),
    outdated: indexes.flatMap((index) => {
      const record = there[index];
      return record === undefined || record.revision === serviceRevision ? [] : [{ index, record }];
    }),
    unwanted: isUntouched ? [] : servicesOf(deployment, objects).filter(isUnwanted),
  };
}

/** Whether the Services are those that the Deployment asks for. */
export function isComplete(deployment: DeploymentRecord, objects: Objects): boolean {
  const { missing, outdated, unwanted } = serviceDifferences(deployment, objects);
  return missing.length + outdated.length + unwanted.length === 0;
}

export interface FollowOptions {
  /** When the attempts end, by `performance.now()`. */
  until: number;
  /** The Services as memory has them, where they were as the spec before asked. Absent: the cluster is asked. */
  known?: { services: readonly ServiceRecord[]; before: ContainerSpec };
  /** Everything is checked, and nothing is changed. */
  dryRun?: boolean;
}

/** What the Services are looked at with. */
interface Sight {
  deployment: DeploymentRecord;
  services: readonly ServiceRecord[];
  /** Keys of the client's labels that a Service may have; of its annotations, as far as they are known. */
  formerKeys: (record: ServiceRecord) => { labels: readonly string[]; annotations: readonly string[] };
}

/**
 * Makes, changes and removes Services until they are what the newest Deployment asks for, whoever changes it meanwhile: each
 * is changed in the version that was seen alone. One that is changed keeps its name, its address and, where ports stay, its
 * node ports.
 *
 * @returns the Services by then; those that a dry run would make have no addresses, and are left out
 * @throws what `ensureService` throws
 */
export async function followPorts(
  context: ClusterContext,
  deployment: DeploymentRecord,
  { until, known, dryRun = false }: FollowOptions,
): Promise<readonly ServiceRecord[]> {
  let sight = known && sightOf(deployment, known);
  for (let attempt = 1; ; attempt++) {
    sight ??= await lookAt(context, deployment, until);
    // Gone, or another one by now: what belonged to this one goes with it.
    if (sight === undefined) return [];
    try {
      return await applyDifferences(context, sight, { until, dryRun });
    } catch (error) {
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      if (!mayHelpToLookAgain(error) || attempt === maxAttempts || performance.now() + delayMs >= until) throw error;
      await sleep(delayMs);
      sight = undefined;
    }
  }
}

function sightOf(deployment: DeploymentRecord, { services, before }: NonNullable<FollowOptions['known']>): Sight {
  const labels = Object.keys(before.metadata.labels ?? {});
  const annotations = Object.keys(before.provider_hints?.kubernetes?.service_annotations ?? {});
  return { deployment, services, formerKeys: () => ({ labels, annotations }) };
}

/** What is to be known of the container anew; absent where the Deployment is no longer there. */
async function lookAt(context: ClusterContext, { containerId, uid }: DeploymentRecord, until: number) {
  const [deployment] = currentDeployments({ deployments: await lookUpDeployments(context, containerId, { until }) });
  if (deployment?.uid !== uid) return undefined;
  const live = await context.api.listAll('services', oneContainer(containerId), { until });
  const labelsOf = new Map(live.map(({ metadata }) => [metadata?.uid, Object.keys(metadata?.labels ?? {})]));
  return {
    deployment,
    services: live.flatMap((service) => projectService(service) ?? []),
    // Whose annotations those are that it has, nothing tells: clouds have theirs there.
    formerKeys: (record: ServiceRecord) => ({
      labels: labelsOf.get(record.uid)!.filter((key) => !isReservedLabel(key)),
      annotations: [],
    }),
  } satisfies Sight;
}

/** Another one has changed, made or removed a Service meanwhile. */
class ServiceChangedError extends Error {
  override readonly name = 'ServiceChangedError';
}

function mayHelpToLookAgain(error: unknown): boolean {
  if (error instanceof ServiceChangedError || isConflict(error)) return true;
  if (hasStatus(error, 404) || hasStatus(error, 429)) return true;
  // Webhooks, and ranges that are used up, refuse with statuses of the server's own errors.
  const isRefusal = error instanceof KubernetesApiError && (isPolicyRefusal(error) || isRangeUsedUp(error));
  return isKubernetesError(error) && error.outcomeUnknown && !isRefusal;
}

async function applyDifferences(
  context: ClusterContext,
  { deployment, services, formerKeys }: Sight,
  { until, dryRun }: Required<Pick<FollowOptions, 'until' | 'dryRun'>>,
): Promise<readonly ServiceRecord[]> {
  const { api, caches, namespace, externalServiceType } = context;
  const { containerId: id, incarnation, isolated = false, serviceRevision } = deployment;
  const { missing, outdated, unwanted } = serviceDifferences(deployment, { deployments: [deployment], services });
  const spec = deployment.hintsApplied ? specOf(deployment) : withoutHints(specOf(deployment));
  const identity = { id, incarnation, namespace };
  const wanted = buildServices(identity, spec, deployment, { externalServiceType, isolated, serviceRevision });
  const results = await Promise.allSettled([
    ...missing.map((index) => make(wanted[index]!)),
    ...outdated.map(({ index, record }) => change(wanted[index]!, record)),
    ...unwanted.map(remove),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const changed = results.flatMap((result) => (result.status === 'fulfilled' && result.value) || []);
  const gone = new Set([...changed, ...unwanted].map(({ uid }) => uid));
  return [...services.filter(({ uid }) => !gone.has(uid)), ...changed];

  async function make(service: Service): Promise<ServiceRecord | undefined> {
    if (dryRun) {
      await api.create('services', service, { until }, { dryRun });
      return undefined;
    }
    const record = await ensureService(context, service, deployment, until);
    if (record.revision !== serviceRevision) throw new ServiceChangedError('another one has made the Service');
    return record;
  }

  async function change(service: Service, record: ServiceRecord): Promise<ServiceRecord | undefined> {
    const answer = await api.patch('services', record.name, servicePatch(service, record), { until }, { dryRun });
    const changed = projectService(answer);
    if (changed && !dryRun) caches.write('services', changed);
    return changed;
  }

  function servicePatch({ metadata, spec: { type, ports } = {} }: Service, record: ServiceRecord): object {
    const former = formerKeys(record);
    return {
      metadata: {
        resourceVersion: record.resourceVersion,
        labels: { ...nulls(former.labels), ...metadata!.labels },
        annotations: { ...nulls(former.annotations), ...metadata!.annotations },
      },
      spec: { type, ports },
    };
  }

  async function remove({ name, uid, resourceVersion }: ServiceRecord): Promise<undefined> {
    if (dryRun) return;
    const outcome = await deleteWithRetry(api, { resource: 'services', name, uid, resourceVersion }, until);
    if (outcome === 'replaced') throw new ServiceChangedError('another one has changed the Service');
    caches.hide('services', uid);
  }
}

function nulls(keys: readonly string[]): Record<string, null> {
  return Object.fromEntries(keys.map((key) => [key, null]));
}
