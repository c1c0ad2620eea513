/** Gives containers the Service that their ports ask for, where whoever created them died or was cut off before it did. */
import { setImmediate } from 'node:timers/promises';
import { UnavailableError } from '../../containers/errors.ts';
import { isKubernetesError } from '../api/api-error.ts';
import { reachablePorts } from '../objects/build-service.ts';
import { specOf } from '../objects/build-container.ts';
import type { ClusterContext } from './cluster-context.ts';
import { ensureService } from './ensure-service.ts';
import { lookUpObjects } from './look-up.ts';
import { currentDeployments, serviceOf } from '../objects/match-objects.ts';
import { deploymentName } from '../objects/names.ts';
import type { DeploymentRecord } from '../objects/records.ts';
import { translateError } from '../api/translate-error.ts';

/** How many containers are looked at before others have a turn: some milliseconds, since their specs are parsed. */
const containersPerTurn = 500;

/** What a repair left for later. */
export interface RepairResult {
  /** When the youngest Deployment without its Service is old enough, in milliseconds since the epoch; absent: all is well. */
  lookAgainAt?: number;
}

/**
 * Looks at every container that memory knows, and asks the cluster itself before it makes anything. Younger Deployments
 * are left alone: their creation may still be going on, here or in another replica.
 *
 * @param minAgeMs - longer than any create can last
 */
export async function repairServices(
  context: ClusterContext,
  minAgeMs: number,
  signal: AbortSignal,
): Promise<RepairResult> {
  let lookAgainAt: number | undefined;
  for (const deployment of await incompleteDeployments(context)) {
    if (signal.aborted) break;
    const oldEnoughAt = deployment.createdAt + minAgeMs;
    if (oldEnoughAt > Date.now()) {
      lookAgainAt = Math.max(lookAgainAt ?? 0, oldEnoughAt);
      continue;
    }
    const error = await repairService(context, deployment, signal).catch((reason: unknown) => reason);
    if (isKubernetesError(error)) {
      const { namespace, log } = context;
      const err = translateError(error, { namespace, log });
      log.warn({ err, containerId: deployment.containerId }, 'a missing Service could not be made');
      if (err instanceof UnavailableError) break;
    }
  }
  return { ...(lookAgainAt !== undefined && { lookAgainAt }) };
}

/**
 * Ours alone: of others it is not known what their ports are to be. The ids are those of the first turn; what became of
 * their objects by a later one is seen.
 */
async function incompleteDeployments({ caches: { index } }: ClusterContext): Promise<DeploymentRecord[]> {
  const incomplete: DeploymentRecord[] = [];
  for (const [position, id] of [...index.ids].entries()) {
    if (position > 0 && position % containersPerTurn === 0) await setImmediate();
    const objects = index.objects(id);
    const [deployment, ...others] = currentDeployments(objects);
    if (deployment && others.length === 0 && lacksService(deployment, objects)) incomplete.push(deployment);
  }
  return incomplete;
}

function lacksService(deployment: DeploymentRecord, objects: Parameters<typeof serviceOf>[1]): boolean {
  const isOurs = deployment.incarnation !== undefined && deployment.name === deploymentName(deployment.containerId);
  if (!isOurs || typeof deployment.spec !== 'string' || serviceOf(deployment, objects)) return false;
  return reachablePorts(specOf(deployment, undefined)).length > 0;
}

async function repairService(
  context: ClusterContext,
  deployment: DeploymentRecord,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, bounds, log } = context;
  const { containerId: id, incarnation = '', uid, name } = deployment;
  const objects = await lookUpObjects(context, id, { signal });
  const [current, ...others] = currentDeployments(objects);
  if (current?.uid !== uid || others.length > 0 || !lacksService(current, objects)) return;
  const request = { identity: { id, incarnation, namespace }, spec: specOf(current, undefined), owner: { name, uid } };
  await ensureService(context, request, Date.now() + bounds.writeMs);
  log.info({ containerId: id }, 'a missing Service was made');
}
