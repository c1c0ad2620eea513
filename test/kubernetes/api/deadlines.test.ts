/** No call outlasts what its caller is ready to wait, whatever the API server does not do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

import { KubernetesConnectionError } from '../../../src/kubernetes/api/api-error.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { maxConnections, openConnection } from '../../../src/kubernetes/api/connection.ts';
import { readLines } from '../../../src/kubernetes/api/watch-lines.ts';
import { clusterHealth } from '../../../src/kubernetes/cluster-health.ts';
import { formatKubeconfig } from '../../../scripts/sandbox/kubernetes/kubeconfig.ts';
import { failureOf, openSandbox } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';
import { captureLog } from '../../support/log-lines.ts';
import { stalls, startStalledServer } from '../../support/stalled-server.ts';

/** What a busy machine may add to a time limit, in milliseconds. */
const slackMs = 450;

async function connectTo(url: string, proxyUrl?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'deadlines-'));
  const file = join(folder, 'kubeconfig');
  const config = JSON.parse(formatKubeconfig({ url })) as { clusters: { cluster: object }[] };
  for (const { cluster } of config.clusters) Object.assign(cluster, proxyUrl && { 'proxy-url': proxyUrl });
  await writeFile(file, JSON.stringify(config));
  const connection = openConnection(file);
  const dispose = async () => {
    await connection.close();
    await rm(folder, { recursive: true });
  };
  return { api: new KubernetesClient(connection, 'default'), [Symbol.asyncDispose]: dispose };
}

/** How long it took to fail, in milliseconds. */
async function timeToFail(call: Promise<unknown>): Promise<{ ms: number; error: Error }> {
  const startedAt = performance.now();
  const error = await failureOf(call);
  return { ms: performance.now() - startedAt, error };
}

for (const stall of stalls) {
  t.test(`where the ${stall} is waited for in vain`, async (t) => {
    await using server = await startStalledServer(stall);
    await using connected = await connectTo(server.url);
    const { api } = connected;

    await t.test('no call takes longer than until its deadline, or the signal of its caller', async (t) => {
      const limitMs = 300;
      const limits = () => ({ until: performance.now() + limitMs });
      const signal = () => ({ signal: AbortSignal.timeout(limitMs) });
      const calls = {
        version: api.version(limits()),
        'list with retries': api.listAll('deployments', 'a=b', limits()),
        get: api.get('leases', 'lease', limits()),
        delete: api.delete('services', { name: 'web' }, limits()),
        watch: api.watch('pods', { resourceVersion: '1', timeoutSeconds: 30 }, limits()).then(async (lines) => {
          await readLines(lines, () => undefined);
          throw new KubernetesConnectionError({ verb: 'watch', resource: 'pods' }, 'over');
        }),
        'get with a signal': api.get('leases', 'lease', signal()),
      };
      // Once the answer to a watch has begun, it may take as long as it takes.
      await Promise.all(
        Object.entries(calls).map(async ([name, call]) => {
          if (stall === 'body' && name === 'watch') return void call.catch(() => undefined);
          const { ms, error } = await timeToFail(call);
          t.ok(ms < limitMs + slackMs, `${name}: ${Math.round(ms)} ms`);
          t.match(
            error,
            name === 'get with a signal' ? { name: 'TimeoutError' } : { name: 'KubernetesConnectionError' },
          );
        }),
      );
    });

    await t.test('the health is bad within two seconds', async (t) => {
      const health = clusterHealth({ api, caches: { isCutOff: false }, log: captureLog().log });
      const startedAt = performance.now();
      t.notOk(await health());
      t.ok(performance.now() - startedAt < 2_000);
    });
  });
}

t.test('an answer that is larger than any is not read to its end', async (t) => {
  await using server = await startStalledServer('flood');
  await using connected = await connectTo(server.url);
  const { api } = connected;
  t.match((await failureOf(api.version({}))).cause, { message: 'the answer has more than 16 MiB' });
  t.match((await failureOf(api.list('pods', {}, {}))).cause, { message: 'the answer has more than 128 MiB' });
  const query = { resourceVersion: '1', timeoutSeconds: 30 };
  const read = async () => {
    await readLines(await api.watch('pods', query, { signal: AbortSignal.timeout(5_000) }), () => undefined);
  };
  t.match(await failureOf(read()), { name: 'RangeError', message: 'a line is too long' });
});

t.test('a line of a watch that is longer than any object is not read to its end', async (t) => {
  await using server = await startStalledServer('flood');
  await using connected = await connectTo(server.url);
  const options = { resourceVersion: '1', timeoutSeconds: 1 };
  const lines = await connected.api.watch('pods', options, { signal: AbortSignal.timeout(30_000) });
  const read = readLines(lines, (line) => t.fail(`a line of ${line.length} characters`));
  t.match(await failureOf(read), { message: 'a line is too long' });
});

t.test('a call for which no connection is free fails in time, and is never sent', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const { faults, requests } = cluster.sandbox;
  await using connected = await connectTo(cluster.sandbox.url);
  const { api } = connected;
  const hang = faults.hang({ verb: 'get' });
  const ended = new AbortController();
  const held = Array.from({ length: maxConnections }, () =>
    failureOf(api.get('leases', 'a', { signal: ended.signal })),
  );
  await eventually(
    () => hang.hits,
    (hits) => hits === maxConnections,
  );
  const { ms, error } = await timeToFail(api.delete('services', { name: 'web' }, { until: performance.now() + 200 }));
  t.ok(ms < 200 + slackMs, `${Math.round(ms)} ms`);
  t.match(error, { name: 'KubernetesConnectionError' });
  ended.abort();
  await Promise.all(held);
  faults.clear();
  await api.list('services', {}, {});
  t.equal(requests.count({ verb: 'delete' }), 0);
});

t.test(
  'a proxy that takes connections and opens no tunnel keeps none for longer than a connection may take',
  async (t) => {
    await using proxy = await startStalledServer('headers');
    await using connected = await connectTo('https://127.0.0.1:1', proxy.url);
    const { ms } = await timeToFail(connected.api.version({ until: performance.now() + 300 }));
    t.ok(ms < 300 + slackMs, `${Math.round(ms)} ms`);
    await eventually(
      () => proxy.connections!(),
      (open) => open === 0,
      15_000,
    );
  },
);
