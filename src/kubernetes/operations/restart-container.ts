/** Replaces the Pods of a container by new ones, as `kubectl rollout restart` does. */
import type { Container } from '../../containers/container.ts';
import { NotFoundError } from '../../containers/errors.ts';
import { hasStatus } from '../api/api-error.ts';
import { projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { restartAnnotation } from '../objects/identity.ts';
import type { ClusterContext } from './cluster-context.ts';
import { cachedObjects, lookUpObjects, requireSingleDeployment } from './look-up.ts';

/**
 * One call, where memory knows the container; the write has a deadline of its own. Done twice it restarts twice.
 *
 * @throws NotFoundError; ConflictError where two Deployments carry the id; errors of the Kubernetes API; the signal's reason
 */
export async function restartContainer(context: ClusterContext, id: string, signal: AbortSignal): Promise<Container> {
  const { caches } = context;
  for (let known = cachedObjects(context, id); ; known = undefined) {
    const objects = known ?? (await lookUpObjects(context, id, { signal }));
    const deployment = requireSingleDeployment(id, objects);
    signal.throwIfAborted();
    try {
      const restarted = await writeRestart(context, deployment);
      return (
        (caches.isLive && caches.index.container(id)) ||
        caches.index.containerOf(id, { ...objects, deployments: [restarted] })!
      );
    } catch (error) {
      // Gone, or another one has its name: memory may not have heard of it.
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
      if (known === undefined) throw new NotFoundError(`There is no container ${id}.`, { cause: error });
    }
  }
}

async function writeRestart(
  { api, caches, bounds }: ClusterContext,
  { name, uid }: DeploymentRecord,
): Promise<DeploymentRecord> {
  const annotations = { [restartAnnotation]: new Date().toISOString() };
  const change = { metadata: { uid }, spec: { template: { metadata: { annotations } } } };
  const record = projectDeployment(
    await api.patch('deployments', name, change, { until: performance.now() + bounds.writeMs }),
  )!;
  caches.write('deployments', record);
  return record;
}
