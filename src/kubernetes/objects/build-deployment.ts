/** The Deployment that a container is. */
import type { ContainerSpec } from '../../containers/container.ts';
import { memoryToQuantity } from '../../containers/units.ts';
import { SPEC_ANNOTATION, identityLabels } from './labels.ts';
import { deploymentName } from './names.ts';
import type { Deployment } from '../api/resources.ts';
import { encodeSpec } from './spec-annotation.ts';

export interface ContainerIdentity {
  id: string;
  incarnation: string;
  namespace: string;
}

/**
 * Builds the Deployment. Its Pods get no service account token, since nothing in the contract speaks of the cluster's
 * API, and no environment variables about other Services, which break Pods where there are thousands.
 */
export function buildDeployment({ id, incarnation, namespace }: ContainerIdentity, spec: ContainerSpec): Deployment {
  const identity = identityLabels(id, incarnation);
  const labels = { ...spec.metadata.labels, ...identity };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: deploymentName(id),
      namespace,
      labels,
      annotations: { [SPEC_ANNOTATION]: encodeSpec(spec) },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: identity },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [buildPodContainer(spec)],
        },
      },
    },
  };
}

type PodContainer = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>['containers'][number];

function buildPodContainer({ metadata, image, process, network, resources }: ContainerSpec): PodContainer {
  const ports = network?.ports ?? [];
  return {
    name: metadata.name,
    image: image.reference,
    ...(process?.command && { command: process.command }),
    ...(process?.args && { args: process.args }),
    ...(process?.env && { env: process.env.map(({ name, value }) => ({ name, value })) }),
    ...(ports.length > 0 && { ports: ports.map((port) => ({ containerPort: port.container_port, protocol: 'TCP' })) }),
    resources: {
      requests: { cpu: String(resources.cpu.min), memory: memoryToQuantity(resources.memory.min) },
      limits: { cpu: String(resources.cpu.max), memory: memoryToQuantity(resources.memory.max) },
    },
  };
}
