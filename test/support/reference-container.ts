/** Objects as the reference provider makes them: names from the API server, three labels, no annotation, no owner. */

const image = 'registry.example/web:1';

function identity(containerId: string): Record<string, string> {
  return {
    'dcm.project/managed-by': 'dcm',
    'dcm.project/dcm-instance-id': containerId,
    'dcm.project/dcm-service-type': 'container',
  };
}

/** @param ports - container ports; absent: none */
export function referenceDeployment(containerId: string, ports: number[] = []): object {
  const labels = { ...identity(containerId), tier: 'front' };
  const container = {
    name: 'legacy',
    image,
    command: ['/bin/legacy'],
    env: [{ name: 'MODE', value: 'old' }],
    resources: { requests: { cpu: '1', memory: '256Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    ports: ports.map((containerPort) => ({ containerPort })),
  };
  return {
    metadata: { generateName: 'legacy-', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: identity(containerId) },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

export function referenceService(containerId: string, ports: number[]): object {
  return {
    metadata: { generateName: 'legacy-', labels: identity(containerId) },
    spec: {
      type: 'ClusterIP',
      selector: identity(containerId),
      ports: ports.map((port) => ({ name: `port-${port}`, port, targetPort: port, protocol: 'TCP' })),
    },
  };
}
