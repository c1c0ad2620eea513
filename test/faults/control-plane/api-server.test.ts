import t from 'tap';
import type { Test } from 'tap';
import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withPorts } from '../../support/base-spec.ts';
import { createContainer, listIds, readContainer } from '../../support/containers.ts';
import { becomesUnhealthy, healed, healthOf, onlyWithAll } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { ProviderProcess } from '../../support/provider.ts';
import { startSystem } from '../../support/system.ts';

t.test('an API server', async (t) => {
  await using controlPlane = await startControlPlane({ own: true });
  const { apiServer } = controlPlane.components;
  await using system = await startSystem({
    on: { controlPlane },
    env: { SP_SERVER_REQUEST_TIMEOUT: '2s' },
  });
  const { provider, client, events, workloads } = system;
  await createContainer(client, 'plain');
  await createContainer(client, 'reachable', withPorts({ 8080: 'external' }));
  await createContainer(client, 'doomed');
  await Promise.all([events.waitFor('plain', 'RUNNING'), events.waitFor('reachable', 'RUNNING')]);
  await healed(system);

  await t.test('that is killed and comes back is lived without, and found again', async (t) => {
    await apiServer.kill();
    await becomesUnhealthy(provider);
    await answersFromMemory(t, provider);
    await refuses(t, provider, 'too-early');
    await refusesToDelete(t, provider, 'doomed');
    await provider.logged(isAttempt(4));
    await answersFromMemory(t, provider);

    await apiServer.start();
    await workloads.patch('deployments', 'dcm-plain', { spec: { replicas: 0 } });
    await workloads.delete('deployments', 'dcm-reachable');
    await Promise.all([events.waitFor('plain', 'FAILED'), events.waitFor('reachable', 'DELETED')]);
    await healed(system);
    t.same(
      (await listIds(client)).filter((id) => id === 'too-early'),
      [],
    );
  });

  await t.test('that hangs makes nothing else hang', async (t) => {
    await createContainer(client, 'reachable', withPorts({ 8080: 'external' }));
    await healed(system);
    await using _pause = await paused(apiServer);
    await becomesUnhealthy(provider);
    await answersFromMemory(t, provider);
    await refuses(t, provider, 'in-limbo');
    await answersFromMemory(t, provider);
  });

  await t.test('that hung and goes on is taken up where it was', async () => {
    await workloads.patch('deployments', 'dcm-plain', { spec: { replicas: 1 } });
    await events.waitFor('plain', 'RUNNING', events.of('plain').at(-1));
    await healed(system);
  });

  await t.test('that is away for longer than memory is good for is waited for', onlyWithAll, async (t) => {
    await apiServer.kill();
    const list = () => client.GET('/containers', { params: { query: {} } });
    const refusal = await eventually(list, ({ response }) => response.status !== 200, 120_000);
    t.equal(refusal.response.status, 503);
    t.equal(await healthOf(provider), 'unhealthy');
    const path = { container_id: 'reachable' };
    const read = await client.GET('/containers/{container_id}', { params: { path } });
    t.equal(read.response.status, 503);
    await apiServer.start();
    await healed(system);
  });

  await t.test('that hangs for longer than memory is good for is waited for', onlyWithAll, async (t) => {
    {
      await using _pause = await paused(apiServer);
      const list = () => client.GET('/containers', { params: { query: {} } });
      const refusal = await eventually(list, ({ response }) => response.status !== 200, 120_000);
      t.equal(refusal.response.status, 503);
      await provider.logged(({ err }) => /the watch is silent|the time for the call is up/.test(JSON.stringify(err)));
    }
    await healed(system);
  });

  await t.test('that is absent at the start is waited for', async (t) => {
    await apiServer.kill();
    await using early = await system.addProvider({ SP_NAME: 'early', SP_SERVER_REQUEST_TIMEOUT: '1s' });
    await early.logged(({ msg }) => msg.includes('registered'));
    t.equal(await healthOf(early), 'unhealthy');
    const path = { container_id: 'reachable' };
    for (const { response } of await Promise.all([
      early.client.GET('/containers', { params: { query: {} } }),
      early.client.GET('/containers/{container_id}', { params: { path } }),
      early.client.DELETE('/containers/{container_id}', { params: { path } }),
    ])) {
      t.equal(response.status, 503);
    }
    await refuses(t, early, 'unborn');

    await apiServer.start();
    await Promise.all([healed(system), healed(system, { provider: early, name: 'early' })]);
    // The nodes could not show a sign of life either, and may have been lost for a moment.
    await events.waitFor(
      'reachable',
      ({ source, data }) => source === 'dcm/providers/early' && data.status === 'RUNNING',
    );
    await healed(system, { provider: early, name: 'early' });
  });
});

async function answersFromMemory(t: Test, { client }: ProviderProcess): Promise<void> {
  const ids = await listIds(client);
  t.ok(['plain', 'reachable'].every((id) => ids.includes(id)));
  t.equal((await readContainer(client, 'reachable')).service?.ports[0]?.port, 8080);
}

async function refuses(t: Test, { client }: ProviderProcess, id: string): Promise<void> {
  const query = { id };
  const { response } = await client.POST('/containers', { params: { query }, body: { spec: withPorts({}) } });
  t.equal(response.status, 503);
}

async function refusesToDelete(t: Test, { client }: ProviderProcess, id: string): Promise<void> {
  const path = { container_id: id };
  const { response } = await client.DELETE('/containers/{container_id}', { params: { path } });
  t.equal(response.status, 503);
}

/** A watch that could not be taken up for so many times in a row. */
function isAttempt(wanted: number): (line: { msg: string; attempt?: unknown }) => boolean {
  return ({ msg, attempt }) => msg === 'watching the cluster failed, will retry' && Number(attempt) >= wanted;
}

/** Stopped until it is disposed of. */
async function paused(component: { pause(): Promise<void>; resume(): void }): Promise<AsyncDisposable> {
  await component.pause();
  return {
    [Symbol.asyncDispose]: () => {
      component.resume();
      return Promise.resolve();
    },
  };
}
