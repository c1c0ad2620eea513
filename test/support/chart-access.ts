/** What the chart gives the provider, on a real cluster: a ServiceAccount with its Role, and the admission policy. */
import type { Access, ControlPlane } from '../../scripts/cluster/control-plane.ts';
import { ApiError, ClusterApi } from '../../scripts/cluster/api.ts';
import { parseManifest, renderChart } from '../../scripts/helm/helm.ts';
import type { ManifestObject } from '../../scripts/helm/helm.ts';

export interface ChartAccess extends Access, AsyncDisposable {
  /** Namespace and name of the ServiceAccount. */
  account: { namespace: string; name: string };
}

export interface ChartAccessOptions {
  /** The URL of the API server in the kubeconfig. Absent: its own. */
  server?: string;
  /** Of the chart, beside those that must be set: which hints are allowed, and by the policy with them. */
  values: Record<string, unknown>;
  /** Providers of both types of Services for external ports act with it, one after the other. Absent: of the chart's alone. */
  bothServiceTypes?: boolean;
}

/** What must be set, for a namespace of a test. */
export function chartValues(containersNamespace: string): Record<string, unknown> {
  return {
    'provider.name': 'k8s-1',
    'containers.namespace': containersNamespace,
    'containers.createNamespace': false,
    'containers.externalServiceType': 'LoadBalancer',
    'registration.url': 'http://registry.example/api/v1alpha1',
    'nats.url': 'nats://nats.example',
  };
}

/** How long the API server may take until a new policy is in force. */
const policyTimeoutMs = 60_000;
const release = 'provider';

/** Makes them for containers in `containersNamespace`; resolves once the policy is in force. Disposing removes them. */
export async function createChartAccess(
  controlPlane: ControlPlane,
  containersNamespace: string,
  { server, values, bothServiceTypes = false }: ChartAccessOptions,
): Promise<ChartAccess> {
  const { api } = controlPlane;
  await using stack = new AsyncDisposableStack();
  const namespace = await controlPlane.createNamespace('provider');
  const manifest = await renderChart({
    release,
    namespace,
    values: { ...chartValues(containersNamespace), ...values },
  });
  const oneType = "['ClusterIP', 'LoadBalancer']";
  const both = manifest.replaceAll(oneType, "['ClusterIP', 'LoadBalancer', 'NodePort']");
  for (const object of parseManifest(bothServiceTypes ? both : manifest)) {
    const path = accessPath(object);
    if (path === undefined) continue;
    await api.create(path, object);
    stack.defer(() => remove(api, `${path}/${object.metadata.name}`));
  }
  await waitForPolicy(controlPlane, namespace, containersNamespace);
  // After that wait, which writes the same file for the API server's own address.
  const kubeconfig = await controlPlane.writeAccountKubeconfig(namespace, release, server);
  const parts = stack.move();
  return {
    kubeconfig,
    account: { namespace, name: release },
    setRules: (rules) =>
      controlPlane.setRules({ namespace: containersNamespace, name: release, accountNamespace: namespace }, rules),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Where an object is created that concerns what the provider may do; undefined for all others. */
function accessPath({ kind, metadata: { namespace = '' } }: ManifestObject): string | undefined {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const admission = '/apis/admissionregistration.k8s.io/v1';
  const paths: Record<string, string> = {
    ServiceAccount: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    Role: `${rbac}/roles`,
    RoleBinding: `${rbac}/rolebindings`,
    ValidatingAdmissionPolicy: `${admission}/validatingadmissionpolicies`,
    ValidatingAdmissionPolicyBinding: `${admission}/validatingadmissionpolicybindings`,
  };
  return paths[kind];
}

/** Tries what each part of the policy refuses, as the provider and without making it, until it is refused. */
async function waitForPolicy(controlPlane: ControlPlane, namespace: string, containersNamespace: string) {
  // Its own kubeconfig may lead through a proxy that is not there yet.
  await using provider = await ClusterApi.fromKubeconfig(await controlPlane.writeAccountKubeconfig(namespace, release));
  const deployments = `/apis/apps/v1/namespaces/${containersNamespace}/deployments`;
  const services = `/api/v1/namespaces/${containersNamespace}/services`;
  const spec = {
    selector: { matchLabels: { probe: 'policy' } },
    template: { metadata: { labels: { probe: 'policy' } }, spec: { containers: [{ name: 'probe', image: 'probe' }] } },
  };
  const isRefused = (path: string, body: object): Promise<boolean> =>
    provider.create(`${path}?dryRun=All`, body).then(
      () => false,
      (error: unknown) => error instanceof ApiError && error.message.includes('ValidatingAdmissionPolicy'),
    );
  await controlPlane.waitFor(
    'the policy in force',
    async () =>
      (await isRefused(deployments, { metadata: { name: 'probe' }, spec })) &&
      (await isRefused(services, { metadata: { name: 'probe' }, spec: { ports: [{ port: 80 }] } })),
    policyTimeoutMs,
  );
}

async function remove(api: ClusterApi, path: string): Promise<void> {
  try {
    await api.delete(path);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
