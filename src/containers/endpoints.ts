/** Where the ports of a container can be reached: one rule for reads and for status events. */
import type { ContainerEndpoint, ContainerPort, ContainerService } from './container.ts';

/** `TCP` also for whatever stands there in containers that were made when it was an unknown field. */
export function protocolOf({ protocol }: Pick<ContainerPort, 'protocol'>): 'TCP' | 'UDP' {
  return protocol === 'UDP' ? 'UDP' : 'TCP';
}

type Place = Pick<ContainerEndpoint, 'address' | 'port'>;
type ServicePort = ContainerService['ports'][number];

/** What `spec.clusterIP` says where there is none: a headless Service, or one that only renames another host. */
const noClusterIp: readonly string[] = ['', 'None'];

/**
 * One endpoint for each port that can be reached now: the internal ones first, each kind in the order of the container's
 * ports, also where node ports, which the cluster draws at random, are in another order.
 *
 * @param service - as reads show it; absent where there is none
 * @param ports - of the spec; those that the Service does not have, or has no address for, have no endpoint
 * @param externalAddress - host under which node ports are reached; absent: under none
 */
export function endpointsOf(
  service: ContainerService | undefined,
  ports: readonly ContainerPort[],
  externalAddress?: string,
): ContainerEndpoint[] {
  if (service === undefined) return [];
  const inOrder = ports.toSorted(
    (a, b) => a.container_port - b.container_port || (protocolOf(a) < protocolOf(b) ? -1 : 1),
  );
  return (['internal', 'external'] as const).flatMap((scope) =>
    inOrder
      .filter(({ visibility }) => visibility === scope)
      .flatMap((port) => service.ports.find((each) => isTargetOf(each, port)) ?? [])
      .flatMap((port) => placeOf(scope, { service, port, externalAddress }) ?? [])
      .map((place) => ({ ...place, scope })),
  );
}

/** Whether the port of a Service leads to that port of the container. */
export function isTargetOf(
  { target_port: target, protocol }: ServicePort,
  port: Pick<ContainerPort, 'container_port' | 'protocol'>,
): boolean {
  return target === port.container_port && protocol === protocolOf(port);
}

interface Reaching {
  service: ContainerService;
  port: ServicePort;
  externalAddress: string | undefined;
}

function placeOf(scope: ContainerEndpoint['scope'], { service, port, externalAddress }: Reaching): Place | undefined {
  if (scope === 'internal') {
    return noClusterIp.includes(service.cluster_ip) ? undefined : { address: service.cluster_ip, port: port.port };
  }
  switch (service.type) {
    case 'LoadBalancer':
      return service.external_ip ? { address: service.external_ip, port: port.port } : undefined;
    case 'NodePort':
      return externalAddress && port.node_port ? { address: externalAddress, port: port.node_port } : undefined;
    case 'ClusterIP':
      return undefined;
  }
}
