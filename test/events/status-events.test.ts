import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import { createStatusEvents } from '../../src/events/status-events.ts';
import type { StatusEventsOptions } from '../../src/events/status-events.ts';
import { MemorySource } from '../support/container-source.ts';
import { openEventStream } from '../support/event-stream.ts';
import { subscribeEvents } from '../support/events.ts';
import { captureLog } from '../support/log-lines.ts';
import { startNatsServer, startRealNatsServer, withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { until } from '../support/until.ts';

function statusEventsOf(url: string, options: Partial<StatusEventsOptions> = {}) {
  const { log, lines } = captureLog();
  const source = new MemorySource();
  const { nats, events } = createStatusEvents({
    source,
    natsServers: parseNatsUrls(url),
    providerName: 'sp',
    namespace: 'containers',
    debounceMs: 20,
    resyncPeriodMs: 600_000,
    log,
    ...options,
  });
  const statusEvents = {
    start() {
      void nats.start();
      void events.start();
    },
    async stop(deadline: AbortSignal) {
      await events.stop(deadline);
      await nats.stop(deadline);
    },
  };
  return { source, lines, statusEvents, [Symbol.asyncDispose]: () => statusEvents.stop(AbortSignal.timeout(10_000)) };
}

await t.test('reports the life of a container, from the changes of the cluster to a subscriber of NATS', async (t) => {
  await using nats = await startNatsServer();
  await using events = await subscribeEvents(nats.url);
  await using parts = statusEventsOf(nats.url);
  parts.statusEvents.start();
  parts.source.becomeReady();
  for (const [phase, status] of [
    ['Pending', 'PENDING'],
    ['Running', 'RUNNING'],
    ['Failed', 'FAILED'],
  ] as const) {
    parts.source.setPhase('web', phase);
    await events.waitFor('web', status);
  }
  parts.source.delete('web');
  const { source, data } = await events.waitFor('web', 'DELETED');
  t.equal(source, 'dcm/providers/sp');
  t.strictSame(data, { id: 'web', status: 'DELETED', message: 'Container was deleted.' });
  t.strictSame(events.statuses('web'), ['PENDING', 'RUNNING', 'FAILED', 'DELETED']);
});

await t.test('reports everything once to a stream that comes later', { skip: withoutNatsServer }, async (t) => {
  await using nats = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(nats.url);
  await using parts = statusEventsOf(nats.url);
  parts.statusEvents.start();
  parts.source.becomeReady();
  for (const id of ['a', 'b', 'gone']) parts.source.setPhase(id, 'Running');
  for (const id of ['a', 'b', 'gone']) await events.waitFor(id, 'RUNNING');
  parts.source.delete('gone');
  await events.waitFor('gone', 'DELETED');
  await using stream = await openEventStream(nats.url);
  await nats.kill();
  await nats.restart();
  for (const id of ['a', 'b']) await stream.waitFor(id, 'RUNNING');
  await stream.waitFor('gone', 'DELETED');
  parts.source.setPhase('last', 'Running');
  await stream.waitFor('last', 'RUNNING');
  t.strictSame(stream.received.map(({ event: { data } }) => data.id).sort(), ['a', 'b', 'gone', 'last']);
});

await t.test('tells of an end once where a stream has acknowledged it', { skip: withoutNatsServer }, async (t) => {
  await using nats = await startRealNatsServer({ jetStream: true });
  await using stream = await openEventStream(nats.url);
  await using parts = statusEventsOf(nats.url, { resyncPeriodMs: 1_000 });
  parts.statusEvents.start();
  parts.source.becomeReady();
  for (const id of ['stays', 'goes']) parts.source.setPhase(id, 'Running');
  for (const id of ['stays', 'goes']) await stream.waitFor(id, 'RUNNING');
  parts.source.delete('goes');
  await stream.waitFor('goes', 'DELETED');
  const resyncs = stream.of('stays').length;
  await until('there were resyncs since', () => stream.of('stays').length >= resyncs + 3);
  t.equal(stream.of('goes').filter(({ data }) => data.status === 'DELETED').length, 1);
});

await t.test('publishes what waits for the end of its window when it stops', async (t) => {
  await using nats = await startNatsServer();
  await using events = await subscribeEvents(nats.url);
  await using parts = statusEventsOf(nats.url, { debounceMs: 3_600_000 });
  parts.statusEvents.start();
  parts.source.becomeReady();
  await until('it is connected', () => parts.lines.some(({ msg }) => msg === 'connected to NATS'));
  for (let id = 0; id < 2_000; id++) parts.source.setPhase(`c${id}`, 'Running');
  await parts.statusEvents.stop(AbortSignal.timeout(10_000));
  await until('all have arrived', () => events.received.length === 2_000);
  t.equal(new Set(events.received.map(({ event }) => event.data.id)).size, 2_000);
  t.strictSame(
    parts.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

await t.test('stops by its deadline when NATS is not there, and says what is lost', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const { source, lines, statusEvents } = statusEventsOf(`nats://127.0.0.1:${port}`);
  statusEvents.start();
  source.becomeReady();
  source.setPhase('web', 'Running');
  const deadline = new AbortController();
  let stopped = false;
  const stopping = statusEvents.stop(deadline.signal).then(() => (stopped = true));
  await until('it was tried', () => lines.some(({ msg }) => msg === 'NATS cannot be reached, will retry'));
  t.notOk(stopped, 'waits while there is time');
  deadline.abort();
  await stopping;
  t.match(lines.at(-1), { level: 'error', unpublished: 1, msg: 'stopping with unpublished status events' });
});

await t.test('stops at once when nothing waits, with or without NATS', async (t) => {
  for (const url of ['nats://127.0.0.1:9', 'nats://127.0.0.1:1,nats://127.0.0.1:2']) {
    const { lines, statusEvents } = statusEventsOf(url);
    statusEvents.start();
    await statusEvents.stop(new AbortController().signal);
    t.notOk(lines.some(({ level }) => level === 'error'));
  }
});
