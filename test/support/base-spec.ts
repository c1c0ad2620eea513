/** Specs of containers: a small one that every cluster takes, and what a test changes in it. */
import { olderKubeletTag } from '../../scripts/kubelet/images.ts';
import type { Schemas } from '../../generated/client.ts';

export type ContainerSpec = Schemas['ContainerSpec'];
type Visibility = Schemas['ContainerPort']['visibility'];

export function containerSpec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: images.runs },
    resources: { cpu: { min: 1, max: 2 }, memory: { min: '64MB', max: '128MB' } },
    ...changes,
  };
}

/** How a container turns out is in the last part of its image's name: the test clusters agree on these. */
export const images = {
  runs: 'registry.example/web:1',
  missing: 'registry.example/missing:1',
  crashes: 'registry.example/crash:1',
  exits: 'registry.example/done:1',
  vanishes: 'registry.example/gone:1',
  slow: 'registry.example/slow:1',
  unready: 'registry.example/unready:1',
  private: 'registry.example/private:1',
  unreachable: 'registry.example/unreachable:1',
  cannotStart: 'registry.example/nocommand:1',
  unhealthy: 'registry.example/unhealthy:1',
  stubborn: 'registry.example/stubborn:1',
} as const;

/** The two ways in which kubelets show crash loops, which are to be told alike; the names are good for ids. */
export const kubelets = [
  { kubelet: 'newer', crashes: images.crashes, exits: images.exits, cannotStart: images.cannotStart },
  {
    kubelet: 'older',
    crashes: `registry.example/crash:${olderKubeletTag}`,
    exits: `registry.example/done:${olderKubeletTag}`,
    cannotStart: `registry.example/nocommand:${olderKubeletTag}`,
  },
] as const;

export function withImage(reference: string): ContainerSpec {
  return containerSpec({ image: { reference } });
}

/** With ports, given by number: `withPorts({ 8080: 'external' })`. */
export function withPorts(ports: Record<number, Visibility>): ContainerSpec {
  return containerSpec({
    network: {
      ports: Object.entries(ports).map(([port, visibility]) => ({ container_port: Number(port), visibility })),
    },
  });
}
