import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import t from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { formatKubeconfig } from '../../scripts/sandbox/kubernetes/kubeconfig.ts';
import { containerSpec } from '../support/base-spec.ts';
import { subscribeEvents } from '../support/events.ts';
import { startNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { startRegistry } from '../../scripts/registry.ts';
import { until } from '../support/until.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { startService } from './service.ts';

const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
const withoutIpv6 = addresses.some(({ address }) => address === '::1') ? false : 'this machine has no IPv6';

/** A server that notes, when the first connection comes, whether the port was listened on by then. */
async function startWitness(
  port: number,
): Promise<{ address: string; sawListening: Promise<boolean>; server: Server }> {
  const { promise: sawListening, resolve } = Promise.withResolvers<boolean>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const probe = connect(port, '127.0.0.1');
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sawListening, server };
}

t.test('listens before it registers', async (t) => {
  const port = await findFreePort();
  const registry = await startWitness(port);
  t.teardown(() => registry.server.close());
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    DCM_REGISTRATION_URL: `http://${registry.address}`,
    SP_SERVER_ADDRESS: `127.0.0.1:${port}`,
  });
  await service.listening();
  t.equal(await registry.sawListening, true);
});

t.test('serves while cluster, NATS and registry are missing, and takes up work with each that arrives', async (t) => {
  const [clusterPort, natsPort, registryPort] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const kubeconfig = join(
    t.testdir({ kubeconfig: formatKubeconfig({ url: `http://127.0.0.1:${clusterPort}` }) }),
    'kubeconfig',
  );
  await using service = startService({
    SP_K8S_KUBECONFIG: kubeconfig,
    SP_NATS_URL: `nats://127.0.0.1:${natsPort}`,
    DCM_REGISTRATION_URL: `http://127.0.0.1:${registryPort}/api/v1alpha1`,
    SP_SERVER_REQUEST_TIMEOUT: '2s',
    SP_MONITOR_DEBOUNCE_MS: '20',
  });
  const client = await service.client();
  const health = async () => (await client.GET('/containers/health')).data?.status;
  t.equal(await health(), 'unhealthy');
  const refused = await client.POST('/containers', {
    params: { query: { id: 'web' } },
    body: { spec: containerSpec() },
  });
  t.equal(refused.response.status, 503);

  await using cluster = await startKubernetesApi({ port: clusterPort });
  await until('the cluster is seen', async () => (await health()) === 'healthy');
  const created = await client.POST('/containers', {
    params: { query: { id: 'web' } },
    body: { spec: containerSpec() },
  });
  t.equal(created.response.status, 201);
  await until('the container runs', async () => {
    const { data } = await client.GET('/containers/{container_id}', { params: { path: { container_id: 'web' } } });
    return data?.status === 'RUNNING';
  });

  await using nats = await startNatsServer({ port: natsPort });
  await using events = await subscribeEvents(nats.url);
  await events.waitFor('web', 'RUNNING');

  await using registry = await startRegistry({ port: registryPort });
  await registry.received(1);
  t.match(registry.requests[0], { path: '/api/v1alpha1/providers', body: { name: 'provider-1' } });
  t.ok(cluster.url);
});

t.test('answers with the version of the package', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
  const client = await service.client();
  const { data } = await client.GET('/containers/health');
  const text = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8');
  t.equal(data?.version.split('+')[0], (JSON.parse(text) as { version: string }).version);
});

t.test('says in one line that the port is taken, and exits with 1', async (t) => {
  await using cluster = await startKubernetesApi();
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_SERVER_ADDRESS: `127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.log().slice(1), [{ level: 'error', msg: 'cannot start', err: { code: 'EADDRINUSE' } }]);
  t.equal(service.stderr(), '');
});

for (const [address, expected] of [
  [':0', /^(\[::\]|0\.0\.0\.0):\d+$/],
  ['[::1]:0', /^\[::1\]:\d+$/],
  ['localhost:0', /^127\.0\.0\.1:\d+$/],
] as const) {
  t.test(`listens on ${address}`, { skip: address.includes('::') && withoutIpv6 }, async (t) => {
    await using cluster = await startKubernetesApi();
    await using service = startService({
      SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
      SP_SERVER_ADDRESS: address,
    });
    const url = await service.listening();
    t.match(url.slice('http://'.length), expected);
    const reachable = url.replace('[::]', 'localhost').replace('0.0.0.0', 'localhost');
    t.equal((await fetch(`${reachable}/api/v1alpha1/containers/health`)).status, 200);
  });
}
