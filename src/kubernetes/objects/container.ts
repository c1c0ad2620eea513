/** The objects that belong together as one container, and the resource that clients see in them. */
import type {
  Container,
  ContainerEndpoint,
  ContainerPort,
  ContainerService,
  ContainerSpec,
  ContainerStatus,
} from '../../containers/container.ts';
import { containerPath } from '../../containers/container.ts';
import type { ObservedContainerObjects, ObservedPod } from '../../containers/observed.ts';
import { endpointsOf } from '../../containers/endpoints.ts';
import type { ContainerView } from '../../containers/source.ts';
import type { Moment } from '../../clock.ts';
import { containerStatus } from '../../containers/status.ts';
import type { StatusReport, StatusSettings } from '../../containers/status.ts';
import type { CachedKind } from '../api/resources.ts';
import type { DeploymentRecord } from './deployment.ts';
import type { ObjectRecord } from './object.ts';
import type { PodRecord } from './pod.ts';
import { externalServiceName, serviceName } from './identity.ts';
import type { ProviderNames } from './identity.ts';
import { mergeServices } from './service.ts';
import type { ServiceRecord } from './service.ts';
import { hasInexactNumbers } from '../../containers/json.ts';
import { decodeSpec, rebuildPorts, rebuildSpec, withValues } from './spec.ts';
import type { Workload } from './spec.ts';

/** What the caches keep, by the resource name of the kind. */
export interface Records extends Record<CachedKind, ObjectRecord> {
  deployments: DeploymentRecord;
  services: ServiceRecord;
  pods: PodRecord;
}

/** The objects that carry one container id. */
export interface ContainerObjects {
  deployments: readonly DeploymentRecord[];
  services: readonly ServiceRecord[];
  pods: readonly PodRecord[];
}

/** Whether nobody has deleted the Deployment. */
export function isCurrent({ deletedAt }: DeploymentRecord): boolean {
  return deletedAt === undefined;
}

/** Deployments that are not being deleted, the oldest first. More than one: the id is ambiguous. */
export function currentDeployments({ deployments }: Pick<ContainerObjects, 'deployments'>): DeploymentRecord[] {
  const current = deployments.filter(isCurrent);
  return current.sort((a, b) => a.createdAt - b.createdAt || (a.uid < b.uid ? -1 : 1));
}

/**
 * Its Pods: the incarnation label tells, whatever became of owners and creation times in a backup. Where Deployments have
 * none (the reference provider's), owner and times do.
 */
export function podsOf(
  deployment: DeploymentRecord,
  { deployments, pods }: Pick<ContainerObjects, 'deployments' | 'pods'>,
): PodRecord[] {
  const mine = pods.filter(({ incarnation }) => incarnation === deployment.incarnation);
  if (deployment.incarnation !== undefined) return mine;
  return mine.filter((pod) => {
    const { ownerName, templateHash } = pod;
    const isOwnedBy = ({ name }: DeploymentRecord) => ownerName === `${name}-${templateHash}`;
    return ownerName === undefined ? isMadeFor(deployment, pod, deployments) : isOwnedBy(deployment);
  });
}

/** Whether what no owner tells of is the Deployment's: made after it, or before it and after no other one of this id. */
function isMadeFor(
  deployment: DeploymentRecord,
  { createdAt }: ObjectRecord,
  deployments: readonly DeploymentRecord[],
): boolean {
  if (createdAt >= deployment.createdAt) return true;
  return deployments.every(({ uid, createdAt: other }) => uid === deployment.uid || other > createdAt);
}

/** Through what the Deployment's Pods are reached. */
export interface ReachingServices {
  /** The one with all ports, or the only one. */
  inner?: ServiceRecord;
  /** The one with the external ports alone, where internal ones are isolated. */
  outer?: ServiceRecord;
}

/** Whether there are two goes by the record on the Deployment; which is which, by the names: nobody can change those. */
export function reachingServices(
  deployment: DeploymentRecord,
  objects: Pick<ContainerObjects, 'deployments' | 'services'>,
): ReachingServices {
  const services = servicesOf(deployment, objects);
  const { isolated, containerId, incarnation } = deployment;
  const named = (wanted: string) => services.find(({ name }) => name === wanted);
  const isPair = isolated && incarnation !== undefined;
  const inner = isPair ? named(serviceName(containerId, incarnation)) : services[0];
  const outer = isPair ? named(externalServiceName(containerId, incarnation)) : undefined;
  return { ...(inner && { inner }), ...(outer && { outer }) };
}

function allOf({ inner, outer }: ReachingServices): ContainerService[] {
  return [inner, outer].flatMap((record) => record?.service ?? []);
}

function shownService({ inner, outer }: ReachingServices): ContainerService | undefined {
  return mergeServices(inner?.service, outer?.service);
}

/** All Services of the Deployment, the newest first; those that are being deleted are not among them. */
export function servicesOf(
  deployment: DeploymentRecord,
  { deployments, services }: Pick<ContainerObjects, 'deployments' | 'services'>,
): ServiceRecord[] {
  const isOf = (service: ServiceRecord): boolean => {
    if (service.deletedAt !== undefined || service.incarnation !== deployment.incarnation) return false;
    if (deployment.incarnation !== undefined || service.ownerUid === deployment.uid) return true;
    const isOthers = deployments.some(({ uid }) => uid === service.ownerUid);
    return !isOthers && isMadeFor(deployment, service, deployments);
  };
  return services.filter(isOf).sort((a, b) => b.createdAt - a.createdAt);
}

/** The oldest that is not being deleted, else one that is. */
function meantDeployment(objects: Pick<ContainerObjects, 'deployments'>): DeploymentRecord | undefined {
  return currentDeployments(objects)[0] ?? objects.deployments[0];
}

/** What the status rules look at: the Deployment that counts, else one that is being deleted, with its Pods. */
export function observeObjects(objects: ContainerObjects): ObservedContainerObjects {
  const deployment = meantDeployment(objects);
  if (deployment === undefined) return { pods: [] };
  return {
    deployment,
    pods: podsOf(deployment, objects).map((pod) => observePod(pod, deployment.containerName)),
    ...(awaitsAddress(reachingServices(deployment, objects)) && { awaitsAddress: true }),
  };
}

function awaitsAddress({ inner, outer }: ReachingServices): boolean {
  return [inner, outer].some((record) => record?.service.type === 'LoadBalancer' && !record.service.external_ip);
}

function observePod(pod: PodRecord, containerName: string): ObservedPod {
  const container = pod.containers.find(({ name }) => name === containerName);
  return { ...pod, ...(container && { container }) };
}

/** What all containers are seen by. */
export interface ViewSettings extends StatusSettings {
  namespace: string;
  /** Containers of other providers are not seen; absent: all are. */
  providerNames?: ProviderNames;
  /** Host under which node ports are reached; absent: under none. */
  externalAddress?: string;
}

export interface ViewOptions extends ViewSettings {
  moment: Moment;
  /** What was seen before: of the same Deployment this replica never shows an earlier `update_time`, whatever clocks say. */
  before?: ObjectsView | undefined;
}

/** What is seen of the objects of one container; absent where there is no Deployment. */
export function viewObjects(objects: ContainerObjects, options: ViewOptions): ObjectsView | undefined {
  const deployment = meantDeployment(objects);
  if (deployment === undefined) return undefined;
  const report = containerStatus(observeObjects(objects), options.moment, options);
  return new ObjectsView(deployment, { objects, report, options });
}

/** A container as it is until one of its objects changes, or until `validUntil`. */
export class ObjectsView implements ContainerView {
  readonly status: ContainerStatus;
  readonly message: string;
  readonly endpoints: ContainerEndpoint[];
  readonly validUntil: number;
  /** `update_time`, in milliseconds since the epoch. */
  readonly updatedAt: number;
  readonly objects: ContainerObjects;
  readonly #deployment: DeploymentRecord;
  readonly #podIp: string | undefined;
  readonly #namespace: string;
  #container: Container | undefined;
  /** What was kept of the spec, where that cost much to decode: it goes from view to view as long as it stays the same. */
  #decoded: ContainerSpec | undefined;

  constructor(
    deployment: DeploymentRecord,
    { objects, report, options }: { objects: ContainerObjects; report: StatusReport; options: ViewOptions },
  ) {
    const { status, message, changedAt = 0, lookAgainAt = Infinity, pod } = report;
    const { before, externalAddress } = options;
    const shownAt = before?.uid === deployment.uid ? before.updatedAt : 0;
    const reaching = reachingServices(deployment, objects);
    const endpoints = endpointsOf(shownService(reaching), portsOf(deployment, reaching), externalAddress);
    this.status = status;
    this.message = message;
    this.endpoints = status === 'DELETED' || endpoints.length === 0 ? noEndpoints : endpoints;
    this.validUntil = lookAgainAt;
    this.updatedAt = Math.max(deployment.createdAt, changedAt, shownAt);
    this.objects = objects;
    this.#deployment = deployment;
    if (before && before.#deployment.spec === deployment.spec) this.#decoded = before.#decoded;
    this.#podIp = pod?.podIp;
    this.#namespace = options.namespace;
  }

  get uid(): string {
    return this.#deployment.uid;
  }

  get resourceVersion(): string {
    return this.#deployment.resourceVersion;
  }

  get id(): string {
    return this.#deployment.containerId;
  }

  get reconciling(): boolean {
    return this.#deployment.reconciling === true;
  }

  get spec(): ContainerSpec {
    return this.container.spec;
  }

  get container(): Container {
    return (this.#container ??= this.#build());
  }

  #build(): Container {
    const deployment = this.#deployment;
    const { containerId: id, createdAt } = deployment;
    const reaching = reachingServices(deployment, this.objects);
    const service = shownService(reaching);
    return {
      id,
      path: containerPath(id),
      status: this.status,
      status_message: this.message,
      reconciling: this.reconciling,
      create_time: new Date(createdAt).toISOString(),
      update_time: new Date(this.updatedAt).toISOString(),
      ...(this.endpoints.length > 0 && { endpoints: this.endpoints }),
      ...(service && { service }),
      spec: shownSpec(specOf(deployment, reaching, this.#sentSpec()), this.#namespace, this.#podIp),
    };
  }

  #sentSpec(): ContainerSpec | undefined {
    const { spec, writtenSpec } = this.#deployment;
    if (writtenSpec !== undefined || typeof spec !== 'string') return writtenSpec;
    if (this.#decoded !== undefined) return this.#decoded;
    const isCostly = hasInexactNumbers(spec);
    const sent = decodeSpec(spec, isCostly);
    if (isCostly) this.#decoded = sent;
    return sent;
  }
}

/** One for all: there are many without. */
const noEndpoints: ContainerEndpoint[] = [];

/**
 * The spec as it was sent, or as near to it as the objects tell.
 *
 * @param sent - what was kept of it as it was sent, where that is decoded already; absent: it is decoded, where there is any
 */
export function specOf(
  { spec, writtenSpec, environment }: DeploymentRecord,
  reaching: ReachingServices = {},
  sent = writtenSpec ?? (typeof spec === 'string' ? decodeSpec(spec) : undefined),
): ContainerSpec {
  return sent ? withValues(sent, environment) : rebuildSpec(spec as Workload, environment, allOf(reaching));
}

/** Those ports of the spec that are to be reached, without parsing the spec. */
function portsOf({ spec, ports = [] }: DeploymentRecord, reaching: ReachingServices): readonly ContainerPort[] {
  return typeof spec === 'string' ? ports : rebuildPorts(spec.containerPorts, allOf(reaching));
}

function shownSpec(spec: ContainerSpec, namespace: string, ip: string | undefined): ContainerSpec {
  const metadata = { ...spec.metadata, namespace };
  return { ...spec, metadata, ...(ip !== undefined && { network: { ...spec.network, ip } }) };
}
