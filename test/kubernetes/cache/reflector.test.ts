import { once } from 'node:events';
import t from 'tap';

import { systemClock } from '../../../src/clock.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/client.ts';
import type { Deployment } from '../../../src/kubernetes/api/resources.ts';
import { ObjectStore } from '../../../src/kubernetes/cache/object-store.ts';
import { Reflector } from '../../../src/kubernetes/cache/reflector.ts';
import { projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import type { DeploymentRecord } from '../../../src/kubernetes/objects/deployment.ts';
import { quickReflector } from '../../support/cluster.ts';
import { legacyDeployment } from '../../support/legacy.ts';
import { captureLog } from '../../support/log-lines.ts';

t.test('a new list makes nothing anew of what has not changed', async (t) => {
  const deployment = (uid: string, resourceVersion: string) => {
    const { metadata, ...rest } = legacyDeployment(uid, 'containers');
    return { ...rest, metadata: { ...metadata, uid, resourceVersion } } as Deployment;
  };
  let items = [deployment('a', '1'), deployment('b', '2')];
  const api = {
    list: () => Promise.resolve({ items, resourceVersion: '9', bytes: 1_000 }),
    watch: (_resource: string, _query: object, { signal }: { signal: AbortSignal }) =>
      Promise.resolve(
        (async function* () {
          if (!signal.aborted) await once(signal, 'abort');
        })(),
      ),
  } as unknown as KubernetesApi;
  const made: (string | undefined)[] = [];
  const project = (object: Deployment) => {
    made.push(object.metadata?.uid);
    return projectDeployment(object);
  };
  const store = new ObjectStore<DeploymentRecord>(() => undefined, systemClock);
  const { log } = captureLog();
  const common = { api, namespace: 'containers', project, store, bounds: quickReflector, log, clock: systemClock };
  const reflector = new Reflector({ ...common, resource: 'deployments' });
  t.teardown(() => reflector.stop());
  reflector.start();
  await reflector.filled;
  items = [deployment('a', '1'), deployment('b', '3'), deployment('c', '4')];
  await reflector.relist();
  t.same(made, ['a', 'b', 'b', 'c']);
  t.equal(store.get('b')?.resourceVersion, '3');
});

t.test('pages are smaller while objects are large, and never larger than they may be', async (t) => {
  const mebibyte = 1024 * 1024;
  const limits: number[] = [];
  const weights = [8 * mebibyte, mebibyte / 2, 100 * mebibyte, 1_000, 0, 1_000];
  const api = {
    list: (_resource: string, { limit }: { limit: number }) => {
      limits.push(limit);
      const bytes = weights[limits.length - 1]!;
      const isLast = limits.length === weights.length;
      return Promise.resolve({ items: [], resourceVersion: '9', bytes, ...(!isLast && { continueToken: 'more' }) });
    },
    watch: () => new Promise(() => undefined),
  } as unknown as KubernetesApi;
  const { log } = captureLog();
  const bounds = { ...quickReflector, pageSize: 200 };
  const store = new ObjectStore<DeploymentRecord>(() => undefined, systemClock);
  const common = { api, namespace: 'containers', project: projectDeployment, store, bounds, log, clock: systemClock };
  const reflector = new Reflector({ ...common, resource: 'deployments' });
  reflector.start();
  await reflector.filled;
  t.same(limits, [200, 25, 50, 20, 200, 200]);
  void reflector.stop();
});
