import { once } from 'node:events';
import t from 'tap';

import { KubernetesConnectionError, isAbsent } from '../../../src/kubernetes/api/api-error.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { openConnection } from '../../../src/kubernetes/api/connection.ts';
import { noMetrics } from '../../../src/telemetry/telemetry.ts';
import type { ClusterCall } from '../../../src/telemetry/telemetry.ts';
import { failureOf, openSandbox } from '../../support/cluster.ts';
import type { SandboxCluster } from '../../support/cluster.ts';

/** A client of the sandbox, and what ends its connections. */
function connect({ kubeconfig, namespace }: SandboxCluster) {
  const connection = openConnection(kubeconfig);
  const client = new KubernetesClient(connection, namespace);
  return { client, [Symbol.asyncDispose]: () => connection.close() };
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a' },
  spec: { containers: [{ name: 'a', image: 'a' }] },
};

t.test('calls of the Kubernetes API', async (t) => {
  await using cluster = await openSandbox();
  await using connected = connect(cluster);
  const { client } = connected;
  const { faults, requests } = cluster.sandbox;
  t.afterEach(() => {
    faults.clear();
    requests.clear();
  });

  await t.test('a read waits for as long as the API server asks, and tries again', async (t) => {
    using fault = faults.refuse({ code: 429, retryAfter: 1 }, { verb: 'list', times: 1 });
    const startedAt = Date.now();
    t.same(await client.listAll('pods', 'a=b', {}), []);
    t.ok(Date.now() - startedAt >= 1000);
    t.equal(fault.hits, 1);
  });

  await t.test('a read does not wait beyond its deadline', async (t) => {
    faults.refuse({ code: 429, retryAfter: 30 });
    const startedAt = Date.now();
    t.match(await failureOf(client.listAll('pods', 'a=b', {})), { status: 429, retryAfterSeconds: 30 });
    t.ok(Date.now() - startedAt < 5000);
    t.equal(requests.count({ verb: 'list' }), 1);
  });

  await t.test('a read is tried again after a dropped connection, and not forever', async (t) => {
    faults.drop({ verb: 'list', times: 2 });
    t.same(await client.listAll('pods', 'a=b', {}), []);
    using fault = faults.drop({ verb: 'list' });
    await t.rejects(client.listAll('pods', 'a=b', {}), KubernetesConnectionError);
    t.equal(fault.hits, 3);
  });

  await t.test('what is refused for good is not tried again', async (t) => {
    using fault = faults.refuse({ code: 403 });
    t.match(await failureOf(client.listAll('pods', 'a=b', {})), { status: 403, reason: 'Forbidden' });
    t.equal(fault.hits, 1);
  });

  await t.test('a write is never tried again', async (t) => {
    for (const switchOn of [() => faults.drop(), () => faults.refuse({ code: 429, retryAfter: 0 })]) {
      using fault = switchOn();
      await t.rejects(client.create('pods', pod, {}));
      t.equal(fault.hits, 1);
    }
  });

  await t.test('a call that gets no answer ends at its deadline', async (t) => {
    faults.hang();
    await t.rejects(client.version({ until: performance.now() + 50 }), KubernetesConnectionError);
    t.match(await failureOf(client.create('pods', pod, { until: performance.now() + 50 })), { outcomeUnknown: true });
    const watch = client.watch(
      'pods',
      { labelSelector: 'a', resourceVersion: '1', timeoutSeconds: 9 },
      { until: performance.now() + 50 },
    );
    await t.rejects(watch, KubernetesConnectionError);
  });

  await t.test("a caller's signal ends a call with its own reason", async (t) => {
    faults.hang();
    const controller = new AbortController();
    const call = client.listAll('pods', 'a=b', { signal: controller.signal });
    controller.abort(new RangeError('enough'));
    await t.rejects(call, RangeError);
    await t.rejects(client.version({ signal: controller.signal }), RangeError);
  });

  await t.test('an answer that no API server gives is understood as a failure', async (t) => {
    faults.refuse({ code: 502, body: '<html>bad gateway</html>', contentType: 'text/html' }, { times: 1 });
    t.match(await failureOf(client.create('pods', pod, {})), { status: 502, reason: undefined, outcomeUnknown: true });
    faults.refuse({ code: 200, body: '<html>hello</html>', contentType: 'text/html' }, { times: 1 });
    await t.rejects(client.version({}), KubernetesConnectionError);
  });

  await t.test('an answer that is not what was asked for is none', async (t) => {
    const status = { kind: 'Status', status: 'Success', metadata: {} };
    const objects = ['null', '[]', '{}', '{"kind":"Pod"}', '{"kind":"Pod","metadata":null}', JSON.stringify(status)];
    const calls = [
      () => client.create('pods', pod, {}),
      () => client.get('pods', 'a', {}),
      () => client.update('pods', pod, {}),
      () => client.patch('pods', 'a', {}, {}),
      () => client.list('pods', { labelSelector: 'a' }, {}),
    ];
    const pages = ['{}', '{"items":"a"}', '{"items":[null]}', '{"items":[1]}'].map((text) =>
      JSON.stringify({ kind: 'PodList', metadata: { resourceVersion: '1' }, ...(JSON.parse(text) as object) }),
    );
    const others = [
      { ...pod, kind: 'Service', metadata: { name: 'a', uid: 'b' } },
      { ...status, kind: 'ServiceList' },
    ];
    for (const body of ['', ...objects, ...pages.slice(1), ...others.map((other) => JSON.stringify(other))]) {
      using _ = faults.refuse({ code: 200, body, contentType: 'application/json' });
      for (const call of calls) {
        const error = await failureOf(call());
        t.type(error, KubernetesConnectionError, body);
        t.match(error.message, /^(create|get|update|patch|list) pods: the answer is not (JSON|a Pod)/);
      }
    }
    using _ = faults.refuse({ code: 200, body: pages[0]!, contentType: 'application/json' });
    t.same((await client.list('pods', { labelSelector: 'a' }, {})).items, [], 'an empty list may lack its items');
  });

  await t.test('a list that does not go on is none', async (t) => {
    const page = { kind: 'PodList', metadata: { resourceVersion: '1', continue: 'a' }, items: [] };
    faults.refuse({ code: 200, body: JSON.stringify(page), contentType: 'application/json' });
    t.match(await client.list('pods', {}, {}), { continueToken: 'a' });
    t.match(await failureOf(client.list('pods', { continueToken: 'a' }, {})), {
      name: 'KubernetesConnectionError',
      message: 'list pods: the list does not go on, its continue token is the same again',
    });
  });

  await t.test('a field that Kubernetes does not know is refused, not dropped', async (t) => {
    const wrong = { ...pod, spec: { ...pod.spec, enableServiceLink: false } };
    t.match(await failureOf(client.create('pods', wrong, {})), { status: 400 });
  });

  await t.test('deletes only the object that is meant', async (t) => {
    const { metadata } = await client.create('pods', pod, {});
    t.match(await failureOf(client.delete('pods', { name: 'a', uid: 'other' }, {})), { status: 409 });
    await client.delete('pods', { name: 'a', uid: metadata!.uid! }, {});
    t.match(await failureOf(client.delete('pods', { name: 'b' }, {})), { status: 404, reason: 'NotFound' });
  });

  await t.test('gets, updates and patches one object', async (t) => {
    const service = (port: number) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one', labels: { a: 'b' } },
      spec: { ports: [{ port }] },
    });
    const created = await client.create('services', service(80), {});
    t.same(await client.get('services', 'one', {}), created);
    const changed = { ...created, metadata: { ...created.metadata, labels: { a: 'c' } } };
    const updated = await client.update('services', changed, {});
    t.match(updated.metadata, { labels: { a: 'c' } });
    t.match(await failureOf(client.update('services', changed, {})), { status: 409, reason: 'Conflict' });
    const patched = await client.patch('services', 'one', { metadata: { labels: { a: null, d: 'e' } } }, {});
    t.same(patched.metadata?.labels, { d: 'e' });
    t.match(await failureOf(client.patch('services', 'one', { odd: 1 }, {})), { status: 400 });
    for (const call of [client.get('services', 'two', {}), client.patch('services', 'two', {}, {})]) {
      t.ok(isAbsent(await failureOf(call), { resource: 'services', name: 'two' }));
    }
    t.same(
      requests.last({ resource: 'services' }).map(({ verb }) => verb),
      ['create', 'get', 'update', 'update', 'patch', 'patch', 'get', 'patch'],
    );
  });

  await t.test('lists and watches by fields', async (t) => {
    const { metadata } = await client.create('pods', { ...pod, metadata: { name: 'chosen' } }, {});
    await client.create('pods', { ...pod, metadata: { name: 'other' } }, {});
    const fieldSelector = 'metadata.name=chosen';
    const { items, resourceVersion } = await client.list('pods', { fieldSelector }, {});
    t.same(
      items.map((item) => item.metadata?.name),
      ['chosen'],
    );
    const watch = await client.watch('pods', { fieldSelector, resourceVersion, timeoutSeconds: 30 }, {});
    await client.patch('pods', 'other', { metadata: { labels: { a: 'b' } } }, {});
    await client.patch('pods', 'chosen', { metadata: { labels: { a: 'b' } } }, {});
    const [line] = (await once(watch, 'data')) as [Buffer];
    const { object } = JSON.parse(line.toString()) as { object: { metadata: object } };
    t.match(object.metadata, { uid: metadata!.uid });
    watch.destroy();
  });

  await t.test('are told of, each request with its status', async (t) => {
    const calls: ClusterCall[] = [];
    const metrics = { ...noMetrics, clusterCallEnded: (call: ClusterCall) => calls.push(call) };
    const connection = openConnection(cluster.kubeconfig);
    const told = new KubernetesClient(connection, cluster.namespace, metrics);
    await told.listAll('pods', 'a=b', {});
    await failureOf(told.get('pods', 'absent', {}));
    faults.drop({ verb: 'create' });
    await failureOf(told.create('pods', pod, {}));
    await connection.close();
    const { host } = new URL(cluster.sandbox.url);
    t.match(calls, [
      { method: 'GET', host, status: 200 },
      { method: 'GET', host, status: 404 },
      { method: 'POST', host, status: undefined },
    ]);
    t.ok(calls.every(({ seconds }) => seconds > 0 && seconds < 60));
  });

  await t.test('what could not be sent has a known outcome', async (t) => {
    const absent = openConnection(cluster.kubeconfig);
    await cluster.sandbox.close();
    const error = await failureOf(new KubernetesClient(absent, 'a').create('pods', pod, {}));
    t.type(error, KubernetesConnectionError);
    t.match(error, { outcomeUnknown: false });
    await absent.close();
  });
});
