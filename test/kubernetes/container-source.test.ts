import t from 'tap';

import { connect } from '../support/cluster.ts';
import { createContainer, deleteContainer } from '../support/containers.ts';
import { onlyInSandbox, startSystem } from '../support/system.ts';

const system = await startSystem();
t.teardown(() => system[Symbol.asyncDispose]());
const { client, cluster, workloads } = system;
const { namespace } = cluster;
const { signal } = new AbortController();

t.test('lists the containers that exist at the moment of asking', async (t) => {
  for (const id of ['a', 'b', 'c']) await createContainer(client, id);
  await workloads.patch('deployments', 'dcm-a', { metadata: { finalizers: ['example.org/held'] } });
  for (const id of ['a', 'b']) await deleteContainer(client, id);
  await using connected = await connect(cluster, { start: false });
  const ids = await connected.source.listIds(signal);
  t.strictSame([...ids], ['c']);
  await workloads.patch('deployments', 'dcm-a', { metadata: { finalizers: null } });
});

t.test('knows the uid of the namespace', async (t) => {
  const answer = await cluster.request('GET', `/api/v1/namespaces/${namespace}`);
  const { metadata } = answer.body as { metadata: { uid: string } };
  await using connected = await connect(cluster, { start: false });
  t.equal(await connected.source.namespaceUid(signal), metadata.uid);
});

t.test(
  'warns once where the namespace may not be read',
  onlyInSandbox('the tests may do anything there'),
  async (t) => {
    const message = `namespaces "${namespace}" is forbidden: User "u" cannot get resource "namespaces" in API group ""`;
    using _ = cluster.sandbox!.faults.refuse({ code: 403, message }, { verb: 'get', resource: 'namespaces' });
    await using connected = await connect(cluster, { start: false });
    const { source, lines } = connected;
    t.equal(await source.namespaceUid(signal), undefined);
    t.equal(await source.namespaceUid(signal), undefined);
    t.match(lines, [{ level: 'warn', namespace }]);
    t.equal(lines.length, 1);
  },
);

t.test('rejects when the cluster cannot be asked', async (t) => {
  const ended = AbortSignal.abort(new Error('stopping'));
  await using connected = await connect(cluster, { start: false });
  await t.rejects(connected.source.namespaceUid(ended), { message: 'stopping' });
  await t.rejects(connected.source.listIds(ended), { message: 'stopping' });
});
