/** Everything that the figures are taken on: a cluster with a large and a small namespace, NATS, and processes that work. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { ClusterApi } from '../cluster/api.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { startNatsServer } from '../sandbox/nats/nats-server.ts';
import type { TestNatsServer } from '../sandbox/nats/nats-server.ts';
import { startRegistry } from '../registry.ts';
import { buildDeployment } from '../../src/kubernetes/objects/deployment.ts';
import { startWorker } from './jobs.ts';
import type { Worker } from './jobs.ts';
import type { KubernetesJobs } from './kubernetes-process.ts';
import type { LoadJobs, WriteJob } from './load-process.ts';
import type { BenchOptions } from './options.ts';
import { startProviderProcess } from './provider-process.ts';
import type { ProviderProcess, ProviderProcessOptions } from './provider-process.ts';
import { eventually } from './eventually.ts';
import { containerId, containerSpec, incarnation } from './objects.ts';

export interface Stage extends AsyncDisposable {
  options: BenchOptions;
  api: ClusterApi;
  kubeconfig: string;
  /** As a raw client of the cluster needs it. */
  credentials: Pick<WriteJob, 'ca' | 'cert' | 'key'> & { headers: Record<string, string> };
  namespaces: { large: string; small: string; empty: string; crowd: string };
  nats: TestNatsServer;
  load: Worker<LoadJobs>;
  /** Requests at the API server so far; absent where others ask it as well. */
  countCalls?: () => Promise<number>;
  /** Has the API server stand still, and gives back what lets it go on; absent where it is not ours alone. */
  freezeApiServer?: () => Disposable;
  /** Starts one more provider. */
  startProvider(
    namespace: string,
    more?: Pick<ProviderProcessOptions, 'env' | 'measureDelay' | 'folder'>,
  ): Promise<ProviderProcess>;
}

const file = (name: string): string => join(import.meta.dirname, name);

export async function buildStage(options: BenchOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const { kubeconfig, countCalls, freezeApiServer } = options.cluster
    ? await startRealCluster(stack)
    : await startSandbox(stack, folder);
  const api = stack.use(await ClusterApi.fromKubeconfig(kubeconfig));
  const nats = stack.use(await startNatsServer());
  const registry = stack.use(await startRegistry());
  const load = stack.use(startWorker<LoadJobs>(file('load-process.ts')));
  const createOwn = (name: string): Promise<string> => createNamespace({ api, options }, stack, name);
  const namespaces = {
    large: await createOwn('large'),
    small: await createOwn('small'),
    empty: await createOwn('empty'),
    crowd: await createOwn('crowd'),
  };
  await populate(api, namespaces.small, options.fewContainers);
  await populate(api, namespaces.large, options.containers);
  const parts = stack.move();
  return {
    options,
    api,
    kubeconfig,
    credentials: await readCredentials(kubeconfig),
    namespaces,
    nats,
    load,
    ...(countCalls && { countCalls }),
    ...(freezeApiServer && { freezeApiServer }),
    startProvider: (namespace, more) =>
      startProviderProcess({
        kubeconfig,
        namespace,
        natsUrl: nats.url,
        registrationUrl: registry.url,
        built: true,
        ...more,
      }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

type Cluster = Pick<Stage, 'kubeconfig' | 'countCalls' | 'freezeApiServer'>;

async function startRealCluster(stack: AsyncDisposableStack): Promise<Cluster> {
  const controlPlane = stack.use(await startControlPlane());
  return { kubeconfig: controlPlane.kubeconfig };
}

async function startSandbox(stack: AsyncDisposableStack, folder: string): Promise<Cluster> {
  const kubernetes = stack.use(startWorker<KubernetesJobs>(file('kubernetes-process.ts')));
  const kubeconfig = await kubernetes.run('start', { kubeconfig: join(folder, 'kubeconfig') });
  return {
    kubeconfig,
    countCalls: () => kubernetes.run('countCalls', undefined),
    freezeApiServer: () => {
      process.kill(kubernetes.pid, 'SIGSTOP');
      return { [Symbol.dispose]: () => void process.kill(kubernetes.pid, 'SIGCONT') };
    },
  };
}

/** @returns its name, which no other run has; `stack` removes it */
export async function createNamespace(
  { api, options }: Pick<Stage, 'api' | 'options'>,
  stack: AsyncDisposableStack,
  purpose: string,
): Promise<string> {
  const name = `bench-${purpose}-${Date.now().toString(36)}`;
  await api.create('/api/v1/namespaces', { metadata: { name } });
  stack.defer(async () => {
    await api.delete(`/api/v1/namespaces/${name}`);
  });
  if (options.cluster) {
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    await eventually('a ServiceAccount', async () => (await api.get(account)).metadata.uid !== '');
  }
  return name;
}

/** Makes containers past the provider, and waits until their Pods run. */
export async function populate(api: ClusterApi, namespace: string, count: number): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const numbers = Array.from({ length: count }, (_, index) => index).values();
  const create = async (): Promise<void> => {
    for (const index of numbers) {
      const identity = { id: containerId(index), incarnation, namespace };
      await api.create(path, buildDeployment(identity, containerSpec(index)));
    }
  };
  await Promise.all(Array.from({ length: 20 }, create));
  const pods = `/api/v1/namespaces/${namespace}/pods?limit=1`;
  await eventually(`${count} Pods that run`, async () => {
    const all = await api.get<PodList>(pods);
    const others = await api.get<PodList>(`${pods}&fieldSelector=status.phase%21%3DRunning`);
    return all.items.length + (all.metadata.remainingItemCount ?? 0) === count && others.items.length === 0;
  });
}

interface PodList {
  items: unknown[];
  metadata: { remainingItemCount?: number };
}

async function readCredentials(kubeconfig: string): Promise<Stage['credentials']> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, headers } = options;
  const text = (value: unknown): string | undefined => (value as Buffer | string | undefined)?.toString();
  return { ca: text(ca), cert: text(cert), key: text(key), headers: { ...(headers as Record<string, string>) } };
}
