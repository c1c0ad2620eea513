import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';

import { systemClock } from '../../../src/clock.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/client.ts';
import { WatchCaches } from '../../../src/kubernetes/cache/watch-caches.ts';
import { quickReflector } from '../../support/cluster.ts';
import type { Deployment } from '../../../src/kubernetes/api/resources.ts';
import { legacyDeployment } from '../../support/legacy.ts';
import { captureLog } from '../../support/log-lines.ts';

t.test('a container that runs before and after a new list is seen running throughout', async (t) => {
  const ids = Array.from({ length: 3_000 }, (_, index) => `c${index}`);
  const createdAt = '2026-01-01T00:00:00Z';
  const deployments = ids.map((id) => {
    const { metadata, ...rest } = legacyDeployment(id, 'containers') as Deployment;
    return { ...rest, metadata: { ...metadata, uid: id, resourceVersion: '1', creationTimestamp: createdAt } };
  });
  const podsOf = (generation: number) =>
    deployments.map(({ metadata, spec }) => ({
      metadata: {
        name: `${metadata.uid}-pod-${generation}`,
        uid: `${metadata.uid}-${generation}`,
        resourceVersion: `${generation}`,
        creationTimestamp: createdAt,
        labels: metadata.labels,
      },
      status: {
        phase: 'Running',
        containerStatuses: [
          { name: spec!.template.spec!.containers[0]!.name, restartCount: 0, state: { running: {} } },
        ],
      },
    }));
  const lists: Record<string, object[]> = { deployments, services: [], pods: podsOf(2) };
  let version = 10;
  const api = {
    list: (resource: string) =>
      Promise.resolve({ items: lists[resource], resourceVersion: String(version), bytes: 1_000 }),
    watch: (_resource: string, _query: object, { signal }: { signal: AbortSignal }) =>
      Promise.resolve(
        Readable.from(
          (async function* () {
            if (!signal.aborted) await once(signal, 'abort');
          })(),
        ),
      ),
  } as unknown as KubernetesApi;
  const { log } = captureLog();
  const caches = new WatchCaches({
    api,
    namespace: 'containers',
    view: { namespace: 'default' },
    log,
    liveMs: 60_000,
    reflector: quickReflector,
    clock: systemClock,
  });
  t.teardown(() => caches.stop());
  caches.start();
  await caches.filled;
  const statuses = () => new Set(['c0', 'c1500', 'c2999'].map((id) => caches.index.container(id)?.status));
  t.same(statuses(), new Set(['RUNNING']));
  const { deployments: kept, services, pods } = caches.stats();
  t.same([kept.objects, services.objects, pods.objects], [3_000, 0, 3_000]);
  t.ok(pods.ageSeconds >= 0 && pods.ageSeconds < 60);

  lists['pods'] = podsOf(11);
  version = 20;
  const over = new AbortController();
  const relist = caches.relist(new AbortController().signal).then(() => over.abort());
  const seen = new Set<string | undefined>();
  let areCurrent = true;
  while (!over.signal.aborted) {
    for (const status of statuses()) seen.add(status);
    areCurrent &&= ids.every((id) => caches.index.view(id)!.objects.pods === caches.index.objects(id).pods);
    await setImmediate();
  }
  await relist;
  t.same(seen, new Set(['RUNNING']));
  t.ok(areCurrent, 'of the new list from the turn on in which it takes the place of the old one');
  t.match(caches.index.objects('c0').pods, [{ uid: 'c0-11' }]);
});
