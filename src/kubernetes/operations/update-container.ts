/** Changes the spec of a container: its Deployment, in one write, then its Services, which follow the ports. */
import { isDeepStrictEqual } from 'node:util';
import { backoffMs } from '../../backoff.ts';
import type { Container, ContainerSpec } from '../../containers/container.ts';
import { entityTagOf } from '../../containers/entity-tag.ts';
import { PreconditionFailedError, UnavailableError } from '../../containers/errors.ts';
import { mergePatchBetween, isSameSpec } from '../../containers/update.ts';
import type { UpdateRequest } from '../../containers/repository.ts';
import { sleep } from '../../time.ts';
import { hasStatus, isConflict, isKubernetesError, retryAfterMs } from '../api/api-error.ts';
import type { Deployment } from '../api/resources.ts';
import { reachingServices, specOf } from '../objects/container.ts';
import { projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { oneContainer, randomIncarnation, specAnnotation } from '../objects/identity.ts';
import { buildServices, mixesPorts, projectService } from '../objects/service.ts';
import type { ServiceRecord } from '../objects/service.ts';
import { actedUpon, updateDeployment } from '../objects/update.ts';
import type { ClusterContext } from './cluster-context.ts';
import { followPorts, isComplete } from './follow-ports.ts';
import { lookUpWhole } from './look-up.ts';

/** How often an update is tried whose container changes meanwhile. */
const maxAttempts = 12;
const backoff = { firstMs: 10, maxMs: 500 };

/** A container as the cluster has it. */
interface Current {
  live: Deployment;
  record: DeploymentRecord;
  services: readonly ServiceRecord[];
  spec: ContainerSpec;
}

/**
 * Writes within a deadline of its own: once the first write is on its way, nobody has to wait for it. Where the Services cannot
 * follow, the Deployment gets back what it had.
 *
 * @param signal - ends it as long as nothing was written
 * @throws what `change` throws; NotFoundError; ConflictError where two Deployments carry the id; PreconditionFailedError;
 *   UnavailableError; errors of the Kubernetes API
 */
export async function updateContainer(
  context: ClusterContext,
  { id, change, isFor, validateOnly = false }: UpdateRequest,
  signal: AbortSignal,
): Promise<Container> {
  const until = performance.now() + context.bounds.writeMs;
  const written = await writeSpec(context, id, { until, signal, dryRun: validateOnly }, (current, isRepeated) => {
    if (!isRepeated && isFor?.(entityTagOf(view(context, current))) === false) {
      throw new PreconditionFailedError(
        `The container ${id} has changed: it no longer has the entity tag of If-Match.`,
      );
    }
    const { metadata, ...rest } = current.spec;
    const spec = { ...rest, metadata: { ...metadata, namespace: context.namespace } };
    return change({ spec, hintsApply: current.record.hintsApplied === true });
  });
  const { before, current } = written;
  let services = current.services;
  try {
    services = await bringServices(context, written, { until, dryRun: validateOnly });
  } catch (error) {
    if (!validateOnly && before !== undefined) await takeBack(context, id, { record: current.record, before });
    throw error;
  }
  if (validateOnly) return view(context, { ...current, services });
  const { caches } = context;
  return (caches.isLive && caches.index.container(id)) || view(context, { ...current, services });
}

interface WriteLimits {
  until: number;
  signal?: AbortSignal;
  dryRun?: boolean;
}

/** What was written. */
interface Written {
  /** With the Deployment as it is by now. */
  current: Current;
  /** The spec that it had; absent where nothing was written. */
  before?: ContainerSpec;
  /** Whether the Services were then what it asked for. */
  wasComplete: boolean;
}

/**
 * Writes the spec that `decide` gives, in the version that it was shown, again and again until nobody came first.
 *
 * @param decide - is told whether the container may have it already, from an attempt whose answer was lost
 */
async function writeSpec(
  context: ClusterContext,
  id: string,
  { until, signal, dryRun = false }: WriteLimits,
  decide: (current: Current, isRepeated: boolean) => ContainerSpec,
): Promise<Written> {
  const { api, caches } = context;
  let sent: string | undefined;
  for (let attempt = 1; ; attempt++) {
    const current = await lookAt(context, id, { until, ...(signal && sent === undefined && { signal }) });
    const { live, record, services, spec } = current;
    const wasComplete = isComplete(record, { deployments: [record], services });
    const after = decide(current, sent !== undefined && record.spec === sent);
    if (isSameSpec(spec, after)) return { current, wasComplete };
    const updated = planUpdate(context, current, after);
    const patch = mergePatchBetween(live, updated) as { metadata: object };
    patch.metadata = { ...patch.metadata, resourceVersion: record.resourceVersion };
    if (sent === undefined) signal?.throwIfAborted();
    try {
      const answer = await api.patch('deployments', record.name, patch, { until }, { dryRun });
      const after = projectDeployment(answer)!;
      if (!dryRun) caches.write('deployments', after);
      return { current: { ...current, live: answer, record: after }, before: spec, wasComplete };
    } catch (error) {
      const isLost = isKubernetesError(error) && error.outcomeUnknown;
      if (isLost) sent = updated.metadata!.annotations![specAnnotation];
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      const mayHelp = isLost || isConflict(error) || hasStatus(error, 404) || hasStatus(error, 429);
      if (!mayHelp || performance.now() + delayMs >= until) throw error;
      if (attempt === maxAttempts) {
        if (!isConflict(error)) throw error;
        throw new UnavailableError(`The container ${id} is being changed again and again.`, 1, { cause: error });
      }
      await sleep(delayMs);
    }
  }
}

/** One call, or two where memory is too old to tell of the Services. */
async function lookAt(context: ClusterContext, id: string, limits: WriteLimits): Promise<Current> {
  const { api, caches } = context;
  const [{ live, record }, services] = await Promise.all([
    lookUpWhole(context, id, limits),
    caches.isLive
      ? caches.index.objects(id).services
      : api
          .listAll('services', oneContainer(id), limits)
          .then((all) => all.flatMap((each) => projectService(each) ?? [])),
  ]);
  return {
    live,
    record,
    services,
    spec: specOf(record, reachingServices(record, { deployments: [record], services })),
  };
}

function view({ caches }: ClusterContext, { record, services }: Current): Container {
  const { pods } = caches.index.objects(record.containerId);
  return caches.index.containerOf(record.containerId, { deployments: [record], services, pods })!;
}

function planUpdate(
  { namespace, externalServiceType, isolateInternalPorts }: ClusterContext,
  { live, record, spec: before }: Current,
  after: ContainerSpec,
): Deployment {
  const { containerId: id, incarnation, isolated: wasIsolated = false } = record;
  const identity = { id, incarnation, namespace };
  const becomesMixed = mixesPorts(after) && !mixesPorts(before);
  const isolated = wasIsolated || (isolateInternalPorts && incarnation !== undefined && becomesMixed);
  const acted = actedUpon({ before, after }, record.hintsApplied === true);
  const services = (spec: ContainerSpec, isolated: boolean) =>
    buildServices(identity, spec, record, { externalServiceType, isolated });
  const isSame = isDeepStrictEqual(services(acted.before, wasIsolated), services(acted.after, isolated));
  const serviceRevision = isSame ? undefined : randomIncarnation();
  return updateDeployment(live, identity, { before, after }, { isolated, serviceRevision });
}

/** The Services that the container has then; no call where none is to change. */
async function bringServices(
  context: ClusterContext,
  { current: { record, services }, before, wasComplete }: Written,
  { until, dryRun }: { until: number; dryRun: boolean },
): Promise<readonly ServiceRecord[]> {
  if (isComplete(record, { deployments: [record], services })) return services;
  const known = before !== undefined && wasComplete && { known: { services, before } };
  return await followPorts(context, record, { until, dryRun, ...known });
}

/** Gives the container the spec back that it had, unless another update has changed it since. */
async function takeBack(
  context: ClusterContext,
  id: string,
  { record, before }: { record: DeploymentRecord; before: ContainerSpec },
): Promise<void> {
  const { bounds, log, repairSoon } = context;
  const until = performance.now() + bounds.rollBackMs;
  try {
    const back = await writeSpec(context, id, { until }, ({ record: { spec }, spec: current }) =>
      spec === record.spec ? before : current,
    );
    await bringServices(context, back, { until, dryRun: false });
  } catch (err) {
    repairSoon(id);
    log.error({ err, containerId: id }, 'an update that could not be completed could not be taken back either');
  }
}
