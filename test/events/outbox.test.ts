import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import type { ContainerEndpoint, ContainerStatus } from '../../src/containers/container.ts';
import { createStatusEventEncoder } from '../../src/events/cloud-event.ts';
import { Outbox } from '../../src/events/outbox.ts';
import { EventTooLargeError } from '../../src/events/publisher.ts';
import { alwaysLeads } from '../../src/leadership/leadership.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { ManualClock } from '../support/manual-clock.ts';

function outboxOf({ maxUnpublished }: { maxUnpublished?: number } = {}) {
  const clock = new ManualClock();
  const publisher = new RecordingPublisher();
  const lines: { level: number; msg: string; containerId?: string }[] = [];
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) },
  );
  const confirmed: string[] = [];
  const outbox = new Outbox({
    publisher,
    onConfirmed: ({ containerId, status }, { isStored }) =>
      void confirmed.push(`${containerId} ${status} by ${isStored ? 'a stream' : 'a round trip'}`),
    encode: createStatusEventEncoder({ providerName: 'sp', namespace: 'containers' }),
    leadership: alwaysLeads,
    log,
    clock,
    ...(maxUnpublished !== undefined && { maxUnpublished }),
  });
  const put = (containerId: string, status: ContainerStatus, ...endpoints: ContainerEndpoint[]) =>
    outbox.put({ containerId, status, message: '', endpoints });
  const repeat = (containerId: string, status: ContainerStatus) =>
    outbox.put({ containerId, status, message: '', endpoints: [] }, { again: true });
  return { clock, publisher, lines, outbox, confirmed, put, repeat };
}

await t.test('publishes at once, and forgets what is confirmed', async (t) => {
  const { publisher, outbox, put } = outboxOf();
  put('a', 'PENDING');
  t.strictSame(publisher.summary, ['a PENDING']);
  t.equal(outbox.size, 1);
  await nextTurn();
  t.equal(outbox.size, 0);
});

await t.test(
  'sends the next event of a container only after the one before it, and of those between only the newest',
  async (t) => {
    const { publisher, outbox, put } = outboxOf();
    publisher.holding = true;
    put('a', 'PENDING');
    put('a', 'RUNNING');
    put('a', 'FAILED');
    put('b', 'PENDING');
    t.strictSame(publisher.summary, ['a PENDING', 'b PENDING']);
    publisher.sent[0]!.confirm();
    await nextTurn();
    t.strictSame(publisher.summary, ['a PENDING', 'b PENDING', 'a FAILED']);
    publisher.sent[1]!.confirm();
    publisher.sent[2]!.confirm();
    await nextTurn();
    t.equal(outbox.size, 0);
  },
);

await t.test('sends what waits behind an event that is too large, unless it is the same', async (t) => {
  const { publisher, outbox, put, lines } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  put('a', 'FAILED');
  put('b', 'RUNNING');
  put('b', 'RUNNING');
  for (const { fail } of publisher.sent) fail(new EventTooLargeError('too large'));
  await nextTurn();
  t.strictSame(publisher.summary, ['a RUNNING', 'b RUNNING', 'a FAILED']);
  t.match(
    lines.map(({ level, containerId }) => [level, containerId]),
    [
      [50, 'a'],
      [50, 'b'],
    ],
  );
  publisher.sent[2]!.confirm();
  await outbox.empty(new AbortController().signal);
  t.notOk(outbox.discard(), 'none of them may still arrive');
});

await t.test('does not send again what was just confirmed', async (t) => {
  const { publisher, outbox, put } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  put('a', 'FAILED');
  put('a', 'RUNNING');
  publisher.sent[0]!.confirm();
  await nextTurn();
  t.strictSame(publisher.summary, ['a RUNNING']);
  t.equal(outbox.size, 0);
});

await t.test('sends again what is to be repeated, though the same was just confirmed', async (t) => {
  const { publisher, outbox, put, repeat } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  repeat('a', 'RUNNING');
  publisher.sent[0]!.confirm();
  await nextTurn();
  t.strictSame(publisher.summary, ['a RUNNING', 'a RUNNING']);
  publisher.sent[1]!.confirm();
  await nextTurn();
  t.equal(outbox.size, 0);
});

await t.test('tells of each event that is confirmed, and whether a stream has it', async (t) => {
  const { publisher, confirmed, put } = outboxOf();
  put('a', 'RUNNING');
  publisher.isStored = true;
  put('b', 'DELETED');
  await nextTurn();
  t.strictSame(confirmed, ['a RUNNING by a round trip', 'b DELETED by a stream']);
});

await t.test('sends what has other endpoints than what was just confirmed', async (t) => {
  const { publisher, outbox, put } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  put('a', 'RUNNING', { address: '203.0.113.1', port: 80, scope: 'external' });
  publisher.sent[0]!.confirm();
  await nextTurn();
  t.strictSame(publisher.summary, ['a RUNNING', 'a RUNNING']);
  t.match(publisher.sent[1]!.data, { output_spec: { endpoints: [{ address: '203.0.113.1' }] } });
  publisher.sent[1]!.confirm();
  await nextTurn();
  t.equal(outbox.size, 0);
});

await t.test('sends what failed again, the same to the last byte', async (t) => {
  const { clock, publisher, lines, outbox, put } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  publisher.sent[0]!.fail(new Error('no answer'));
  await clock.advance(100);
  t.equal(publisher.sent.length, 1, 'not at once');
  await clock.advance(200);
  publisher.sent[1]!.fail(new Error('no answer'));
  await clock.advance(500);
  publisher.sent[2]!.confirm();
  await nextTurn();
  t.equal(outbox.size, 0);
  t.equal(new Set(publisher.sent.map(({ message }) => JSON.stringify(message))).size, 1);
  t.equal(lines.filter(({ msg }) => msg === 'publishing failed, will retry').length, 2);
  t.equal(clock.pending, 0);
});

await t.test('tries each of many refused events by its own back-off, whatever else fails meanwhile', async (t) => {
  const { clock, publisher, lines, put } = outboxOf();
  publisher.holding = true;
  let answered = 0;
  const refuse = async () => {
    for (; answered < publisher.sent.length; answered++)
      publisher.sent[answered]!.fail(new Error('the stream is full'));
    await nextTurn();
  };
  for (let id = 0; id < 500; id++) put(`c${id}`, 'RUNNING');
  for (let second = 0; second < 60; second++) {
    put('flapping', second % 2 === 0 ? 'RUNNING' : 'FAILED');
    for (let step = 0; step < 20; step++) {
      while (answered < publisher.sent.length) await refuse();
      await clock.advance(50);
    }
  }
  const tries = Map.groupBy(publisher.sent, ({ data }) => data.id);
  tries.delete('flapping');
  const counts = [...tries.values()].map(({ length }) => length);
  t.equal(counts.length, 500);
  t.ok(Math.max(...counts) <= 20, `at most ${Math.max(...counts)} tries of one event in a minute`);
  t.ok(Math.min(...counts) >= 9, `at least ${Math.min(...counts)}`);
  t.ok(lines.length <= 60 * 8, `${lines.length} lines`);
  publisher.holding = false;
  publisher.connect();
  await clock.advance(0);
  t.equal(clock.pending, 0, 'a new connection waits for no back-off');
});

await t.test('no longer tries again what is dropped past the bound', async (t) => {
  const { clock, publisher, outbox, put } = outboxOf({ maxUnpublished: 1 });
  publisher.holding = true;
  put('a', 'DELETED');
  publisher.sent[0]!.fail(new Error('no answer'));
  await nextTurn();
  put('b', 'RUNNING');
  t.equal(clock.pending, 0);
  await clock.advance(60_000);
  t.strictSame(publisher.summary, ['a DELETED', 'b RUNNING']);
  t.equal(outbox.size, 1);
});

await t.test('gives up an event that failed for a newer one of the same container', async (t) => {
  const { clock, publisher, outbox, put } = outboxOf();
  publisher.holding = true;
  put('a', 'PENDING');
  publisher.sent[0]!.fail(new Error('no answer'));
  await nextTurn();
  publisher.holding = false;
  put('a', 'RUNNING');
  await clock.advance(60_000);
  t.strictSame(publisher.summary, ['a PENDING', 'a RUNNING']);
  t.equal(outbox.size, 0);
});

await t.test('does not let a container that cannot be published delay another', async (t) => {
  const { publisher, put } = outboxOf();
  publisher.holding = true;
  put('a', 'PENDING');
  publisher.sent[0]!.fail(new Error('too large'));
  await nextTurn();
  put('b', 'PENDING');
  t.strictSame(publisher.summary, ['a PENDING', 'b PENDING']);
});

await t.test(
  'keeps the newest state of each container while there is no connection, and publishes it after',
  async (t) => {
    const { clock, publisher, outbox, put } = outboxOf();
    publisher.connected = false;
    for (const status of ['PENDING', 'RUNNING', 'FAILED'] as const) for (const id of ['a', 'b', 'c']) put(id, status);
    await clock.advance(3_600_000);
    t.strictSame(publisher.summary, []);
    t.equal(outbox.size, 3);
    publisher.connect();
    t.strictSame(publisher.summary, ['a FAILED', 'b FAILED', 'c FAILED']);
    await nextTurn();
    t.equal(outbox.size, 0);
  },
);

await t.test('sends again under the same ids when the connection breaks', async (t) => {
  const { publisher, put } = outboxOf();
  publisher.holding = true;
  put('a', 'PENDING');
  put('b', 'PENDING');
  publisher.connected = false;
  for (const { fail } of publisher.sent) fail(new Error('disconnected'));
  await nextTurn();
  t.equal(publisher.sent.length, 2);
  publisher.connect();
  const ids = publisher.sent.map(({ message }) => message.id);
  t.strictSame(ids.slice(2), ids.slice(0, 2));
});

await t.test('has a bounded number of events under way', async (t) => {
  const { publisher, outbox, put } = outboxOf();
  publisher.holding = true;
  for (let id = 0; id < 5_000; id++) put(String(id), 'PENDING');
  t.equal(publisher.sent.length, 250);
  publisher.holding = false;
  for (const { confirm } of publisher.sent.slice()) confirm();
  await outbox.empty(AbortSignal.timeout(10_000));
  t.equal(publisher.sent.length, 5_000);
});

await t.test('drops the oldest DELETED past its bound, and no container that exists', (t) => {
  const { publisher, lines, outbox, put } = outboxOf({ maxUnpublished: 3 });
  publisher.connected = false;
  put('a', 'DELETED');
  put('b', 'RUNNING');
  put('c', 'DELETED');
  t.strictSame(lines, []);
  put('d', 'RUNNING');
  t.match(lines, [{ level: 50, containerId: 'a', msg: 'too many unpublished status events, dropped a DELETED' }]);
  put('e', 'RUNNING');
  put('f', 'RUNNING');
  t.equal(lines.length, 2, 'nothing of a container that exists is dropped');
  t.equal(outbox.size, 4);
  put('d', 'DELETED');
  t.equal(outbox.size, 3);
  publisher.connect();
  t.strictSame(publisher.summary, ['b RUNNING', 'e RUNNING', 'f RUNNING']);
  t.end();
});

for (const outcome of ['confirmed', 'refused'] as const) {
  await t.test(
    `keeps what came after a container was dropped, when what was under way is ${outcome} late`,
    async (t) => {
      const { clock, publisher, outbox, put } = outboxOf({ maxUnpublished: 1 });
      publisher.holding = true;
      put('a', 'RUNNING');
      put('a', 'DELETED');
      put('b', 'RUNNING');
      put('a', 'PENDING');
      put('a', 'FAILED');
      const [former, , later] = publisher.sent;
      t.strictSame(publisher.summary, ['a RUNNING', 'b RUNNING', 'a PENDING']);
      if (outcome === 'confirmed') former!.confirm();
      else former!.fail(new Error('no answer'));
      await nextTurn();
      t.equal(publisher.sent.length, 3, 'one at a time');
      publisher.sent[1]!.confirm();
      later!.confirm();
      await nextTurn();
      t.equal(publisher.summary.at(-1), 'a FAILED');
      publisher.sent.at(-1)!.confirm();
      await clock.advance(60_000);
      t.equal(publisher.sent.length, 4);
      t.equal(outbox.size, 0);
    },
  );
}

await t.test('leaves no timer behind when what was under way fails after the end', async (t) => {
  const { clock, publisher, lines, outbox, put } = outboxOf();
  publisher.holding = true;
  put('a', 'RUNNING');
  outbox.close();
  publisher.sent[0]!.fail(new Error('the connection was closed'));
  await nextTurn();
  t.equal(clock.pending, 0);
  t.strictSame(lines, []);
});

await t.test('is empty when all is confirmed, or when the time is up', async (t) => {
  const { publisher, outbox, put } = outboxOf();
  await outbox.empty(new AbortController().signal);
  publisher.connected = false;
  put('a', 'RUNNING');
  const deadline = new AbortController();
  const late = outbox.empty(deadline.signal);
  deadline.abort();
  await late;
  t.equal(outbox.size, 1);
  const emptied = outbox.empty(new AbortController().signal);
  publisher.connect();
  await emptied;
  t.equal(outbox.size, 0);
});

await t.test('tells its state', async (t) => {
  const { clock, publisher, outbox, put } = outboxOf({ maxUnpublished: 2 });
  const nothing = { unconfirmed: 0, inFlight: 0, oldestMs: 0, published: 0, failed: 0, dropped: 0 };
  t.strictSame(outbox.stats(), nothing);
  publisher.holding = true;
  put('a', 'PENDING');
  await clock.advance(1_000);
  put('a', 'RUNNING');
  put('b', 'PENDING');
  await clock.advance(2_000);
  t.strictSame(outbox.stats(), { ...nothing, unconfirmed: 2, inFlight: 2, oldestMs: 3_000 });
  publisher.sent[0]!.confirm();
  publisher.sent[1]!.fail(new Error('no answer'));
  await nextTurn();
  t.strictSame(outbox.stats(), { ...nothing, unconfirmed: 2, inFlight: 1, oldestMs: 2_000, published: 1, failed: 1 });
  publisher.connected = false;
  put('c', 'DELETED');
  t.match(outbox.stats(), { unconfirmed: 2, dropped: 1 });
});
