/** The containers that the figures are taken with: of an ordinary size, with ports, labels and environment variables. */
import type { ContainerSpec } from '../../src/containers/container.ts';

/** The same for all: they are told apart by their ids. */
export const incarnation = 'bench';

export function containerId(index: number): string {
  return `container-${String(index).padStart(6, '0')}`;
}

export function containerSpec(index: number, { withPorts = false }: { withPorts?: boolean } = {}): ContainerSpec {
  return {
    service_type: 'container',
    metadata: {
      name: index % 5_000 === 0 ? 'rare' : 'web',
      labels: { 'app.kubernetes.io/part-of': 'shop', shard: String(index % 16) },
    },
    image: { reference: 'registry.example/shop/web:1.29' },
    resources: { cpu: { min: 1, max: 2 }, memory: { min: '512MB', max: '1GB' } },
    process: {
      args: ['--listen', '0.0.0.0:8080'],
      env: [
        { name: 'LOG_LEVEL', value: 'info' },
        { name: 'SHARD', value: String(index) },
      ],
    },
    ...(withPorts && { network: { ports: [{ container_port: 8080, visibility: 'internal' }] } }),
  };
}
