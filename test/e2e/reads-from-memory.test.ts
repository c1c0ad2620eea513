import t from 'tap';
import { withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer } from '../support/containers.ts';
import { onlyInSandbox, startSystem } from '../support/system.ts';

const inSandbox = onlyInSandbox('a real API server counts the calls of everybody together');

t.test('calls to the cluster', inSandbox, async (t) => {
  await using system = await startSystem();
  const { client, events } = system;
  const requests = system.cluster.sandbox!.requests;
  await createContainer(client, 'read', withPorts({ 8080: 'external' }));
  await events.waitFor('read', 'RUNNING');

  /** What was asked while the action ran, but for watches, which end and begin when they like. */
  const calls = async (action: () => Promise<unknown>): Promise<string[]> => {
    requests.clear();
    await action();
    return requests
      .last()
      .filter(({ verb }) => verb !== 'watch')
      .map(({ verb, resource }) => `${verb} ${resource}`);
  };

  await t.test('none is made by a read', async (t) => {
    t.same(await calls(() => Promise.all(Array.from({ length: 50 }, () => readContainer(client, 'read')))), []);
  });

  await t.test('none is made by a list', async (t) => {
    t.same(await calls(() => Promise.all(Array.from({ length: 50 }, () => listIds(client)))), []);
  });

  await t.test('one is made by a create without ports, two by one with ports', async (t) => {
    t.same(await calls(() => createContainer(client, 'closed')), ['create deployments']);
    t.same(await calls(() => createContainer(client, 'open', withPorts({ 80: 'internal' }))), [
      'create deployments',
      'create services',
    ]);
  });

  await t.test('two are made by a delete at most', async (t) => {
    const made = await calls(() => deleteContainer(client, 'open'));
    t.same(made.sort(), ['delete deployments', 'delete services']);
  });
});
