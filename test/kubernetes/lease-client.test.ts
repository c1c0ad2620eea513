import t from 'tap';

import { connectLease, sentLateAnnotation } from '../../src/kubernetes/lease-client.ts';
import { noMetrics } from '../../src/telemetry/telemetry.ts';
import type { ClusterCall } from '../../src/telemetry/telemetry.ts';
import { failureOf } from '../support/cluster.ts';
import { openCluster } from '../support/kubernetes.ts';
import { onlyInSandbox } from '../support/system.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { namespace, kubeconfig } = cluster;
const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const { signal } = new AbortController();

function connect(name: string, elsewhere = namespace) {
  const client = connectLease({ kubeconfig, namespace: elsewhere, name });
  t.teardown(() => client.close());
  return client;
}

const time = '2026-01-21T10:00:00.123000Z';
const record = { holder: 'host_1', durationSeconds: 15, acquireTime: time, renewTime: time, transitions: 0 };

t.test('makes a Lease, reads it back and writes on top of it', async (t) => {
  const client = connect('written');
  t.equal(await client.get(signal), undefined);
  const created = await client.create({ record }, signal);
  t.match(created, { record });
  t.strictSame(await client.get(signal), created);
  const released = { ...record, holder: '', durationSeconds: 1, transitions: 4 };
  t.match(await client.update({ ...created!, record: released, sentLate: 'host_1/1' }, signal), { record: released });
  t.match(await client.get(signal), { record: released, sentLate: 'host_1/1' });
});

t.test('counts its calls like all others to the cluster', async (t) => {
  const calls: ClusterCall[] = [];
  const metrics = { ...noMetrics, clusterCallEnded: (call: ClusterCall) => calls.push(call) };
  const client = connectLease({ kubeconfig, namespace, name: 'counted', metrics });
  t.teardown(() => client.close());
  await client.get(signal);
  await client.create({ record }, signal);
  t.match(calls, [
    { method: 'GET', status: 404 },
    { method: 'POST', status: 201 },
  ]);
});

t.test('leaves alone what others have written there', async (t) => {
  const client = connect('shared');
  await client.create({ record }, signal);
  const answer = await cluster.request('GET', `${path}/shared`);
  const object = answer.body as { metadata: object };
  const metadata = { ...object.metadata, labels: { app: 'x' }, annotations: { note: 'kept' } };
  await cluster.request('PUT', `${path}/shared`, { ...object, metadata });
  const lease = await client.get(signal);
  await client.update({ ...lease!, sentLate: 'host_1/2' }, signal);
  t.match(await cluster.request('GET', `${path}/shared`), {
    body: { metadata: { labels: { app: 'x' }, annotations: { note: 'kept', [sentLateAnnotation]: 'host_1/2' } } },
  });
});

t.test('carries what replicas tell each other, and takes it away again', async (t) => {
  const client = connect('notes');
  const created = await client.create({ record }, signal);
  const told = { missed: { after: '7', to: '12' }, ended: { web: 'uid-1' }, isBlind: true, seer: 'host_2' } as const;
  const written = await client.update({ ...created!, ...told }, signal);
  t.match(await client.get(signal), told);
  const { metadata } = written!;
  await client.update({ record, metadata }, signal);
  const answer = await cluster.request('GET', `${path}/notes`);
  t.notOk((answer.body as { metadata: { annotations?: object } }).metadata.annotations);
  const spoilt = { 'dcm.project/missed': '7', 'dcm.project/ended': '[', 'dcm.project/blind': 'yes' };
  const object = answer.body as { metadata: object };
  await cluster.request('PUT', `${path}/notes`, { ...object, metadata: { ...object.metadata, annotations: spoilt } });
  t.notOk(Object.keys((await client.get(signal))!).some((key) => key in told));
});

t.test('comes too late where somebody was faster, or the Lease is gone', async (t) => {
  const client = connect('contended');
  const created = await client.create({ record }, signal);
  t.equal(await client.create({ record }, signal), undefined);
  await client.update({ ...created!, record: { ...record, transitions: 1 } }, signal);
  t.equal(await client.update({ ...created!, record: { ...record, transitions: 2 } }, signal), undefined);
  const last = await client.get(signal);
  await cluster.request('DELETE', `${path}/contended`);
  t.equal(await client.update(last!, signal), undefined);
});

t.test('a namespace that is not there is an error, and not the lack of a Lease', async (t) => {
  const client = connect('x', `${namespace}-not`);
  t.match(await failureOf(client.create({ record }, signal)), { status: 404 });
});

t.test('a missing permission says what is missing', onlyInSandbox('the tests may do anything there'), async (t) => {
  const message =
    'leases.coordination.k8s.io "x" is forbidden: User "u" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "n"';
  const client = connect('forbidden');
  const created = await client.create({ record }, signal);
  using _ = cluster.sandbox!.faults.refuse({ code: 403, message }, { verb: 'update' });
  const error = await failureOf(client.update(created!, signal));
  t.match(error, { name: 'LeasePermissionError', verb: 'update', resource: 'leases', namespace });
});

t.test('ends with its signal', async (t) => {
  const ended = AbortSignal.abort(new Error('stopping'));
  await t.rejects(connect('ended').get(ended), { message: 'stopping' });
});
