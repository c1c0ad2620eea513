/**
 * What decisions 6 and 7 say of the official client, at the pinned version: a test that fails is a reason to look at the
 * decision again, not a fault of the service.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppsV1Api, KubeConfig, ListWatch, Watch } from '@kubernetes/client-node';
import type { V1Deployment } from '@kubernetes/client-node';
import t from 'tap';
import { legacyDeployment } from '../support/legacy.ts';
import { openSandbox } from '../support/kubernetes.ts';
import type { SandboxCluster } from '../support/kubernetes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const still = { controllers: false } as const;
/** The longest that the informer waits before it takes a watch up again, and something for a busy machine. */
const noReactionMs = 2_500;

function configOf({ kubeconfig }: Pick<SandboxCluster, 'kubeconfig'>): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

/** An informer of the Deployments, and what it said of errors. */
function informerOf(cluster: SandboxCluster, idleMs?: number) {
  const config = configOf(cluster);
  const api = config.makeApiClient(AppsV1Api);
  const watch = new Watch(config);
  // It offers no other way.
  if (idleMs !== undefined) Object.assign(watch, { requestTimeoutMs: idleMs });
  const { namespace } = cluster;
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const informer = new ListWatch<V1Deployment>(path, watch, () => api.listNamespacedDeployment({ namespace }), false);
  const errors: string[] = [];
  informer.on('error', (error: unknown) => errors.push((error as Error).message));
  return { informer, errors };
}

function add(cluster: SandboxCluster, id: string): void {
  cluster.sandbox.objects.create(legacyDeployment(id, cluster.namespace));
}

const lists = { verb: 'list', resource: 'deployments' } as const;
const watches = { verb: 'watch', resource: 'deployments' } as const;

t.test('6: the informer stops for good when its connection is reset', async (t) => {
  await using cluster = await openSandbox(still);
  const { sandbox } = cluster;
  const { informer, errors } = informerOf(cluster);
  await informer.start();
  await until('it watches', () => sandbox.faults.openWatches() === 1);
  add(cluster, 'seen');
  await until('it sees', () => informer.list().length === 1);
  sandbox.faults.resetWatches();
  await until('it says so', () => errors.length > 0);
  add(cluster, 'unseen');
  await delay(noReactionMs);
  t.equal(sandbox.requests.count(watches), 1);
  t.equal(informer.list().length, 1);
});

t.test('6: it stops for good when a list fails', async (t) => {
  await using cluster = await openSandbox(still);
  const { sandbox } = cluster;
  const { informer, errors } = informerOf(cluster);
  sandbox.faults.refuse({ code: 503 }, { ...lists, times: 1 });
  await informer.start();
  t.equal(errors.length, 1);
  await delay(noReactionMs);
  t.equal(sandbox.requests.count(lists), 1);
  t.equal(sandbox.requests.count(watches), 0);
});

t.test(
  '6: it has a bound on silence, and asks for no bookmarks: after a quiet time it lists everything again',
  async (t) => {
    await using cluster = await openSandbox(still);
    const { sandbox } = cluster;
    add(cluster, 'quiet');
    const { informer, errors } = informerOf(cluster, 300);
    await informer.start();
    await until('it watches', () => sandbox.faults.openWatches() === 1);
    sandbox.faults.silenceWatches();
    await until('it watches again', () => sandbox.requests.count(watches) > 2);
    t.notMatch(sandbox.requests.last(watches)[0]!.query, /allowWatchBookmarks/);
    t.equal(sandbox.requests.count(lists), 1);
    sandbox.compact();
    await until('it lists again', () => sandbox.requests.count(lists) > 1);
    await informer.stop();
    t.strictSame(errors, []);
  },
);

t.test('7: with TLS each request has a connection of its own, one after the other as well', async (t) => {
  await using cluster = await openSandbox({ ...still, tls: true });
  const config = configOf(cluster);
  await using proxy = await startTcpProxy(cluster.sandbox.url);
  Object.assign(config.clusters[0]!, { server: `https://127.0.0.1:${proxy.port}` });
  const api = config.makeApiClient(AppsV1Api);
  for (let count = 0; count < 10; count++) await api.listNamespacedDeployment({ namespace: cluster.namespace });
  t.equal(proxy.accepted, 10);
  t.equal(proxy.connections, 10, 'and none of them is closed');
});

t.test('7: what the API server says of a watch that it refuses is lost', async (t) => {
  await using cluster = await openSandbox(still);
  const { informer, errors } = informerOf(cluster);
  cluster.sandbox.faults.refuse({ code: 403, message: 'deployments is forbidden: quota of watches' }, watches);
  await informer.start();
  await until('it says so', () => errors.length > 0);
  t.strictSame(errors, ['Forbidden']);
});

t.test('7: fields that it does not know are dropped in both directions', async (t) => {
  const bodies: string[] = [];
  const known = { metadata: { name: 'web' }, spec: { replicas: 1 } };
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      bodies.push(text);
      response.setHeader('content-type', 'application/json');
      response.statusCode = 201;
      response.end(JSON.stringify({ ...known, spec: { ...known.spec, fresh: true } }));
    });
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: 'a', server: url, skipTLSVerify: true }, { name: 'a' });
  const body = { ...known, spec: { ...known.spec, fresh: true } } as unknown as V1Deployment;
  const made = await config.makeApiClient(AppsV1Api).createNamespacedDeployment({ namespace: 'a', body });
  t.notMatch(bodies[0], /fresh/);
  t.notOk('fresh' in made.spec!);
});
