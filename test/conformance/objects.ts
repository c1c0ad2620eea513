/** The objects of the suite: a base each, which tests alter. */

export interface DeploymentBody {
  apiVersion?: string;
  kind?: string;
  metadata: Record<string, unknown>;
  spec: {
    replicas?: unknown;
    selector?: unknown;
    strategy?: unknown;
    template: { metadata: { labels: Record<string, string> }; spec: Record<string, unknown> };
  };
}

/** @param container - fields of its one container */
export function deployment(name: string, container: Record<string, unknown> = {}): DeploymentBody {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name || 'none' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name || 'none' } },
      template: {
        metadata: { labels: { app: name || 'none' } },
        spec: { containers: [{ name: 'main', image: 'registry.example/app:1', ...container }] },
      },
    },
  };
}

/** A Deployment that makes no Pods, for tests of the API alone. */
export function idleDeployment(name: string): DeploymentBody {
  const body = deployment(name);
  return { ...body, spec: { ...body.spec, replicas: 0 } };
}

export interface ServiceBody {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
}

export function service(name: string, spec: Record<string, unknown> = {}): ServiceBody {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: 'port-80', port: 80, targetPort: 80, protocol: 'TCP' }], ...spec },
  };
}

export const mergePatch = { 'content-type': 'application/merge-patch+json' };
export const strategicMergePatch = { 'content-type': 'application/strategic-merge-patch+json' };

/** Paths of the resources in a namespace. */
export function pathsIn(namespace: string): {
  deployments: string;
  replicaSets: string;
  pods: string;
  services: string;
  leases: string;
} {
  return {
    deployments: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    replicaSets: `/apis/apps/v1/namespaces/${namespace}/replicasets`,
    pods: `/api/v1/namespaces/${namespace}/pods`,
    services: `/api/v1/namespaces/${namespace}/services`,
    leases: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
  };
}
