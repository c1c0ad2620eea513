/** Gives containers the Services that their ports ask for, where whoever created them died or was cut off before it did. */
import { setImmediate } from 'node:timers/promises';
import type { ContainerSpec } from '../../containers/container.ts';
import { KubernetesApiError, isKubernetesError } from '../api/api-error.ts';
import { currentDeployments, reachingServices, specOf } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { deploymentName } from '../objects/identity.ts';
import { buildServices, serviceNames } from '../objects/service.ts';
import type { ClusterContext } from './cluster-context.ts';
import { ensureService } from './ensure-service.ts';
import { lookUpObjects } from './look-up.ts';
import { isPolicyRefusal, isRangeUsedUp, translateError } from '../translate-error.ts';

/** How many containers are looked at before others have a turn: some milliseconds, since their specs are parsed. */
const containersPerTurn = 500;

/** What a repair left for later. */
export interface RepairResult {
  /** When the youngest Deployment that lacks a Service is old enough, in milliseconds since the epoch; absent: all is well. */
  lookAgainAt?: number;
}

/**
 * Looks at every container that memory knows, and asks the cluster itself before it makes anything. Younger Deployments
 * are left alone: their creation may still be going on, here or in another replica.
 *
 * @param minAgeMs - longer than any create can last
 * @param concerns - whether a container is this replica's to repair, asked again right before each
 */
export async function repairServices(
  context: ClusterContext,
  { minAgeMs, concerns }: { minAgeMs: number; concerns: (containerId: string) => boolean },
  signal: AbortSignal,
): Promise<RepairResult> {
  let lookAgainAt: number | undefined;
  for (const deployment of await incompleteDeployments(context)) {
    if (signal.aborted) break;
    if (!concerns(deployment.containerId)) continue;
    const oldEnoughAt = deployment.createdAt + minAgeMs;
    if (oldEnoughAt > Date.now()) {
      lookAgainAt = Math.max(lookAgainAt ?? 0, oldEnoughAt);
      continue;
    }
    try {
      await repairService(context, deployment, signal);
    } catch (error) {
      if (hasEnded(signal)) break;
      const { namespace, log } = context;
      const err = translateError(error, { namespace, log });
      log.warn({ err, containerId: deployment.containerId }, 'a missing Service could not be made');
      if (concernsAll(error)) break;
    }
  }
  return { ...(lookAgainAt !== undefined && { lookAgainAt }) };
}

/**
 * Whether the others will fail too: the cluster does not answer, or throttles. What it refuses to one it may give another;
 * webhooks refuse with any status.
 */
function concernsAll(error: unknown): boolean {
  if (!(error instanceof KubernetesApiError)) return isKubernetesError(error);
  return error.status === 429 || (error.status >= 500 && !isRangeUsedUp(error) && !isPolicyRefusal(error));
}

/**
 * Ours alone: of others it is not known what their ports are to be. The ids are those of the first turn; what became of
 * their objects by a later one is seen.
 */
async function incompleteDeployments({ caches: { index } }: ClusterContext): Promise<DeploymentRecord[]> {
  const incomplete: DeploymentRecord[] = [];
  for (const [position, id] of index.ids().entries()) {
    if (position > 0 && position % containersPerTurn === 0) await setImmediate();
    const objects = index.objects(id);
    const [deployment, ...others] = currentDeployments(objects);
    if (deployment && others.length === 0 && missingServices(deployment, objects).length > 0)
      incomplete.push(deployment);
  }
  return incomplete;
}

/** Read anew, since it may have been aborted while something was waited for. */
function hasEnded({ aborted }: AbortSignal): boolean {
  return aborted;
}

/**
 * The names of those Services that the ports ask for and that are not there; none of a container that is not ours. What is
 * asked for goes by the record on the Deployment, not by what is configured.
 */
export function missingServices(
  deployment: DeploymentRecord,
  objects: Pick<ContainerObjects, 'deployments' | 'services'>,
): string[] {
  const { containerId: id, incarnation, name, isolated = false, spec } = deployment;
  if (incarnation === undefined || name !== deploymentName(id) || typeof spec !== 'string') return [];
  const { inner, outer } = reachingServices(deployment, objects);
  if (inner !== undefined && (outer !== undefined || !isolated)) return [];
  const there = [inner?.name, outer?.name];
  return serviceNames({ id, incarnation }, specOf(deployment), isolated).filter((asked) => !there.includes(asked));
}

/**
 * Makes those Services of a container that are missing. Each is tried, whatever becomes of the other.
 *
 * @param names - of `missingServices`
 * @param until - when the attempts end, by `performance.now()`
 * @throws the first error of the Kubernetes API
 */
export async function completeServices(
  context: ClusterContext,
  deployment: DeploymentRecord,
  names: readonly string[],
  until: number,
): Promise<void> {
  const { namespace, externalServiceType } = context;
  const { containerId: id, incarnation = '', isolated = false } = deployment;
  const identity = { id, incarnation, namespace };
  const services = buildServices(identity, specToRepair(deployment), deployment, { externalServiceType, isolated });
  const missing = services.filter(({ metadata }) => names.includes(metadata!.name!));
  const results = await Promise.allSettled(
    missing.map((service) => ensureService(context, service, deployment, until)),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** The spec that missing Services are made of: hints that were not acted upon when the container was made stay without effect. */
function specToRepair(deployment: DeploymentRecord): ContainerSpec {
  const { provider_hints: hints, ...spec } = specOf(deployment);
  return deployment.hintsApplied && hints ? { ...spec, provider_hints: hints } : spec;
}

async function repairService(
  context: ClusterContext,
  deployment: DeploymentRecord,
  signal: AbortSignal,
): Promise<void> {
  const { bounds, log } = context;
  const { containerId: id, uid } = deployment;
  const objects = await lookUpObjects(context, id, { signal, until: performance.now() + bounds.writeMs });
  const [current, ...others] = currentDeployments(objects);
  if (current?.uid !== uid || others.length > 0) return;
  const names = missingServices(current, objects);
  if (names.length === 0) return;
  await completeServices(context, current, names, performance.now() + bounds.writeMs);
  log.info({ containerId: id }, 'a missing Service was made');
}
