/** From cached objects to the resource that clients see. */
import type { Container, ContainerSpec } from '../../containers/container.ts';
import { containerPath } from '../../containers/container-id.ts';
import { containerStatus, decidingPod } from '../../containers/status.ts';
import { currentDeployments, observeObjects, serviceOf } from './match-objects.ts';
import type { ContainerObjects } from './match-objects.ts';
import type { DeploymentRecord, ServiceRecord } from './records.ts';
import { rebuildSpec } from './rebuild-spec.ts';
import { decodeSpec } from './spec-annotation.ts';

/** A container as it is until one of its objects changes, or until `validUntil` where time alone changes it. */
export interface ContainerView {
  container: Container;
  /** Milliseconds since the epoch; `Infinity` where time changes nothing. */
  validUntil: number;
  /** `update_time`, in milliseconds since the epoch. */
  updatedAt: number;
}

export interface ViewOptions {
  namespace: string;
  now: number;
  /** The latest `update_time` that was shown of this Deployment, in milliseconds since the epoch. */
  updatedAtLeast?: number;
}

/** The container that its oldest Deployment is; absent where there is none that is not being deleted. */
export function buildContainer(objects: ContainerObjects, options: ViewOptions): ContainerView | undefined {
  const deployment = currentDeployments(objects)[0];
  if (deployment === undefined) return undefined;
  const { namespace, now, updatedAtLeast = 0 } = options;
  const observed = observeObjects(objects);
  const { status, changedAt = 0, lookAgainAt = Infinity } = containerStatus(observed, now);
  const service = serviceOf(deployment, objects);
  const updatedAt = Math.max(deployment.createdAt, changedAt, updatedAtLeast);
  const container: Container = {
    id: deployment.containerId,
    path: containerPath(deployment.containerId),
    status,
    create_time: new Date(deployment.createdAt).toISOString(),
    update_time: new Date(updatedAt).toISOString(),
    ...(service && { service: service.service }),
    spec: shownSpec(specOf(deployment, service), namespace, decidingPod(observed.pods, now)?.podIp),
  };
  return { container, validUntil: lookAgainAt, updatedAt };
}

/** The spec as it was sent, or as near to it as the objects tell. */
export function specOf(deployment: DeploymentRecord, service: ServiceRecord | undefined): ContainerSpec {
  const { spec, environment } = deployment;
  if (typeof spec === 'string') return decodeSpec(spec, environment)!;
  return rebuildSpec(spec, environment, service?.service);
}

function shownSpec(spec: ContainerSpec, namespace: string, ip: string | undefined): ContainerSpec {
  const metadata = { ...spec.metadata, namespace };
  return { ...spec, metadata, ...(ip !== undefined && { network: { ...spec.network, ip } }) };
}
