/** The cluster adapter, connected to a cluster of the tests, with bounds short enough to see them pass. */
import { connectCluster } from '../../src/kubernetes/cluster.ts';
import type { Cluster, ClusterBounds } from '../../src/kubernetes/cluster.ts';
import type { ContainerObjects, ObjectsView } from '../../src/kubernetes/objects/container.ts';
import type { Leadership } from '../../src/leadership/leadership.ts';
import { eventually, openCluster } from './kubernetes.ts';
import type { TestCluster } from './kubernetes.ts';
import type { SandboxKubernetes } from '../../scripts/sandbox/kubernetes/api.ts';
import { captureLog } from './log-lines.ts';
import type { LogLine } from './log-lines.ts';

export interface ConnectedCluster extends Cluster, AsyncDisposable {
  /** What the adapter has logged. */
  lines: LogLine[];
}

export interface ConnectOptions {
  kubeconfig?: string;
  externalServiceType?: 'LoadBalancer' | 'NodePort';
  isolateInternalPorts?: boolean;
  crashTolerance?: number;
  logs?: boolean;
  bounds?: Partial<ClusterBounds>;
  leadership?: Leadership;
  /** Whether the watches are begun and the caches filled before it is given back; they are where this is absent. */
  start?: boolean;
}

/** Retries within tens of milliseconds; watches and silences as long as in production. */
export const quickReflector: ClusterBounds['reflector'] = {
  pageSize: 500,
  pageDeadlineMs: 10_000,
  watchTimeoutSeconds: 30,
  stallMs: 40_000,
  backoff: { firstMs: 10, maxMs: 50 },
  maxWatchWaitMs: 10_000,
  permissionsLoadMs: 10_000,
};

/** Connects to the test cluster's namespace; disposing of it stops it. On the sandbox its watches are open by then. */
export async function connect(
  { kubeconfig, namespace, sandbox }: Pick<TestCluster, 'kubeconfig' | 'namespace' | 'sandbox'>,
  options: ConnectOptions = {},
): Promise<ConnectedCluster> {
  const { log, lines } = captureLog();
  const cluster = connectCluster({
    kubeconfig: options.kubeconfig ?? kubeconfig,
    namespace,
    externalServiceType: options.externalServiceType ?? 'LoadBalancer',
    log,
    ...(options.isolateInternalPorts !== undefined && { isolateInternalPorts: options.isolateInternalPorts }),
    ...(options.logs !== undefined && { logs: options.logs }),
    statusSettings: { crashTolerance: options.crashTolerance },
    ...(options.leadership && { leadership: options.leadership }),
    bounds: { reflector: quickReflector, ...options.bounds },
  });
  const connected = { ...cluster, lines, [Symbol.asyncDispose]: () => cluster.stop() };
  if (options.start === false) return connected;
  const watches = () => sandbox?.requests.count({ verb: 'watch' }) ?? 0;
  const before = watches();
  cluster.start();
  await cluster.source.ready;
  if (sandbox) {
    const areOpen = () => watches() >= before + 3 && sandbox.faults.openWatches() >= 3;
    await eventually(areOpen, Boolean).catch(async (error: unknown) => {
      await cluster.stop();
      throw error;
    });
  }
  return connected;
}

/** What the caches have of a container; absent where it has no Deployment. */
export function cachedObjects({ source }: Pick<Cluster, 'source'>, id: string): ContainerObjects | undefined {
  return (source.view(id) as ObjectsView | undefined)?.objects;
}

export interface SandboxCluster extends TestCluster {
  sandbox: SandboxKubernetes;
}

/** The sandbox's API, for tests that switch faults on or count requests. */
export async function openSandbox(options: Parameters<typeof openCluster>[0] = {}): Promise<SandboxCluster> {
  const cluster = await openCluster(options);
  const { sandbox } = cluster;
  if (sandbox === undefined) {
    await cluster[Symbol.asyncDispose]();
    throw new Error('this test needs the sandbox: unset SP_TEST_KUBECONFIG');
  }
  const dispose = async () => {
    sandbox.faults.clear();
    await cluster[Symbol.asyncDispose]();
  };
  return { ...cluster, sandbox, [Symbol.asyncDispose]: dispose };
}

/** A signal that is never aborted, for calls that nobody cancels. */
export function unhurried(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

/** What a call fails with; throws when it does not fail. */
export async function failureOf(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    return error as Error;
  }
  throw new Error('the call was expected to fail');
}
