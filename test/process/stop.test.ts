import { once } from 'node:events';
import { connect } from 'node:net';

import t from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { containerSpec } from '../support/base-spec.ts';
import { subscribeEvents } from '../support/events.ts';
import { startNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { startRegistry } from '../../scripts/registry.ts';
import { until } from '../support/until.ts';
import { startService } from './service.ts';

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`exits with 0 on ${signal}`, async (t) => {
    await using cluster = await startKubernetesApi();
    await using nats = await startNatsServer();
    await using registry = await startRegistry();
    await using service = startService({
      SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
      SP_NATS_URL: nats.url,
      DCM_REGISTRATION_URL: registry.url,
    });
    await Promise.all([service.printed(/"msg":"registered"/), service.printed(/"msg":"connected to NATS"/)]);
    service.signal(signal);
    t.strictSame(await service.ended, { code: 0, signal: null });
    t.match(service.log().slice(-2), [
      { level: 'info', msg: 'stopping', signal },
      { level: 'info', msg: 'stopped' },
    ]);
    t.equal(service.stderr(), '');
  });
}

t.test('answers the requests in flight on SIGTERM, and publishes what came of them', async (t) => {
  await using cluster = await startKubernetesApi();
  await using nats = await startNatsServer();
  await using events = await subscribeEvents(nats.url);
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_NATS_URL: nats.url,
    // Longer than the test: only the end of the service ends the window.
    SP_MONITOR_DEBOUNCE_MS: '600000',
  });
  const client = await service.client();
  await until('the caches are filled', async () => (await client.GET('/containers')).response.status === 200);
  using _slow = cluster.faults.delay(3_000, { verb: 'create', resource: 'deployments' });
  const creating = client.POST('/containers', { params: { query: { id: 'last' } }, body: { spec: containerSpec() } });
  await until('the cluster is asked', () => cluster.requests.count({ verb: 'create', resource: 'deployments' }) === 1);
  service.signal('SIGTERM');
  const { response } = await creating;
  t.equal(response.status, 201);
  t.equal(response.headers.get('connection'), 'close');
  t.strictSame(await service.ended, { code: 0, signal: null });
  const event = await events.waitFor('last', 'PENDING');
  t.equal(event.source, 'dcm/providers/provider-1');
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  t.test(`a second signal, ${signal}, ends it at once`, async (t) => {
    await using cluster = await startKubernetesApi();
    await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
    const client = await service.client();
    using _hanging = cluster.faults.hang({ verb: 'create' });
    const creating = client.POST('/containers', { body: { spec: containerSpec() } });
    const cut = t.rejects(creating);
    await until('the cluster is asked', () => cluster.requests.count({ verb: 'create' }) === 1);
    service.signal('SIGTERM');
    await service.printed(/"msg":"stopping"/);
    service.signal(signal);
    t.strictSame(await service.ended, { code, signal: null });
    await cut;
  });
}

t.test('two SIGINTs of which npm has passed on one are one', async (t) => {
  await using cluster = await startKubernetesApi();
  // Without it, the status of the container would be waited with to the end.
  await using nats = await startNatsServer();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(), SP_NATS_URL: nats.url });
  const client = await service.client();
  using _slow = cluster.faults.delay(3_000, { verb: 'create' });
  const creating = client.POST('/containers', { body: { spec: containerSpec() } });
  await until('the cluster is asked', () => cluster.requests.count({ verb: 'create' }) === 1);
  service.signal('SIGINT');
  await service.printed(/"msg":"stopping"/);
  service.signal('SIGINT');
  t.equal((await creating).response.status, 201);
  t.strictSame(await service.ended, { code: 0, signal: null });
});

t.test('publishes what is waiting although a client keeps a refused tunnel half open', async (t) => {
  await using cluster = await startKubernetesApi();
  await using nats = await startNatsServer();
  await using events = await subscribeEvents(nats.url);
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_NATS_URL: nats.url,
    SP_MONITOR_DEBOUNCE_MS: '600000',
  });
  const client = await service.client();
  await service.printed(/"msg":"connected to NATS"/);
  const { port } = new URL(await service.listening());
  const tunnel = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
  t.teardown(() => tunnel.destroy());
  tunnel.on('error', () => undefined);
  tunnel.resume().write('CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n');
  await once(tunnel, 'end');
  const created = await client.POST('/containers', {
    params: { query: { id: 'last' } },
    body: { spec: containerSpec() },
  });
  t.equal(created.response.status, 201);
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  await events.waitFor('last', 'PENDING');
  t.notOk(
    service.log().some(({ level, part }) => level === 'error' || part !== undefined),
    'no part was left behind',
  );
});

t.test('exits with 0 within the shutdown timeout, whatever does not end', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({
    SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    SP_SERVER_SHUTDOWN_TIMEOUT: '1s',
  });
  const client = await service.client();
  await until('the caches are filled', async () => (await client.GET('/containers')).response.status === 200);
  // It cannot be published, there is no NATS; and the next one hangs in the cluster.
  t.equal((await client.POST('/containers', { body: { spec: containerSpec() } })).response.status, 201);
  using _hanging = cluster.faults.hang({ verb: 'create' });
  const cut = t.rejects(client.POST('/containers', { body: { spec: containerSpec() } }));
  await until('the cluster is asked', () => cluster.requests.count({ verb: 'create', resource: 'deployments' }) === 2);
  const start = performance.now();
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  const took = performance.now() - start;
  t.ok(took < 2_000, `${Math.round(took)} ms`);
  t.match(
    service.log().filter(({ level }) => level === 'error'),
    [{ msg: 'stopping with unpublished status events', unpublished: 1 }],
  );
  await cut;
});

t.test('a signal that comes while it starts is not lost', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
  await service.printed(/"msg":"listening"/);
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
});

t.test('logs an error that nobody expected, and exits with 1', async (t) => {
  await using cluster = await startKubernetesApi();
  const fail = `process.on('SIGUSR2', () => void Promise.reject(new Error('nobody handles this')))`;
  await using service = startService(
    { SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() },
    { nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(fail)}`] },
  );
  await service.listening();
  service.signal('SIGUSR2');
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.log().at(-1), { level: 'fatal', err: { message: 'nobody handles this' } });
});
