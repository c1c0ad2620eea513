/** Leases: what an election relies on, on any API server. */
import t from 'tap';
import { openCluster } from '../support/kubernetes.ts';
import { pathsIn } from './objects.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { leases } = pathsIn(cluster.namespace);

const time = '2026-01-21T10:00:00.123000Z';
const spec = {
  holderIdentity: 'host_1',
  leaseDurationSeconds: 15,
  acquireTime: time,
  renewTime: time,
  leaseTransitions: 0,
};

function lease(name: string, more: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, ...metadata },
    spec: { ...spec, ...more },
  };
}

t.test('gives a Lease back as it was written', async (t) => {
  const created = await cluster.request('POST', leases, lease('kept'));
  t.match(created, { status: 201, body: { spec } });
  t.match(await cluster.request('GET', `${leases}/kept`), { status: 200, body: { spec } });
});

t.test('lets one of those who race create it', async (t) => {
  const racers = Array.from({ length: 5 }, () => cluster.request('POST', leases, lease('raced')));
  const statuses = (await Promise.all(racers)).map(({ status }) => status);
  t.strictSame(statuses.toSorted(), [201, 409, 409, 409, 409]);
});

t.test('lets one of those who write on top of one version have it', async (t) => {
  const { body } = await cluster.request('POST', leases, lease('contended'));
  const { resourceVersion } = body.metadata;
  const racers = Array.from({ length: 5 }, (_, index) =>
    cluster.request(
      'PUT',
      `${leases}/contended`,
      lease('contended', { holderIdentity: `h${index}` }, { resourceVersion }),
    ),
  );
  const answers = await Promise.all(racers);
  t.equal(answers.filter(({ status }) => status === 200).length, 1);
  t.match(
    answers.find(({ status }) => status !== 200),
    { status: 409, body: { reason: 'Conflict' } },
  );
});

t.test('can be released, and keeps annotations', async (t) => {
  const annotations = { 'dcm.project/sent-late': 'host_1/1' };
  const { body } = await cluster.request('POST', leases, lease('released', {}, { annotations }));
  const released = lease('released', { holderIdentity: '', leaseDurationSeconds: 1 }, body.metadata);
  const { status } = await cluster.request('PUT', `${leases}/released`, released);
  t.equal(status, 200);
  const { body: read } = await cluster.request('GET', `${leases}/released`);
  t.equal((read.spec as { holderIdentity?: string }).holderIdentity ?? '', '');
  t.match(read, { metadata: { annotations }, spec: { leaseDurationSeconds: 1 } });
});

t.test('wants times with six fraction digits', async (t) => {
  for (const renewTime of ['2026-01-21T10:00:00Z', '2026-01-21T10:00:00.123Z', 'now']) {
    const { status } = await cluster.request('POST', leases, lease('times', { renewTime }));
    t.equal(status, 400, renewTime);
  }
});

t.test('wants a duration', async (t) => {
  for (const more of [{ leaseDurationSeconds: 0 }, { leaseDurationSeconds: -1 }, { leaseTransitions: -1 }]) {
    const { status, body } = await cluster.request('POST', leases, lease('durations', more));
    t.match({ status, body }, { status: 422, body: { reason: 'Invalid' } }, JSON.stringify(more));
  }
});
