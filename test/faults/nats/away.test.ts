import t from 'tap';

import { kubelets, withImage } from '../../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer } from '../../support/containers.ts';
import { openEventStream } from '../../support/event-stream.ts';
import { healed, healthOf } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { startNatsServer, startRealNatsServer, withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';
import { changeContainers } from './changes.ts';

/** What the provider gives NATS for an answer; a request that waited for one would take longer. */
const answerTimeoutMs = 5_000;

t.test(
  'a provider that starts without NATS serves, and publishes the newest status of each container once NATS is there',
  {
    skip: withoutNatsServer,
  },
  async (t) => {
    await using nats = await startRealNatsServer({ jetStream: true });
    await using stream = await openEventStream(nats.url);
    await using system = await startSystem({ nats, prepare: () => nats.kill() });
    const { client, provider } = system;
    await provider.logged(isVainTry(2));
    t.equal(await healthOf(provider), 'healthy');
    t.strictSame(await listIds(client), [], 'the caches are filled: what comes and goes before has no event');
    await createContainer(client, 'running');
    for (const { kubelet, crashes } of kubelets)
      await createContainer(client, `crashing-${kubelet}`, withImage(crashes));
    await createContainer(client, 'short-lived');
    await deleteContainer(client, 'short-lived');
    for (const [id, wanted] of [
      ['running', 'RUNNING'],
      ['crashing-newer', 'FAILED'],
      ['crashing-older', 'FAILED'],
    ] as const) {
      await eventually(
        () => readContainer(client, id),
        ({ status }) => status === wanted,
        60_000,
      );
    }
    await provider.logged(isVainTry(4));

    await nats.restart();
    await healed({ ...system, events: stream });
    t.strictSame(stream.statuses('running'), ['RUNNING'], 'and nothing of what it was before');
    const last = await eventually(
      () => stream.statuses('short-lived'),
      ({ length }) => length > 0,
    );
    t.strictSame(last, ['DELETED']);
  },
);

t.test(
  'nothing is lost when NATS is killed again and again while containers change',
  {
    skip: withoutNatsServer,
  },
  async (t) => {
    await using nats = await startRealNatsServer({ jetStream: true });
    await using stream = await openEventStream(nats.url);
    await using system = await startSystem({ nats });
    const changes = changeContainers(system.client, 10);
    for (let kill = 0; kill < 3; kill++) {
      const events = stream.received.length;
      await eventually(
        () => stream.received.length,
        (now) => now > events + 20,
        60_000,
      );
      await nats.kill();
      await changes.more(10);
      await nats.restart();
    }
    await changes.stop();
    await healed({ ...system, events: stream });
    const ids = stream.received.map(({ event }) => event.id);
    t.equal(new Set(ids).size, ids.length, 'the stream knew again by its id what came twice');
  },
);

t.test(
  'a subscriber that was cut off together with the provider learns what it missed with the next resync',
  async (t) => {
    await using nats = await startNatsServer();
    await using system = await startSystem({ nats, env: { SP_MONITOR_RESYNC_PERIOD: '2s' } });
    const { client, events } = system;
    await createContainer(client, 'doomed');
    await events.waitFor('doomed', 'RUNNING');
    await nats.kill();
    await deleteContainer(client, 'doomed');
    await createContainer(client, 'new');
    await nats.restart();
    await healed(system);
    t.equal(events.statuses('doomed').at(-1), 'DELETED');
  },
);

t.test('NATS that hangs holds up no request, and gets what it did not confirm once it goes on', async (t) => {
  await using nats = await startNatsServer();
  await using system = await startSystem({ nats });
  const { client, events, provider } = system;
  await createContainer(client, 'before');
  await events.waitFor('before', 'RUNNING');
  nats.pause();
  const start = performance.now();
  await createContainer(client, 'during');
  await deleteContainer(client, 'before');
  t.equal(await healthOf(provider), 'healthy');
  const tookMs = performance.now() - start;
  t.ok(tookMs < answerTimeoutMs, `${Math.round(tookMs)} ms`);
  await provider.logged(({ msg }) => msg === 'NATS does not answer, dropping the connection');
  await provider.logged(isVainTry(1));
  nats.resume();
  await healed(system);
  t.equal(events.statuses('during').at(-1), 'RUNNING');
});

function isVainTry(wanted: number): (line: LogLine) => boolean {
  return ({ msg, failures }) => msg === 'NATS cannot be reached, will retry' && Number(failures) >= wanted;
}
