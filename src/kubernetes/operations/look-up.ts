/** Finds the objects of one container: in memory, and in the cluster itself where memory does not know it or is too old. */
import { ConflictError, NotFoundError } from '../../containers/errors.ts';
import type { CallLimits } from '../api/client.ts';
import type { ClusterContext } from './cluster-context.ts';
import { currentDeployments } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import { projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { oneContainer, otherProvider } from '../objects/identity.ts';
import { momentOf, systemClock } from '../../clock.ts';
import { projectPod } from '../objects/pod.ts';
import type { PodRecord } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';

type Access = Pick<ClusterContext, 'api' | 'caches' | 'view'>;

export interface FoundDeployment extends DeploymentRecord {
  /** The name of the provider whose container it is; absent where it is ours. */
  otherProvider?: string;
}

/** One call: the Deployments that carry the id, of whichever provider, those that are being deleted too. */
export async function lookUpDeployments(access: Access, id: string, limits: CallLimits): Promise<FoundDeployment[]> {
  const { api, view } = access;
  const deployments = await api.listAll('deployments', oneContainer(id), limits);
  return deployments.flatMap((object) => {
    const record = projectDeployment(object);
    const other = otherProvider(object.metadata?.annotations, view.providerNames);
    return record ? [{ ...record, ...(other !== undefined && { otherProvider: other }) }] : [];
  });
}

/** Three calls, or one where we have no Deployment of the id. What this process has deleted meanwhile is left out. */
export async function lookUpObjects(access: Access, id: string, limits: CallLimits): Promise<ContainerObjects> {
  const { api, caches } = access;
  const begunAt = performance.now();
  const all = await lookUpDeployments(access, id, limits);
  const ours = all.filter((deployment) => deployment.otherProvider === undefined);
  const deployments = ours.filter(({ uid }) => !caches.isHiddenSince('deployments', uid, begunAt));
  if (currentDeployments({ deployments }).length === 0) return { deployments, services: [], pods: [] };
  const [services, pods] = await Promise.all([
    api.listAll('services', oneContainer(id), limits),
    api.listAll('pods', oneContainer(id), limits),
  ]);
  return {
    deployments,
    services: services.map(projectService).filter((record) => record !== undefined),
    pods: pods
      .map((pod) => projectPod(pod, knownPod(pod.metadata?.uid), momentOf(systemClock)))
      .filter((record) => record !== undefined),
  };

  function knownPod(uid: string | undefined): PodRecord | undefined {
    return caches.index.objects(id).pods.find((known) => known.uid === uid);
  }
}

/** The objects of the id as memory has them; absent where memory is too old, or knows no container of this id. */
export function cachedObjects({ caches }: Pick<Access, 'caches'>, id: string): ContainerObjects | undefined {
  if (!caches.isLive) return undefined;
  const objects = caches.index.objects(id);
  return currentDeployments(objects).length > 0 ? objects : undefined;
}

/**
 * The Deployment that the id means.
 *
 * @throws NotFoundError; ConflictError when two carry the id
 */
export function requireSingleDeployment(id: string, objects: ContainerObjects): DeploymentRecord {
  const [deployment, ...others] = currentDeployments(objects);
  if (deployment === undefined) throw new NotFoundError(`There is no container ${id}.`);
  if (others.length > 0) throw new ConflictError(`More than one Deployment carries the id ${id}.`);
  return deployment;
}
