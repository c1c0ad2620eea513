import { DiscardPolicy } from 'nats';
import t from 'tap';

import { createContainer, deleteContainer } from '../../support/containers.ts';
import { openEventStream } from '../../support/event-stream.ts';
import { healed, healthOf } from '../../support/faults.ts';
import { startRealNatsServer, withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';

t.test(
  'a stream is used from when it is found, and one that is full gets each event once it has room',
  {
    skip: withoutNatsServer,
  },
  async (t) => {
    await using nats = await startRealNatsServer({ jetStream: true });
    await using system = await startSystem({ nats });
    const { client, events, provider } = system;
    await createContainer(client, 'without');
    await events.waitFor('without', 'RUNNING');

    await using stream = await openEventStream(nats.url, { max_msgs: 4, discard: DiscardPolicy.New });
    await provider.logged(({ msg, stream }) => msg === 'stream that captures the status events' && stream === 'events');
    const ids = ['full-1', 'full-2', 'full-3', 'full-4'];
    for (const id of ids) await createContainer(client, id);
    const refusal = await provider.logged(({ msg }) => msg === 'publishing failed, will retry');
    t.match(refusal, { level: 'warn', err: { message: /the stream refuses: maximum messages exceeded/ } });
    await deleteContainer(client, 'full-1');
    t.equal(await healthOf(provider), 'healthy');
    t.equal(stream.received.length, 4);

    await stream.manager.streams.update('events', { max_msgs: 1_000 });
    await stream.waitFor('full-1', 'DELETED');
    for (const id of ids.slice(1)) await stream.waitFor(id, 'RUNNING');
    await healed(system);
  },
);

t.test('NATS credentials that are revoked and valid again cost no event', { skip: withoutNatsServer }, async (t) => {
  const withPassword = (password: string) => `authorization { users = [
    { user: provider, password: "${password}" }, { user: subscriber, password: other }
  ] }
  no_auth_user: subscriber`;
  await using nats = await startRealNatsServer({ jetStream: true, configuration: withPassword('the-secret') });
  await using stream = await openEventStream(nats.url);
  await using system = await startSystem({
    nats,
    env: { SP_NATS_URL: nats.url.replace('//', '//provider:the-secret@') },
  });
  const { client, provider } = system;
  await createContainer(client, 'web');
  await stream.waitFor('web', 'RUNNING');

  await nats.reload(withPassword('changed'));
  const refusal = await provider.logged(({ msg }) => msg === 'NATS cannot be reached, will retry');
  t.match(refusal, { level: 'warn', err: { code: 'AUTHORIZATION_VIOLATION' } });
  await deleteContainer(client, 'web');
  await createContainer(client, 'meanwhile');
  t.equal(await healthOf(provider), 'healthy');
  t.equal(stream.statuses('web').at(-1), 'RUNNING', 'nothing gets through');

  await nats.reload(withPassword('the-secret'));
  await healed({ ...system, events: stream });
  t.notMatch(provider.process.stdout(), 'the-secret');
});
