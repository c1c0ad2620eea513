/** The Services of a container whose ports can be reached: how they are built, and what the caches keep of one. */
import type { ContainerPort, ContainerService, ContainerSpec } from '../../containers/container.ts';
import { protocolOf } from '../../containers/endpoints.ts';
import { kubernetesHints } from '../../containers/hints.ts';
import type { Service } from '../api/resources.ts';
import { hintPointer } from './hints.ts';
import {
  serviceScopeLabel,
  externalServiceName,
  identityLabels,
  isExternalServiceName,
  serviceName,
  serviceRevisionAnnotation,
} from './identity.ts';
import type { ContainerIdentity } from './identity.ts';
import { projectMetadata } from './object.ts';
import type { FieldPointers, ObjectRecord } from './object.ts';

/** How ports with external visibility are published. */
export type ExternalServiceType = 'LoadBalancer' | 'NodePort';

/** The Deployment that a Service belongs to: the garbage collector removes the Service after it. */
export interface ServiceOwner {
  name: string;
  uid: string;
}

type VisiblePort = Pick<ContainerPort, 'visibility'>;

function isReachable({ visibility }: VisiblePort): boolean {
  return visibility === 'internal' || visibility === 'external';
}

function isExternal({ visibility }: VisiblePort): boolean {
  return visibility === 'external';
}

/** Whether internal ports would be external along with others in a single Service. */
export function mixesPorts({ network: { ports = [] } = {} }: ContainerSpec): boolean {
  return ports.some(isExternal) && ports.some((port) => isReachable(port) && !isExternal(port));
}

/** One of the Services that the ports of a container ask for. */
interface PlannedService<Port> {
  name: string;
  /** Those of the container, in the same order. */
  ports: Port[];
  isExternal: boolean;
  /** Set where there are two. */
  scope?: 'internal' | 'external';
}

/**
 * At most one, which one external port makes external; or two where they are isolated: all ports inside, the external ones
 * outside, so that either keeps its address when the other goes.
 */
function planServices<Port extends VisiblePort>(
  { id, incarnation }: Pick<ContainerIdentity, 'id' | 'incarnation'>,
  all: readonly Port[],
  isolated: boolean,
): PlannedService<Port>[] {
  const [ports, external] = [all.filter(isReachable), all.filter(isExternal)];
  const name = serviceName(id, incarnation);
  if (ports.length === 0) return [];
  if (!isolated) return [{ name, ports, isExternal: external.length > 0 }];
  const inner: PlannedService<Port> = { name, ports, isExternal: false, scope: 'internal' };
  if (external.length === 0) return [inner];
  const outerName = externalServiceName(id, incarnation);
  return [inner, { name: outerName, ports: external, isExternal: true, scope: 'external' }];
}

/**
 * The names of the Services that the ports ask for.
 *
 * @param ports - those of the container that can be reached, at least
 * @param isolated - as the Deployment has it on record
 */
export function serviceNames(
  identity: Pick<ContainerIdentity, 'id' | 'incarnation'>,
  ports: readonly VisiblePort[],
  isolated: boolean,
): string[] {
  return planServices(identity, ports, isolated).map(({ name }) => name);
}

export interface ServiceOptions {
  externalServiceType: ExternalServiceType;
  /** As the Deployment has it; absent before any update changed its Services. */
  serviceRevision?: string | undefined;
  /** External ports have a Service of their own beside internal ones, as the Deployment has it on record. */
  isolated: boolean;
}

/**
 * Builds the Services that the ports ask for. Of two, the external one has the annotations of the hints, since clouds read
 * them there. `blockOwnerDeletion` is left out: some clusters demand a permission on finalizers for it.
 */
export function buildServices(
  identity: ContainerIdentity,
  spec: ContainerSpec,
  owner: ServiceOwner,
  { isolated, ...options }: ServiceOptions,
): Service[] {
  const plans = planServices(identity, spec.network?.ports ?? [], isolated);
  return plans.map((plan) => buildService(identity, spec, owner, plan, options));
}

function buildService(
  { id, incarnation, namespace }: ContainerIdentity,
  spec: ContainerSpec,
  owner: ServiceOwner,
  { name, ports, isExternal, scope }: PlannedService<ContainerPort>,
  { externalServiceType, serviceRevision }: Omit<ServiceOptions, 'isolated'>,
): Service {
  const identity = identityLabels(id, incarnation);
  const hinted = scope === 'internal' ? undefined : kubernetesHints(spec)?.service_annotations;
  const annotations = {
    ...hinted,
    ...(serviceRevision !== undefined && { [serviceRevisionAnnotation]: serviceRevision }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace,
      labels: { ...spec.metadata.labels, ...identity, ...(scope && { [serviceScopeLabel]: scope }) },
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name, uid: owner.uid }],
    },
    spec: {
      type: isExternal ? externalServiceType : 'ClusterIP',
      selector: identity,
      ports: ports.map((each) => {
        const { container_port: port } = each;
        const protocol = protocolOf(each);
        // The name that ports have from the reference provider, and one beside it for the other protocol.
        return { name: protocol === 'TCP' ? `port-${port}` : `port-${port}-udp`, protocol, port, targetPort: port };
      }),
    },
  };
}

/** What in the request each field of the Service comes from. */
export const servicePointers: FieldPointers = [
  [
    /^spec\.ports\[(\d+)\]/,
    ([, index], { network: { ports = [] } = {} }, name) => {
      const its = ports.filter(isExternalServiceName(name) ? isExternal : isReachable);
      const port = its[Number(index)];
      return `/spec/network/ports/${port ? ports.indexOf(port) : index}`;
    },
  ],
  [/^spec\.ports/, () => '/spec/network/ports'],
  [/^metadata\.labels/, () => '/spec/metadata/labels'],
  [/^metadata\.annotations/, (_match, spec) => hintPointer(spec, 'service_annotations')],
];

export interface ServiceRecord extends ObjectRecord {
  /** uid of the Deployment that owns it; absent where nothing does. */
  ownerUid?: string;
  /** Of the Deployment that it is as asked by; absent where no update has changed it. */
  revision?: string;
  service: ContainerService;
}

/** Absent for what is not a container's Service. */
export function projectService({ metadata, spec, status }: Service): ServiceRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const ownerUid = metadata?.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.uid;
  const revision = metadata?.annotations?.[serviceRevisionAnnotation];
  const addresses = status?.loadBalancer?.ingress?.map(({ ip, hostname }) => ip || hostname);
  const externalIp = addresses?.find((address) => address);
  return {
    ...object,
    ...(ownerUid !== undefined && { ownerUid }),
    ...(revision !== undefined && { revision }),
    service: {
      name: object.name,
      cluster_ip: spec?.clusterIP ?? '',
      type: serviceType(spec?.type),
      ...(externalIp !== undefined && { external_ip: externalIp }),
      ports: (spec?.ports ?? []).map(({ port, targetPort, nodePort, protocol }) => ({
        port,
        target_port: typeof targetPort === 'number' ? targetPort : port,
        ...(nodePort && { node_port: nodePort }),
        protocol: protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP',
      })),
    },
  };
}

/**
 * Two Services shown as one: what is reached within the cluster is of the inner one, the rest of the outer one. Where one of
 * them is missing, the other as it is.
 */
export function mergeServices(
  inner: ContainerService | undefined,
  outer: ContainerService | undefined,
): ContainerService | undefined {
  if (inner === undefined || outer === undefined) return inner ?? outer;
  const { type, external_ip: externalIp } = outer;
  return {
    name: inner.name,
    cluster_ip: inner.cluster_ip,
    type,
    ...(externalIp !== undefined && { external_ip: externalIp }),
    ports: inner.ports.map(({ port, target_port, protocol }) => {
      const nodePort = outer.ports.find((each) => each.port === port && each.protocol === protocol)?.node_port;
      return { port, target_port, ...(nodePort !== undefined && { node_port: nodePort }), protocol };
    }),
  };
}

function serviceType(type: string | undefined): ContainerService['type'] {
  return type === 'NodePort' || type === 'LoadBalancer' ? type : 'ClusterIP';
}
