/** The spec of a container that was made without keeping what its client sent: the reference provider's. */
import type { ContainerService, ContainerSpec } from '../../containers/container.ts';
import { coresFromQuantity, memoryFromQuantity } from '../../containers/units.ts';
import type { Workload } from './records.ts';

/** As near to what was sent as the objects tell. Values that the contract cannot say are rounded up to one that it can. */
export function rebuildSpec(
  workload: Workload,
  environment: ReadonlyMap<string, string>,
  service: ContainerService | undefined,
): ContainerSpec {
  const { name, labels, image, command, args, containerPorts, requests, limits } = workload;
  const process = {
    ...(command && { command }),
    ...(args && { args }),
    ...(environment.size > 0 && { env: Array.from(environment, ([key, value]) => ({ name: key, value })) }),
  };
  return {
    service_type: 'container',
    metadata: { name, ...(Object.keys(labels).length > 0 && { labels }) },
    image: { reference: image },
    resources: {
      cpu: { min: wholeCores(requests.cpu ?? limits.cpu), max: wholeCores(limits.cpu ?? requests.cpu) },
      memory: { min: memorySize(requests.memory ?? limits.memory), max: memorySize(limits.memory ?? requests.memory) },
    },
    ...(Object.keys(process).length > 0 && { process }),
    ...(containerPorts.length > 0 && {
      network: {
        ports: containerPorts.map((port) => ({ container_port: port, visibility: visibility(port, service) })),
      },
    }),
  };
}

function visibility(port: number, service: ContainerService | undefined): 'none' | 'internal' | 'external' {
  if (!service?.ports.some(({ target_port: target }) => target === port)) return 'none';
  return service.type === 'ClusterIP' ? 'internal' : 'external';
}

/** At least what the contract allows at least, also where the Deployment asks for nothing. */
function wholeCores(quantity = ''): number {
  return Math.max(1, coresFromQuantity(quantity) ?? 1);
}

function memorySize(quantity = '0'): string {
  const size = memoryFromQuantity(quantity);
  return size === undefined || size === '0MB' ? '1MB' : size;
}
