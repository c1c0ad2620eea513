import t from 'tap';
import type { Test } from 'tap';
import type { Fault, FaultAction } from '../../../scripts/sandbox/kubernetes/faults.ts';
import type { Client } from '../../../generated/client.ts';
import { withPorts } from '../../support/base-spec.ts';
import { createContainer, listIds, readContainer } from '../../support/containers.ts';
import { healed, becomesUnhealthy, onlyWithAll } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import { startSystem } from '../../support/system.ts';
import type { System } from '../../support/system.ts';

const reads = { verb: ['list', 'watch'] } as const;
const external = withPorts({ 8080: 'external' });

t.test('an API server that refuses or is slow', async (t) => {
  await using system = await startSystem({ on: 'sandbox', env: { SP_SERVER_REQUEST_TIMEOUT: '1s' } });
  const { client, events } = system;
  const { faults, requests } = system.cluster.sandbox!;
  await createContainer(client, 'steady', external);
  await createContainer(client, 'doomed');
  await events.waitFor('steady', 'RUNNING');
  await healed(system);

  await t.test('throttles: the client is told when to come back, and nothing is done', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 7 }, { verb: 'create' });
    const { response } = await create(client, 'throttled');
    t.equal(response.status, 503);
    t.equal(response.headers.get('retry-after'), '7');
    t.equal(throttle.hits, 1, 'a create is not repeated');
    t.same(await system.workloads.of('deployments', 'throttled'), []);
    throttle.remove();
    await healed(system);
  });

  await t.test('throttles between Deployment and Service: the container is whole in the end', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 2 }, { verb: 'create', resource: 'services', times: 1 });
    const { response } = await create(client, 'halved');
    t.equal(response.status, 503, 'the time of the request is up before');
    t.equal(throttle.hits, 1);
    await system.workloads.until('services', 'halved', ({ length }) => length === 1);
    await events.waitFor('halved', 'RUNNING');
    await healed(system);
  });

  await t.test('throttles the Service for longer than a create may last: nothing is left of it', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 60 }, { verb: 'create', resource: 'services' });
    const { response } = await create(client, 'undone');
    t.equal(response.status, 503);
    t.equal(response.headers.get('retry-after'), '60');
    t.same(await system.workloads.of('deployments', 'undone'), []);
    throttle.remove();
    await healed(system);
  });

  await t.test('throttles a delete: it is asked for again after the time that was named', async (t) => {
    await createContainer(client, 'patient');
    using throttle = faults.refuse({ code: 429, retryAfter: 2 }, { verb: 'delete', times: 1 });
    const path = { container_id: 'patient' };
    const { response } = await client.DELETE('/containers/{container_id}', { params: { path } });
    t.equal(response.status, 503, 'the time of the request is up before');
    t.equal(throttle.hits, 1);
    await events.waitFor('patient', 'DELETED');
    await healed(system);
  });

  await t.test('throttles the watches: memory serves, and they come back no sooner than asked', async (t) => {
    using throttle = faults.refuse({ code: 429, retryAfter: 2 }, reads);
    requests.clear();
    const refusedAt = performance.now();
    faults.resetWatches();
    await eventually(
      () => throttle.hits,
      (hits) => hits >= 3,
    );
    t.ok((await listIds(client)).includes('steady'));
    await eventually(
      () => throttle.hits,
      (hits) => hits >= 6,
    );
    t.ok(performance.now() - refusedAt >= 2_000, 'two rounds are at least the time asked for apart');
    await catchesUp(system, throttle);
  });

  await t.test('fails altogether: health says so, memory serves, writes are 503, and all comes back', async (t) => {
    using failure = await fail(t, system, { code: 500 });
    t.equal((await create(client, 'failed')).response.status, 503);
    await catchesUp(system, failure);
    t.notOk((await listIds(client)).includes('failed'));
  });

  await t.test('is behind a proxy that answers 502 with a page: that is an outage like any other', async (t) => {
    const body = '<html><body>Bad gateway at 10.0.0.7</body></html>';
    using failure = await fail(t, system, { code: 502, body, contentType: 'text/html' });
    const { response, error } = await create(client, 'failed');
    t.equal(response.status, 503);
    t.notMatch(JSON.stringify(error), /10\.0\.0\.7|html/);
    await catchesUp(system, failure);
  });

  await t.test('fails in the middle of its watches: they begin anew', async () => {
    faults.failWatches(500);
    await catchesUp(system);
  });

  await t.test('takes longer than the request may: 503, and the container is whole in the end', async (t) => {
    const late = faults.delay(1_500, { verb: 'create', times: 2 });
    await refusedInTime(t, client, 'late');
    t.equal(late.hits, 1);
    await system.workloads.until('services', 'late', ({ length }) => length === 1);
    await events.waitFor('late', 'RUNNING');
    t.equal((await create(client, 'late')).response.status, 409);
    await healed(system);
  });

  await t.test('takes longer than a read past memory may: 503', async (t) => {
    using hanging = faults.hang({ verb: 'list' });
    const askedAt = performance.now();
    const path = { container_id: 'unknown' };
    const { response } = await client.GET('/containers/{container_id}', { params: { path } });
    t.equal(response.status, 503);
    t.ok(performance.now() - askedAt < 2_500);
    hanging.remove();
    await healed(system);
  });

  await t.test('never answers the create of a Service: nothing is left half-done', onlyWithAll, async (t) => {
    using hanging = faults.hang({ verb: 'create', resource: 'services' });
    await refusedInTime(t, client, 'hung');
    await system.workloads.one('deployments', 'hung');
    await system.workloads.until('deployments', 'hung', ({ length }) => length === 0);
    hanging.remove();
    await healed(system);
  });
});

function create(client: Client, id: string) {
  return client.POST('/containers', { params: { query: { id } }, body: { spec: external } });
}

async function refusedInTime(t: Test, client: Client, id: string): Promise<void> {
  const askedAt = performance.now();
  const { response } = await create(client, id);
  t.equal(response.status, 503);
  t.match(response.headers.get('retry-after'), /^[1-9]\d*$/);
  t.ok(performance.now() - askedAt < 2_500, 'it comes when the time is up');
}

/** From now on everything is answered so, until the fault is removed. */
async function fail(t: Test, { cluster, provider, client }: System, refusal: Refusal): Promise<Fault> {
  const { faults } = cluster.sandbox!;
  const fault = faults.refuse(refusal);
  faults.resetWatches();
  await becomesUnhealthy(provider);
  t.equal((await readContainer(client, 'steady')).status, 'RUNNING');
  t.ok((await listIds(client)).includes('steady'));
  return fault;
}

type Refusal = Omit<Extract<FaultAction, { kind: 'refuse' }>, 'kind'>;

/** What changes during the fault is told once it is over. */
async function catchesUp(system: System, fault?: Fault): Promise<void> {
  const { cluster, events } = system;
  /** Past HTTP, which the fault meets too. */
  const scale = (replicas: number) =>
    cluster.sandbox!.objects.patch(
      { resource: 'deployments', namespace: cluster.namespace, name: 'dcm-steady' },
      { spec: { replicas } },
    );
  const last = events.of('steady').at(-1);
  scale(0);
  fault?.remove();
  const failed = await events.waitFor('steady', 'FAILED', last);
  scale(1);
  await events.waitFor('steady', 'RUNNING', failed);
  await healed(system);
}
