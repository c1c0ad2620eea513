import t from 'tap';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer, readStatusCode } from '../../support/containers.ts';
import type { StatusCloudEvent } from '../../support/events.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';
import { startRealNatsServer, withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';

const providerAnnotation = 'dcm.project/provider';

/** A provider that has never had another name. */
const named = (name: string) => ({ SP_NAME: name, SP_FORMER_NAMES: '', SP_NATS_KV_BUCKET: 'reported' });

t.test('two providers of different names in one namespace and bucket', { skip: withoutNatsServer }, async (t) => {
  await using nats = await startRealNatsServer({ jetStream: true });
  await using system = await startSystem({ nats, env: named('alpha') });
  const { client, cluster, events, provider, workloads } = system;
  const beta = await system.addProvider(named('beta'));
  const from = (name: string) => (event: StatusCloudEvent) => event.source === `dcm/providers/${name}`;
  const tells = (name: string, status: string) => (event: StatusCloudEvent) =>
    from(name)(event) && event.data.status === status;

  await t.test('make, list, read and delete their own', async (t) => {
    await createContainer(client, 'of-alpha', withPorts({ 8080: 'internal' }));
    await createContainer(beta.client, 'of-beta');
    t.match((await workloads.one('deployments', 'of-alpha')).metadata.annotations, { [providerAnnotation]: 'alpha' });
    await events.waitFor('of-alpha', tells('alpha', 'RUNNING'));
    await events.waitFor('of-beta', tells('beta', 'RUNNING'));
    t.strictSame(await listIds(client), ['of-alpha']);
    t.strictSame(await listIds(beta.client), ['of-beta']);
    t.equal(await readStatusCode(client, 'of-beta'), 404);
    const path = { container_id: 'of-beta' };
    t.equal((await client.DELETE('/containers/{container_id}', { params: { path } })).response.status, 404);
    const query = { timeout: '1s' };
    t.equal((await client.GET('/containers/{container_id}:wait', { params: { path, query } })).response.status, 404);
    t.equal((await readContainer(beta.client, 'of-beta')).status, 'RUNNING');
  });

  await t.test('share the ids: one that another has is taken', async (t) => {
    const body = { spec: containerSpec() };
    for (const options of [
      { params: { query: { id: 'of-beta' } } },
      { params: { query: { id: 'of-beta', validate_only: true } } },
      { params: { query: { id: 'of-beta' }, header: { 'Idempotency-Key': 'key' } } },
    ]) {
      const { response, error } = await client.POST('/containers', { ...options, body });
      t.equal(response.status, 409);
      t.equal(error?.detail, 'There is already a container of-beta, of another provider.');
    }
    t.equal((await workloads.one('deployments', 'of-beta')).metadata.annotations?.[providerAnnotation], 'beta');
  });

  await t.test('both have what nobody has put his name on', async (t) => {
    await workloads.create('deployments', legacyDeployment('nameless', cluster.namespace));
    for (const name of ['alpha', 'beta']) await events.waitFor('nameless', from(name));
    for (const each of [client, beta.client]) t.ok((await listIds(each)).includes('nameless'));
    await deleteContainer(beta.client, 'nameless');
    for (const name of ['alpha', 'beta']) await events.waitFor('nameless', tells(name, 'DELETED'));

    const { metadata } = await workloads.create('deployments', legacyDeployment('nameless-too', cluster.namespace));
    for (const name of ['alpha', 'beta']) await events.waitFor('nameless-too', from(name));
    await workloads.patch('deployments', metadata.name, {
      metadata: { annotations: { [providerAnnotation]: 'beta' } },
    });
    await events.waitFor('nameless-too', tells('alpha', 'DELETED'));
    t.ok((await listIds(beta.client)).includes('nameless-too'));
    await deleteContainer(beta.client, 'nameless-too');
  });

  await t.test('tell of the ends of their own, whichever was killed meanwhile', async (t) => {
    for (const id of ['alpha-1', 'alpha-2']) await createContainer(client, id);
    for (const id of ['beta-1', 'beta-2']) await createContainer(beta.client, id);
    for (const id of ['alpha-1', 'alpha-2']) await events.waitFor(id, tells('alpha', 'RUNNING'));
    for (const id of ['beta-1', 'beta-2']) await events.waitFor(id, tells('beta', 'RUNNING'));

    await provider.kill();
    for (const id of ['alpha-1', 'beta-1']) await workloads.delete('deployments', `dcm-${id}`);
    await events.waitFor('beta-1', tells('beta', 'DELETED'));
    await using alpha = await system.addProvider(named('alpha'));
    await events.waitFor('alpha-1', tells('alpha', 'DELETED'));

    await beta.kill();
    for (const id of ['alpha-2', 'beta-2']) await workloads.delete('deployments', `dcm-${id}`);
    await events.waitFor('alpha-2', tells('alpha', 'DELETED'));
    await using later = await system.addProvider(named('beta'));
    await events.waitFor('beta-2', tells('beta', 'DELETED'));
    const others = await later.logged(({ msg }) => msg.startsWith('the namespace has containers of other providers'));
    t.match(others, { level: 'warn', containers: 1, providers: { alpha: 1 } });

    for (const { event } of events.received) {
      const { id } = event.data;
      if (!id.startsWith('nameless'))
        t.match(event.source, id.includes('alpha') ? /alpha$/ : /beta$/, `${id} has one teller`);
    }
    t.strictSame(await listIds(alpha.client), ['of-alpha']);
  });

  await t.test('go on under another name with what they had, and tell of ends before that', async (t) => {
    const alpha = await system.addProvider(named('alpha'));
    await createContainer(alpha.client, 'alpha-3');
    await events.waitFor('alpha-3', tells('alpha', 'RUNNING'));
    await alpha.kill();
    await workloads.delete('deployments', 'dcm-alpha-3');
    await using gamma = await system.addProvider({ ...named('gamma'), SP_FORMER_NAMES: 'alpha' });
    await events.waitFor('alpha-3', tells('gamma', 'DELETED'));
    await events.waitFor('of-alpha', tells('gamma', 'RUNNING'));
    t.strictSame(await listIds(gamma.client), ['of-alpha']);
    await using stranger = await system.addProvider(named('delta'));
    t.strictSame(await listIds(stranger.client), []);
    const others = await stranger.logged(({ msg }) =>
      msg.startsWith('the namespace has containers of other providers'),
    );
    t.match(others, { containers: 2, providers: { alpha: 1, beta: 1 } });
    await deleteContainer(gamma.client, 'of-alpha');
    await eventually(
      () => workloads.of('deployments', 'of-alpha'),
      ({ length }) => length === 0,
    );
    await events.waitFor('of-alpha', tells('gamma', 'DELETED'));
  });
});
