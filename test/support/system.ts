/**
 * Everything at once: a cluster with a namespace of its own, NATS, a registry, a subscriber of the status events, and a
 * provider between them. On a real cluster the provider is the chart's ServiceAccount, under the chart's admission policy.
 */
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import type { ControlPlane, PolicyRule } from '../../scripts/cluster/control-plane.ts';
import { createChartAccess } from './chart-access.ts';
import { subscribeEvents } from './events.ts';
import type { EventSubscriber } from './events.ts';
import { eventually, openCluster, openKubeconfig, openSandbox } from './kubernetes.ts';
import type { TestCluster } from './kubernetes.ts';
import { startNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import type { TestNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { startProvider } from './provider.ts';
import type { ProviderProcess } from './provider.ts';
import { startRegistry } from '../../scripts/registry.ts';
import type { TestRegistry } from '../../scripts/registry.ts';
import { Workloads } from './workloads.ts';

/** Of the sandbox's controllers: quick, but for what has to be seen before it is over. */
const times = { ...quickTimes, podStart: 200, slowPodStart: 2_000, speed: 50 };

/** What callers may ask for here, each kind of volumes included: what the policy refuses has tests of its own. */
const everythingAllowed = {
  'containers.logs': true,
  'containers.allowedHints': [
    ...['readiness_probe', 'liveness_probe', 'startup_probe', 'security_context', 'termination_grace_period_seconds'],
    ...['node_selector', 'tolerations', 'image_pull_secrets', 'service_annotations', 'env_from_secrets'],
    ...['volumes.empty_dir', 'volumes.config_map', 'volumes.secret', 'volumes.persistent_volume_claim'],
  ],
  'containers.allowedPullSecrets': ['pull'],
  'containers.allowedServiceAnnotations': ['example.org/*'],
  'containers.allowedClaims': ['data-*'],
};

export interface System extends AsyncDisposable {
  cluster: TestCluster;
  workloads: Workloads;
  events: EventSubscriber;
  registry: TestRegistry;
  provider: ProviderProcess;
  client: ProviderProcess['client'];
  /** Path of the providers' kubeconfig. */
  kubeconfig: string;
  natsUrl: string;
  /** One more provider of the same cluster, NATS and registry; it ends with the system unless it is ended before. */
  addProvider(env?: Record<string, string>): Promise<ProviderProcess>;
  /** On a real cluster, what the providers may do from now on. */
  setRules(rules: PolicyRule[]): Promise<void>;
}

export interface SystemOptions {
  /** Variables of the first provider. */
  env?: Record<string, string>;
  /** As of `startProvider`, of all providers. */
  bareEnvironment?: boolean;
  /** Called before the first provider starts. */
  prepare?: (workloads: Workloads, cluster: TestCluster) => Promise<void>;
  /**
   * Which cluster: the sandbox, or a control plane of the test's own, with the URL under which the providers know its API
   * server where a proxy stands before it. Absent: what the environment names, else the sandbox.
   */
  on?: 'sandbox' | { controlPlane: ControlPlane; server?: string };
  /** A server of the test's own, which the test ends. Absent: one that comes and goes with the system. */
  nats?: TestNatsServer;
}

/** Options of a test that a real cluster cannot serve: there it is left out, for the reason given. */
export function onlyInSandbox(reason: string): { skip: string | false } {
  return { skip: process.env['SP_TEST_KUBECONFIG'] ? reason : false };
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { env = {}, bareEnvironment = false, prepare, on, nats: given } = options;
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await open(on));
  const workloads = new Workloads(cluster);
  const nats = given ?? stack.use(await startNatsServer());
  const registry = stack.use(await startRegistry());
  const events = stack.use(await subscribeEvents(nats.url));
  const access = cluster.isSandbox ? undefined : await createAccess(cluster, stack, on);
  const kubeconfig = access?.kubeconfig ?? cluster.kubeconfig;
  await prepare?.(workloads, cluster);

  const addProvider = async (more: Record<string, string> = {}): Promise<ProviderProcess> =>
    providers.use(
      await startProvider({
        kubeconfig,
        namespace: cluster.namespace,
        natsUrl: nats.url,
        registrationUrl: registry.url,
        env: more,
        bareEnvironment,
      }),
    );
  const providers = stack.use(new AsyncDisposableStack());
  const provider = await addProvider(env);
  const parts = stack.move();
  return {
    cluster,
    workloads,
    events,
    registry,
    provider,
    client: provider.client,
    kubeconfig,
    natsUrl: nats.url,
    addProvider,
    setRules: async (rules) => access?.setRules(rules),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function open(on: SystemOptions['on']): Promise<TestCluster> {
  if (typeof on === 'object') return openKubeconfig(on.controlPlane.kubeconfig);
  const options = { tls: true, controllers: times };
  return on === 'sandbox' ? openSandbox(options) : openCluster(options);
}

async function createAccess(cluster: TestCluster, stack: AsyncDisposableStack, on: SystemOptions['on']) {
  const { controlPlane, server } =
    typeof on === 'object' ? on : { controlPlane: stack.use(await startControlPlane()), server: undefined };
  const account = `/api/v1/namespaces/${cluster.namespace}/serviceaccounts/default`;
  await eventually(
    () => cluster.request('GET', account),
    ({ status }) => status === 200,
  );
  const options = { values: everythingAllowed, bothServiceTypes: true, ...(server !== undefined && { server }) };
  return stack.use(await createChartAccess(controlPlane, cluster.namespace, options));
}
