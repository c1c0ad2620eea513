import t from 'tap';

import { KubernetesClient } from '../../src/kubernetes/api/client.ts';
import { maxConnections, openConnection } from '../../src/kubernetes/api/connection.ts';
import { clusterHealth } from '../../src/kubernetes/cluster-health.ts';
import { containerSpec } from '../support/base-spec.ts';
import { connect, openSandbox } from '../support/cluster.ts';
import { eventually } from '../support/kubernetes.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualClock } from '../support/manual-clock.ts';

t.test('the health of the cluster', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const { faults, requests } = cluster.sandbox;
  const connection = openConnection(cluster.kubeconfig);
  t.teardown(() => connection.close());
  const api = new KubernetesClient(connection, cluster.namespace);
  const clock = new ManualClock();
  const health = clusterHealth({ api, caches: { isCutOff: false }, log: captureLog().log, clock });
  /** When no probe of before counts any more. */
  const later = async () => {
    await clock.advance(1_000);
    return await health();
  };
  t.afterEach(() => {
    faults.clear();
    requests.clear();
  });

  await t.test('is good while the version endpoint answers, and nothing is listed for it', async (t) => {
    requests.clear();
    t.ok(await later());
    t.same(
      requests.last().map(({ verb, resource }) => `${verb} ${resource}`),
      ['get /version'],
    );
  });

  await t.test('is asked for once a second, whoever asks, from the beginning of a probe', async (t) => {
    using delay = faults.delay(50, { resource: '/version' });
    await clock.advance(1_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => health()));
    t.ok(answers.every(Boolean));
    await clock.advance(999);
    t.ok(await health());
    t.equal(delay.hits, 1);
    await clock.advance(1);
    t.ok(await health());
    t.equal(delay.hits, 2);
  });

  await t.test('is not asked for again while a probe is under way, however long that takes', async (t) => {
    using hang = faults.hang({ resource: '/version' });
    await clock.advance(1_000);
    const first = health();
    await eventually(() => hang.hits, Boolean);
    await clock.advance(1_400);
    t.notOk(await health());
    t.notOk(await first);
    t.equal(hang.hits, 1);
  });

  await t.test('is good when the API server refuses to tell its version: that is an answer', async (t) => {
    faults.refuse({ code: 403 }, { resource: '/version' });
    t.ok(await later());
  });

  await t.test('is bad when the version endpoint refuses or hangs, within two seconds', async (t) => {
    faults.refuse({ code: 401 }, { resource: '/version' });
    t.notOk(await later());
    faults.clear();
    faults.refuse({ code: 403, body: '<html>no</html>', contentType: 'text/html' }, { resource: '/version' });
    t.notOk(await later(), 'it is a proxy that says no');
    faults.clear();
    faults.hang({ resource: '/version' });
    const startedAt = Date.now();
    t.notOk(await later());
    t.ok(Date.now() - startedAt < 2000);
    faults.clear();
    t.ok(await later());
  });
});

t.test('is good, and the watches are taken up again, while more creates than there are connections wait', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const writes = { writeMs: 5_000, rollBackMs: 1_000, marginMs: 500 };
  await using connected = await connect(cluster, { bounds: { writes } });
  const { faults, requests } = cluster.sandbox;
  const hang = faults.hang({ verb: 'create' });
  const client = new AbortController();
  const creates = Array.from({ length: 200 }, (_, index) =>
    connected.repository.create({ id: `c-${index}`, spec: containerSpec() }, { signal: client.signal }),
  );
  const settled = Promise.allSettled(creates);
  await eventually(
    () => hang.hits,
    (hits) => hits >= maxConnections,
  );
  const startedAt = performance.now();
  t.ok(await connected.isHealthy());
  t.ok(performance.now() - startedAt < 1_000);

  const watches = () => requests.count({ verb: 'watch' });
  const before = watches();
  faults.resetWatches();
  await eventually(watches, (count) => count >= before + 3);
  client.abort();
  faults.clear();
  await settled;
});

t.test('is bad when the caches cannot be filled, though the version endpoint answers', async (t) => {
  await using cluster = await openSandbox({ controllers: false, bookmarkMilliseconds: 50 });
  cluster.sandbox.faults.refuse({ code: 403 }, { verb: 'list', resource: 'pods' });
  await using connected = await connect(cluster, { start: false, bounds: { liveMs: 300 } });
  connected.start();
  t.ok(await connected.isHealthy());
  await eventually(
    () => connected.isHealthy(),
    (healthy) => !healthy,
  );
  cluster.sandbox.faults.clear();
  await eventually(() => connected.isHealthy(), Boolean);
});

t.test('is bad, quickly, when there is no cluster', async (t) => {
  const cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { start: false });
  await cluster.sandbox.close();
  t.notOk(await connected.isHealthy());
});
