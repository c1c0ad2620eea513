import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
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
import { eventually } from '../../support/kubernetes.ts';
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
        Readable.from(
          (async function* () {
            if (!signal.aborted) await once(signal, 'abort');
          })(),
        ),
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

t.test('of a watch nothing is read that is known already, or deleted by this process', async (t) => {
  const deployment = (uid: string, resourceVersion: string) => {
    const { metadata, kind, apiVersion, spec } = legacyDeployment(uid, 'containers') as Deployment;
    const { name, labels } = metadata!;
    return { kind, apiVersion, metadata: { name, uid, resourceVersion, labels }, spec } as Deployment;
  };
  const body = new PassThrough();
  const api = {
    list: () => Promise.resolve({ items: [deployment('seen', '1')], resourceVersion: '1', bytes: 1_000 }),
    watch: (_resource: string, _query: object, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => body.destroy());
      return Promise.resolve(body);
    },
  } as unknown as KubernetesApi;
  const read: string[] = [];
  const project = (object: Deployment) => {
    read.push(`${object.metadata!.uid!} ${object.metadata!.resourceVersion!}`);
    return projectDeployment(object);
  };
  const told: string[] = [];
  const tell = (before?: DeploymentRecord, after?: DeploymentRecord) =>
    told.push(`${(before ?? after)!.uid} ${before?.resourceVersion ?? '-'} ${after?.resourceVersion ?? '-'}`);
  const store = new ObjectStore<DeploymentRecord>(tell, systemClock);
  const { log } = captureLog();
  const common = { api, namespace: 'containers', project, store, bounds: quickReflector, log, clock: systemClock };
  const reflector = new Reflector({ ...common, resource: 'deployments' });
  t.teardown(() => reflector.stop());
  reflector.start();
  await reflector.filled;
  read.length = told.length = 0;
  const record = (uid: string, version: string) => projectDeployment(deployment(uid, version))!;
  store.write(record('own', '2'));
  store.write(record('gone', '3'));
  store.hide('gone', record('gone', '3'));
  const line = (type: string, uid: string, version: string) =>
    `${JSON.stringify({ type, object: deployment(uid, version) })}\n`;
  body.write(line('ADDED', 'own', '2') + line('ADDED', 'gone', '3') + line('MODIFIED', 'gone', '4'));
  body.write(line('MODIFIED', 'seen', '5') + line('DELETED', 'gone', '6') + line('DELETED', 'own', '7'));
  body.write(line('DELETED', 'never-seen', '8'));
  await eventually(() => told.includes('never-seen 8 -'), Boolean);
  t.same(read, ['seen 5', 'never-seen 8']);
  t.same(told, ['own - 2', 'gone - 3', 'gone 3 -', 'seen 1 5', 'own 2 -', 'never-seen 8 -']);
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
