/** Which objects belong together: those of one incarnation, so that what is left of an earlier one with the same id does not count. */
import type { ObservedContainerObjects, ObservedPod } from '../../containers/observed.ts';
import type { DeploymentRecord, PodRecord, ServiceRecord } from './records.ts';

/** The objects that carry one container id. */
export interface ContainerObjects {
  deployments: readonly DeploymentRecord[];
  services: readonly ServiceRecord[];
  pods: readonly PodRecord[];
}

export const noObjects: ContainerObjects = { deployments: [], services: [], pods: [] };

/** Deployments that are not being deleted, the oldest first. More than one: the id is ambiguous. */
export function currentDeployments({ deployments }: Pick<ContainerObjects, 'deployments'>): DeploymentRecord[] {
  const current = deployments.filter(({ deletedAt }) => deletedAt === undefined);
  return current.sort((a, b) => a.createdAt - b.createdAt || (a.uid < b.uid ? -1 : 1));
}

export function podsOf(deployment: DeploymentRecord, { pods }: Pick<ContainerObjects, 'pods'>): PodRecord[] {
  if (deployment.incarnation !== undefined) {
    return pods.filter(({ incarnation }) => incarnation === deployment.incarnation);
  }
  return pods.filter(
    ({ incarnation, createdAt, ownerName, templateHash }) =>
      incarnation === undefined &&
      createdAt >= deployment.createdAt &&
      (ownerName === undefined || ownerName === `${deployment.name}-${templateHash}`),
  );
}

/** The Service through which the Deployment's Pods are reached; absent where there is none. */
export function serviceOf(
  deployment: DeploymentRecord,
  objects: Pick<ContainerObjects, 'services'>,
): ServiceRecord | undefined {
  return servicesOf(deployment, objects)[0];
}

/** All Services of the Deployment, the newest first; those that are being deleted are not among them. */
export function servicesOf(
  deployment: DeploymentRecord,
  { services }: Pick<ContainerObjects, 'services'>,
): ServiceRecord[] {
  return services.filter((service) => isOf(deployment, service)).sort((a, b) => b.createdAt - a.createdAt);
}

function isOf(deployment: DeploymentRecord, { deletedAt, incarnation, ownerUid, createdAt }: ServiceRecord): boolean {
  if (deletedAt !== undefined || incarnation !== deployment.incarnation) return false;
  if (ownerUid !== undefined) return ownerUid === deployment.uid;
  return createdAt >= deployment.createdAt;
}

/** What the status rules look at: the Deployment that counts, else one that is being deleted, with its Pods. */
export function observeObjects(objects: ContainerObjects): ObservedContainerObjects {
  const deployment = currentDeployments(objects)[0] ?? objects.deployments[0];
  if (deployment === undefined) return { pods: [] };
  return { deployment, pods: podsOf(deployment, objects).map((pod) => observePod(pod, deployment.containerName)) };
}

function observePod(pod: PodRecord, containerName: string): ObservedPod {
  const container = pod.containers.find(({ name }) => name === containerName);
  return { ...pod, ...(container && { container }) };
}
