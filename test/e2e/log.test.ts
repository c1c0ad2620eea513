/** The log tells the story of a container by its id: who asked for what, what became of it, and that DCM was told. */
import t from 'tap';
import { createContainer, deleteContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

t.test('one id tells the story of a container', async (t) => {
  await using system = await startSystem();
  const { client, events, provider, workloads } = system;
  const storyOf = (id: string) => provider.log.filter((line) => JSON.stringify(line).includes(`"${id}"`));
  const confirmed = (id: string, status: string) =>
    provider.logged(
      ({ msg, containerId, status: of }) => msg === 'status event confirmed' && containerId === id && of === status,
    );

  await t.test('of one that a request removed', async (t) => {
    await createContainer(client, 'told');
    await confirmed('told', 'RUNNING');
    await deleteContainer(client, 'told');
    await confirmed('told', 'DELETED');
    const story = storyOf('told');
    const asked = story.filter(({ msg }) => msg === 'request');
    t.match(asked, [
      { method: 'POST', status: 201, remoteAddress: '127.0.0.1' },
      { method: 'DELETE', status: 204, remoteAddress: '127.0.0.1' },
    ]);
    const lived = story.filter(({ msg }) => msg.startsWith('container '));
    t.match(lived[0], { level: 'info', msg: 'container came to be' });
    t.match(lived.at(-1), { level: 'info', msg: 'container is gone', cause: 'request' });
    const told = story.filter(({ msg, level }) => msg === 'status event confirmed' && level === 'info');
    t.match(told, [{ status: 'PENDING' }, { status: 'RUNNING' }, { status: 'DELETED' }]);
    for (const { eventId, status } of told) {
      t.equal(events.of('told').find(({ id }) => id === eventId)?.data.status, status);
    }
  });

  await t.test('of one that somebody else removed', async (t) => {
    await createContainer(client, 'taken');
    await confirmed('taken', 'RUNNING');
    await workloads.delete('deployments', 'dcm-taken');
    await confirmed('taken', 'DELETED');
    t.match(
      storyOf('taken').find(({ msg }) => msg === 'container is gone'),
      { cause: 'outside' },
    );
  });
});
