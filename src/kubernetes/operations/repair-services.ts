/** Gives containers the Services that their ports ask for, where whoever wrote them died or was cut off before it did. */
import { setImmediate } from 'node:timers/promises';
import { KubernetesApiError, isKubernetesError } from '../api/api-error.ts';
import { currentDeployments } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import type { ClusterContext } from './cluster-context.ts';
import { followPorts, isComplete } from './follow-ports.ts';
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
      log.warn({ err, containerId: deployment.containerId }, 'Services could not be made what the ports ask for');
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
    if (deployment && others.length === 0 && !isComplete(deployment, objects)) incomplete.push(deployment);
  }
  return incomplete;
}

/** Read anew, since it may have been aborted while something was waited for. */
function hasEnded({ aborted }: AbortSignal): boolean {
  return aborted;
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
  if (isComplete(current, objects)) return;
  await followPorts(context, current, { until: performance.now() + bounds.writeMs });
  log.info({ containerId: id }, 'Services were made what the ports ask for');
}
