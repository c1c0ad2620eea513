/** Deleting: preconditions, finalizers, owners, namespaces. */
import t from 'tap';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { eventually, openCluster, type ClusterResponse } from '../support/kubernetes.ts';
import { deployment, idleDeployment, mergePatch, pathsIn, service } from './objects.ts';

const cluster = await openCluster({ controllers: quickTimes });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, services, pods, replicaSets } = pathsIn(cluster.namespace);

function isGone(path: string): Promise<ClusterResponse> {
  return eventually(
    () => cluster.request('GET', path),
    ({ status }) => status === 404,
    60_000,
  );
}

t.test('answers a deletion with a Status that names what was deleted', async (t) => {
  const { body } = await cluster.request('POST', deployments, idleDeployment('deleted'));
  t.match(await cluster.request('DELETE', `${deployments}/deleted`), {
    status: 200,
    body: {
      kind: 'Status',
      status: 'Success',
      details: { name: 'deleted', group: 'apps', kind: 'deployments', uid: body.metadata.uid },
    },
  });
  for (const [path, kind] of [
    [deployments, 'deployments'],
    [services, 'services'],
  ] as const) {
    const absent = { reason: 'NotFound', details: { name: 'deleted', kind } };
    t.match(await cluster.request('DELETE', `${path}/deleted`), { status: 404, body: absent });
  }
});

t.test('deletes only the object that the preconditions mean', async (t) => {
  const { body } = await cluster.request('POST', deployments, idleDeployment('guarded'));
  const path = `${deployments}/guarded`;
  const otherUid = { preconditions: { uid: '00000000-0000-4000-8000-000000000000' } };
  t.match(await cluster.request('DELETE', path, otherUid), {
    status: 409,
    body: { reason: 'Conflict', message: /the UID in the precondition .* does not match the UID in record/ },
  });
  const otherVersion = { preconditions: { resourceVersion: '1' } };
  t.match(await cluster.request('DELETE', path, otherVersion), {
    status: 409,
    body: { reason: 'Conflict', message: /the ResourceVersion in the precondition \(1\) does not match/ },
  });
  t.match(await cluster.request('DELETE', path, { propagationPolicy: 'Sometimes' }), {
    status: 422,
    body: { details: { kind: 'DeleteOptions', causes: [{ field: 'propagationPolicy' }] } },
  });
  const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: body.metadata.uid } };
  t.equal((await cluster.request('DELETE', path, { ...options, propagationPolicy: 'Background' })).status, 200);
  t.equal((await cluster.request('GET', path)).status, 404);
});

t.test('keeps an object with a finalizer, marked, until the last finalizer goes', async (t) => {
  const body = idleDeployment('finalized');
  const { body: created } = await cluster.request('POST', deployments, {
    ...body,
    metadata: { ...body.metadata, finalizers: ['test.example/keep'] },
  });
  const path = `${deployments}/finalized`;
  const deletion = await cluster.request('DELETE', path);
  t.match(deletion, {
    status: 200,
    body: { kind: 'Deployment', metadata: { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 0 } },
  });
  const again = await cluster.request('POST', deployments, idleDeployment('finalized'));
  t.match(again, {
    status: 409,
    body: { reason: 'AlreadyExists', message: 'object is being deleted: deployments.apps "finalized" already exists' },
  });
  const added = { metadata: { finalizers: ['test.example/keep', 'test.example/more'] } };
  t.match(await cluster.request('PATCH', path, added, mergePatch), {
    status: 422,
    body: { details: { causes: [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden' }] } },
  });
  const released = await cluster.request('PATCH', path, { metadata: { finalizers: null } }, mergePatch);
  t.match(released, { status: 200, body: { metadata: { uid: created.metadata.uid } } });
  t.equal(released.body.metadata.finalizers, undefined);
  t.equal((await cluster.request('GET', path)).status, 404);
});

t.test('collects what an owner that is gone has left', async (t) => {
  const { body: owner } = await cluster.request('POST', deployments, idleDeployment('owner'));
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'owner', uid: owner.metadata.uid }];
  const owned = service('owned');
  const made = await cluster.request('POST', services, { ...owned, metadata: { name: 'owned', ownerReferences } });
  t.equal(made.status, 201);
  await cluster.request('DELETE', `${deployments}/owner`, { propagationPolicy: 'Background' });
  t.equal((await isGone(`${services}/owned`)).status, 404);
});

t.test('collects what names an owner that never was, or another object of its name', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('namesake'));
  const uid = '00000000-0000-4000-8000-000000000000';
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'namesake', uid }];
  const owned = service('mistaken');
  await cluster.request('POST', services, { ...owned, metadata: { name: 'mistaken', ownerReferences } });
  t.equal((await isGone(`${services}/mistaken`)).status, 404);
  t.equal((await cluster.request('GET', `${deployments}/namesake`)).status, 200);
});

t.test('leaves dependents that are orphaned', async (t) => {
  const { body: owner } = await cluster.request('POST', deployments, idleDeployment('leaving'));
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'leaving', uid: owner.metadata.uid }];
  const orphan = service('orphan');
  await cluster.request('POST', services, { ...orphan, metadata: { name: 'orphan', ownerReferences } });
  await cluster.request('DELETE', `${deployments}/leaving`, { propagationPolicy: 'Orphan' });
  await isGone(`${deployments}/leaving`);
  const { status, body } = await cluster.request('GET', `${services}/orphan`);
  t.equal(status, 200);
  t.equal(body.metadata.ownerReferences, undefined);
});

t.test('takes ReplicaSets and Pods away with their Deployment, in the background and in the foreground', async (t) => {
  for (const policy of ['Background', 'Foreground']) {
    const name = `rolled-${policy.toLowerCase()}`;
    await cluster.request('POST', deployments, deployment(name));
    const selector = `labelSelector=app%3D${name}`;
    await eventually(
      () => cluster.request('GET', `${pods}?${selector}`),
      ({ body }) => body.items?.length === 1,
    );
    await cluster.request('DELETE', `${deployments}/${name}`, { propagationPolicy: policy });
    await isGone(`${deployments}/${name}`);
    for (const path of [replicaSets, pods]) {
      const left = await eventually(
        () => cluster.request('GET', `${path}?${selector}`),
        ({ body }) => body.items?.length === 0,
        60_000,
      );
      t.equal(left.status, 200, `${policy}: ${path}`);
    }
  }
});

t.test('keeps the Service of a load balancer until the cloud has cleaned up', async (t) => {
  await cluster.request('POST', services, service('balanced', { type: 'LoadBalancer' }));
  const path = `${services}/balanced`;
  const finalizer = 'service.kubernetes.io/load-balancer-cleanup';
  const ready = await eventually(
    () => cluster.request('GET', path),
    ({ body }) =>
      body.status?.loadBalancer?.ingress?.length > 0 && body.metadata.finalizers?.includes(finalizer) === true,
  );
  t.match(ready.body.status.loadBalancer.ingress[0].ip, /^\d+\.\d+\.\d+\.\d+$/);
  const deletion = await cluster.request('DELETE', path);
  t.match(deletion, { status: 200, body: { kind: 'Service', metadata: { deletionTimestamp: /Z$/ } } });
  t.equal((await isGone(path)).status, 404);
});

t.test('takes no new objects in a namespace that is being deleted, and empties it', async (t) => {
  const name = `${cluster.namespace}-more`;
  await cluster.request('POST', '/api/v1/namespaces', { metadata: { name } });
  const more = pathsIn(name).deployments;
  const kept = idleDeployment('kept');
  const finalizers = ['test.example/keep'];
  await cluster.request('POST', more, { ...kept, metadata: { ...kept.metadata, finalizers } });
  const deletion = await cluster.request('DELETE', `/api/v1/namespaces/${name}`);
  t.match(deletion, { status: 200, body: { kind: 'Namespace', status: { phase: 'Terminating' } } });
  t.match(await cluster.request('POST', more, idleDeployment('late')), {
    status: 403,
    body: {
      reason: 'Forbidden',
      message: `deployments.apps "late" is forbidden: unable to create new content in namespace ${name} because it is being terminated`,
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    },
  });
  await cluster.request('PATCH', `${more}/kept`, { metadata: { finalizers: null } }, mergePatch);
  t.equal((await isGone(`/api/v1/namespaces/${name}`)).status, 404);
});

t.test('ends a Pod after its grace period, and at once when told to', async (t) => {
  await eventually(
    () => cluster.request('GET', `/api/v1/namespaces/${cluster.namespace}/serviceaccounts/default`),
    ({ status }) => status === 200,
  );
  const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'registry.example/app:1' }] };
  await cluster.request('POST', pods, { metadata: { name: 'ending' }, spec });
  await eventually(
    () => cluster.request('GET', `${pods}/ending`),
    ({ body }) => body.status?.phase === 'Running',
    60_000,
  );
  const deletion = await cluster.request('DELETE', `${pods}/ending`);
  t.match(deletion, {
    status: 200,
    body: { kind: 'Pod', metadata: { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 1 } },
  });
  await isGone(`${pods}/ending`);
  await cluster.request('POST', pods, { metadata: { name: 'ended' }, spec });
  await cluster.request('DELETE', `${pods}/ended`, { gracePeriodSeconds: 0 });
  t.equal((await cluster.request('GET', `${pods}/ended`)).status, 404);
});
