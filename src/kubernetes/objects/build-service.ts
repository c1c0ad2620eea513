/** The Service of a container whose ports can be reached. */
import type { ContainerSpec } from '../../containers/container.ts';
import type { ContainerIdentity } from './build-deployment.ts';
import { identityLabels } from './labels.ts';
import { serviceName } from './names.ts';
import type { Service } from '../api/resources.ts';

/** How ports with external visibility are published. */
export type ExternalServiceType = 'LoadBalancer' | 'NodePort';

/** The Deployment that a Service belongs to: the garbage collector removes the Service after it. */
export interface ServiceOwner {
  name: string;
  uid: string;
}

/** The indexes in `spec.network.ports` of those ports that the Service has, in the same order; empty: no Service. */
export function reachablePorts(spec: ContainerSpec): number[] {
  const ports = spec.network?.ports ?? [];
  return [...ports.keys()].filter((index) => ports[index]!.visibility !== 'none');
}

/**
 * Builds the Service; absent where no port asks for one. One external port makes all of it external.
 * `blockOwnerDeletion` is left out: some clusters demand a permission on finalizers for it.
 */
export function buildService(
  { id, incarnation, namespace }: ContainerIdentity,
  spec: ContainerSpec,
  owner: ServiceOwner,
  externalServiceType: ExternalServiceType,
): Service | undefined {
  const ports = reachablePorts(spec).map((index) => spec.network!.ports![index]!);
  if (ports.length === 0) return undefined;
  const identity = identityLabels(id, incarnation);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceName(id, incarnation),
      namespace,
      labels: { ...spec.metadata.labels, ...identity },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name, uid: owner.uid }],
    },
    spec: {
      type: ports.some(({ visibility }) => visibility === 'external') ? externalServiceType : 'ClusterIP',
      selector: identity,
      ports: ports.map(({ container_port: port }) => ({
        name: `port-${port}`,
        protocol: 'TCP',
        port,
        targetPort: port,
      })),
    },
  };
}
