import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import t from 'tap';

import { startRegistry } from '../../scripts/registry.ts';
import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { formatKubeconfig } from '../../scripts/sandbox/kubernetes/kubeconfig.ts';
import { startNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { containerSpec } from '../support/base-spec.ts';
import { until } from '../support/until.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { startService } from './service.ts';
import type { ServiceProcess } from './service.ts';

async function managementOf(service: ServiceProcess) {
  const [, address] = await service.printed(/"managementAddress":"([^"]+)"/);
  return async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://${address!}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** The value of a sample, its labels in the order in which they are shown; absent where there is no such sample. */
function sample(metrics: string, name: string): number | undefined {
  const line = metrics.split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

t.test('tells which version runs, in health, in the log and as a metric', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
  });
  const ask = await managementOf(service);
  const { data } = await (await service.client()).GET('/containers/health', {});
  const [version, revision = ''] = data!.version.split('+');
  t.match(version, /^\d+\.\d+\.\d+$/);
  t.match(service.log()[0], { msg: 'starting', version: data!.version, node: process.version });
  t.equal(sample((await ask('/metrics')).text, `dcm_build_info{version="${version}",revision="${revision}"}`), 1);
});

t.test('serves metrics of every part', async (t) => {
  await using cluster = await startKubernetesApi();
  await using nats = await startNatsServer();
  await using registry = await startRegistry();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_NATS_URL: nats.url,
    DCM_REGISTRATION_URL: registry.url,
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
    SP_MONITOR_DEBOUNCE_MS: '0',
  });
  const ask = await managementOf(service);
  const client = await service.client();
  const url = await service.listening();
  const path = { params: { path: { container_id: 'web' } } };
  const created = await client.POST('/containers', {
    params: { query: { id: 'web' } },
    body: { spec: containerSpec() },
  });
  t.equal(created.response.status, 201);
  await until('it runs', async () => (await client.GET('/containers/{container_id}', path)).data?.status === 'RUNNING');
  await fetch(`${url}/nowhere`);
  await fetch(`${url}/api/v1alpha1/containers`, { method: 'PUT' });
  const scrape = async () => (await ask('/metrics')).text;
  await until('all is told', async () => {
    const metrics = await scrape();
    return sample(metrics, 'dcm_containers{status="RUNNING"}') === 1 && sample(metrics, 'dcm_registered') === 1;
  });

  const { status, headers, text } = await ask('/metrics');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^text\/plain; version=/);
  const count = (labels: string) => sample(text, `http_request_duration_seconds_count{${labels}}`);
  const base = '/api/v1alpha1/containers';
  t.equal(count(`method="POST",route="${base}",status_code="201"`), 1);
  t.ok(count(`method="GET",route="${base}/{container_id}",status_code="200"`)! > 0);
  t.equal(count('method="GET",route="unmatched",status_code="404"'), 1);
  t.equal(count('method="PUT",route="unmatched",status_code="405"'), 1);
  const host = new URL(cluster.url).host;
  t.equal(sample(text, `rest_client_requests_total{code="201",method="POST",host="${host}"}`), 1);
  t.equal(sample(text, `rest_client_request_duration_seconds_count{verb="POST",host="${host}"}`), 1);
  t.ok(sample(text, 'dcm_events_published_total')! >= 1);
  t.ok(sample(text, 'dcm_event_delay_seconds_count')! >= 1);
  t.equal(sample(text, 'dcm_events_dropped_total'), 0);
  t.equal(sample(text, 'dcm_nats_connected'), 1);
  for (const name of ['dcm_events_unconfirmed', 'process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']) {
    t.type(sample(text, name), 'number', name);
  }
  t.equal(sample(text, 'dcm_cache_objects{resource="deployments"}'), 1);
  t.ok(sample(text, 'dcm_cache_age_seconds{resource="pods"}')! < 120);
  t.equal(sample(text, 'dcm_containers{status="FAILED"}'), 0);
  t.notMatch(text, /web|nginx/, 'nothing of a container is in a label');
  t.notMatch(text, 'leader_election_master_status', 'there is no election');
});

t.test('says that nobody leads while the Lease may not be written, and tries again', async (t) => {
  await using cluster = await startKubernetesApi();
  const message = 'leases.coordination.k8s.io is forbidden: User "provider" cannot create resource "leases"';
  const refusal = cluster.faults.refuse({ code: 403, message }, { verb: 'create', resource: 'leases' });
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
    SP_LEADER_ELECTION: 'true',
  });
  const ask = await managementOf(service);
  await service.printed(/"level":"error".*"verb":"create","resource":"leases","namespace":"default"/);
  await until('it is ready', async () => (await ask('/readyz')).status === 200);
  const known = async () => sample((await ask('/metrics')).text, 'dcm_leader_known{name="dcm-provider-provider-1"}');
  t.match((await ask('/readyz?verbose')).text, '[+]election ok (nobody leads)\n');
  t.equal(await known(), 0);
  refusal.remove();
  await until('it leads', async () => (await ask('/readyz/election')).text === 'ok (this replica leads)');
  t.equal(await known(), 1);
});

t.test('is ready when its caches are filled, and alive before', async (t) => {
  const clusterPort = await findFreePort();
  const kubeconfig = formatKubeconfig({ url: `http://127.0.0.1:${clusterPort}` });
  await using service = startService({
    SP_K8S_KUBECONFIG: join(t.testdir({ kubeconfig }), 'kubeconfig'),
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
  });
  const ask = await managementOf(service);
  await service.listening();
  t.strictSame((await ask('/livez')).text, 'ok');
  const unready = await ask('/readyz');
  t.equal(unready.status, 500);
  t.match(unready.text, '[-]cluster failed: the caches are not filled yet\n');
  t.match(unready.text, '[+]http ok\n');
  t.equal((await ask('/readyz/http')).status, 200);
  t.equal((await ask('/readyz/cluster')).status, 500);
  t.equal((await ask('/readyz/nats')).status, 404);
  t.equal((await ask('/readyz', { method: 'POST' })).status, 405);
  t.equal((await ask('/')).status, 404);

  await using cluster = await startKubernetesApi({ port: clusterPort });
  await until('it is ready', async () => (await ask('/readyz')).status === 200);
  t.equal(
    (await ask('/readyz?verbose')).text,
    '[+]ping ok\n[+]shutdown ok\n[+]cluster ok\n[+]http ok\nreadyz check passed\n',
  );
  t.equal((await ask('/readyz', { method: 'HEAD' })).text, '');
  t.ok(cluster.url);
});

t.test('fails readiness first when it is asked to stop, and serves on for the drain delay', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
    SP_SERVER_DRAIN_DELAY: '5s',
    // There is no NATS for the event of the container.
    SP_SERVER_SHUTDOWN_TIMEOUT: '1s',
  });
  const ask = await managementOf(service);
  const client = await service.client();
  await until('it is ready', async () => (await ask('/readyz')).status === 200);
  service.signal('SIGTERM');
  await service.printed(/"msg":"stopping"/);
  t.match(await ask('/readyz'), { status: 500, text: /\[-\]shutdown failed/ });
  t.equal((await ask('/livez')).status, 200);
  const created = await client.POST('/containers', { body: { spec: containerSpec() } });
  t.equal(created.response.status, 201);
  t.not(created.response.headers.get('connection'), 'close');
  t.strictSame(await service.ended, { code: 0, signal: null });
});

t.test('a second signal ends the drain delay', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_SERVER_DRAIN_DELAY: '1h',
  });
  await service.listening();
  service.signal('SIGTERM');
  await service.printed(/"msg":"stopping"/);
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 143, signal: null });
});

t.test('exits with 1 when the management address is taken', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_MANAGEMENT_ADDRESS: `127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.log().slice(1), [{ level: 'error', msg: 'cannot start', err: { code: 'EADDRINUSE' } }]);
});

t.test('shows the trace that a request is part of', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
  const url = await service.listening();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  for (const header of [traceparent, 'no trace']) {
    await fetch(`${url}/api/v1alpha1/containers/health`, { headers: { traceparent: header } });
  }
  const requests = () => service.log().filter(({ msg }) => msg === 'request');
  await until('both are logged', () => requests().length === 2);
  t.strictSame(
    requests().map((line) => line['traceparent']),
    [traceparent, undefined],
  );
});
