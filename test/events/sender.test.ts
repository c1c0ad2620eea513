import { pino } from 'pino';
import t from 'tap';
import type { ContainerEndpoint, ContainerStatus } from '../../src/containers/container.ts';
import { EventTooLargeError } from '../../src/events/publisher.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startSender } from '../support/sender.ts';

function senderOf() {
  const clock = new ManualClock();
  const publisher = new RecordingPublisher();
  const lines: { level: number; msg: string; containerId?: string }[] = [];
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) },
  );
  const started = startSender({ publisher, log, clock });
  const { sender, deliveries, queue } = started;
  /** With what follows from it at once. */
  const put = async (containerId: string, status: ContainerStatus, ...endpoints: ContainerEndpoint[]) => {
    started.put({ containerId, status, message: '', endpoints });
    await clock.advance(0);
  };
  const repeat = async (containerId: string, status: ContainerStatus) => {
    started.put({ containerId, status, message: '', endpoints: [] }, { again: true });
    await clock.advance(0);
  };
  const size = () => deliveries.unconfirmed.size;
  return { clock, publisher, lines, sender, queue, close: started.close, size, put, repeat };
}

await t.test('publishes at once, and forgets what is confirmed', async (t) => {
  const { clock, publisher, size, put } = senderOf();
  publisher.holding = true;
  await put('a', 'PENDING');
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a PENDING']);
  t.equal(size(), 1);
  publisher.sent[0]!.confirm();
  await clock.advance(0);
  t.equal(size(), 0);
});

await t.test(
  'sends the next event of a container only after the one before it, and of those between only the newest',
  async (t) => {
    const { clock, publisher, size, put } = senderOf();
    publisher.holding = true;
    await put('a', 'PENDING');
    await put('a', 'RUNNING');
    await put('a', 'FAILED');
    await put('b', 'PENDING');
    await clock.advance(0);
    t.strictSame(publisher.summary, ['a PENDING', 'b PENDING']);
    publisher.sent[0]!.confirm();
    await clock.advance(0);
    t.strictSame(publisher.summary, ['a PENDING', 'b PENDING', 'a FAILED']);
    publisher.sent[1]!.confirm();
    publisher.sent[2]!.confirm();
    await clock.advance(0);
    t.equal(size(), 0);
  },
);

await t.test('sends what waits behind an event that is too large, unless it is the same', async (t) => {
  const { clock, publisher, lines, sender, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  await put('a', 'FAILED');
  await put('b', 'RUNNING');
  await put('b', 'RUNNING');
  await clock.advance(0);
  for (const { fail } of publisher.sent) fail(new EventTooLargeError('too large'));
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a RUNNING', 'b RUNNING', 'a FAILED']);
  t.match(
    lines.map(({ level, containerId }) => [level, containerId]),
    [
      [50, 'a'],
      [50, 'b'],
    ],
  );
  publisher.sent[2]!.confirm();
  await sender.drain(new AbortController().signal);
  t.notOk(sender.discard(), 'none of them may still arrive');
});

await t.test('does not send again what was just confirmed', async (t) => {
  const { clock, publisher, size, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  await put('a', 'FAILED');
  await put('a', 'RUNNING');
  await clock.advance(0);
  publisher.sent[0]!.confirm();
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a RUNNING']);
  t.equal(size(), 0);
});

await t.test('sends again what is to be repeated, though the same was just confirmed', async (t) => {
  const { clock, publisher, size, put, repeat } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  await repeat('a', 'RUNNING');
  await clock.advance(0);
  publisher.sent[0]!.confirm();
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a RUNNING', 'a RUNNING']);
  publisher.sent[1]!.confirm();
  await clock.advance(0);
  t.equal(size(), 0);
});

await t.test('sends what has other endpoints than what was just confirmed', async (t) => {
  const { clock, publisher, size, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  await put('a', 'RUNNING', { address: '203.0.113.1', port: 80, scope: 'external' });
  await clock.advance(0);
  publisher.sent[0]!.confirm();
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a RUNNING', 'a RUNNING']);
  t.match(publisher.sent[1]!.data, { output_spec: { endpoints: [{ address: '203.0.113.1' }] } });
  publisher.sent[1]!.confirm();
  await clock.advance(0);
  t.equal(size(), 0);
});

await t.test('sends what failed again, the same to the last byte', async (t) => {
  const { clock, publisher, lines, size, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  await clock.advance(0);
  publisher.sent[0]!.fail(new Error('no answer'));
  await clock.advance(100);
  t.equal(publisher.sent.length, 1, 'not at once');
  await clock.advance(200);
  publisher.sent[1]!.fail(new Error('no answer'));
  await clock.advance(500);
  publisher.sent[2]!.confirm();
  await clock.advance(0);
  t.equal(size(), 0);
  t.equal(new Set(publisher.sent.map(({ message }) => JSON.stringify(message))).size, 1);
  t.equal(lines.filter(({ msg }) => msg === 'publishing failed, will retry').length, 2);
  t.equal(clock.pending, 0);
});

await t.test('tries each of many refused events by its own back-off, whatever else fails meanwhile', async (t) => {
  const { clock, publisher, lines, put } = senderOf();
  publisher.holding = true;
  let answered = 0;
  const refuse = async () => {
    for (; answered < publisher.sent.length; answered++)
      publisher.sent[answered]!.fail(new Error('the stream is full'));
    await clock.advance(0);
  };
  for (let id = 0; id < 500; id++) await put(`c${id}`, 'RUNNING');
  for (let second = 0; second < 60; second++) {
    await put('flapping', second % 2 === 0 ? 'RUNNING' : 'FAILED');
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

await t.test('gives up an event that failed for a newer one of the same container', async (t) => {
  const { clock, publisher, size, put } = senderOf();
  publisher.holding = true;
  await put('a', 'PENDING');
  await clock.advance(0);
  publisher.sent[0]!.fail(new Error('no answer'));
  await clock.advance(0);
  publisher.holding = false;
  await put('a', 'RUNNING');
  await clock.advance(60_000);
  t.strictSame(publisher.summary, ['a PENDING', 'a RUNNING']);
  t.equal(size(), 0);
});

await t.test('does not let a container that cannot be published delay another', async (t) => {
  const { clock, publisher, put } = senderOf();
  publisher.holding = true;
  await put('a', 'PENDING');
  await clock.advance(0);
  publisher.sent[0]!.fail(new Error('too large'));
  await clock.advance(0);
  await put('b', 'PENDING');
  await clock.advance(0);
  t.strictSame(publisher.summary, ['a PENDING', 'b PENDING']);
});

await t.test(
  'keeps the newest state of each container while there is no connection, and publishes it after',
  async (t) => {
    const { clock, publisher, size, put } = senderOf();
    publisher.connected = false;
    for (const status of ['PENDING', 'RUNNING', 'FAILED'] as const)
      for (const id of ['a', 'b', 'c']) await put(id, status);
    await clock.advance(3_600_000);
    t.strictSame(publisher.summary, []);
    t.equal(size(), 3);
    publisher.connect();
    await clock.advance(0);
    t.strictSame(publisher.summary, ['a FAILED', 'b FAILED', 'c FAILED']);
    await clock.advance(0);
    t.equal(size(), 0);
  },
);

await t.test('sends again under the same ids when the connection breaks', async (t) => {
  const { clock, publisher, put } = senderOf();
  publisher.holding = true;
  await put('a', 'PENDING');
  await put('b', 'PENDING');
  publisher.connected = false;
  await clock.advance(0);
  for (const { fail } of publisher.sent) fail(new Error('disconnected'));
  await clock.advance(0);
  t.equal(publisher.sent.length, 2);
  publisher.connect();
  await clock.advance(0);
  const ids = publisher.sent.map(({ message }) => message.id);
  await clock.advance(0);
  t.strictSame(ids.slice(2), ids.slice(0, 2));
});

await t.test('has a bounded number of events under way', async (t) => {
  const { clock, publisher, sender, put } = senderOf();
  publisher.holding = true;
  for (let id = 0; id < 5_000; id++) await put(String(id), 'PENDING');
  await clock.advance(0);
  t.equal(publisher.sent.length, 250);
  publisher.holding = false;
  for (const { confirm } of publisher.sent.slice()) confirm();
  await sender.drain(AbortSignal.timeout(10_000));
  t.equal(publisher.sent.length, 5_000);
});

await t.test('leaves no timer behind when what was under way fails after the end', async (t) => {
  const { clock, publisher, lines, sender, close, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  sender.discard();
  await close();
  await clock.advance(0);
  publisher.sent[0]!.fail(new Error('the connection was closed'));
  await clock.advance(0);
  t.equal(clock.pending, 0);
  t.strictSame(lines, []);
});

await t.test('is empty when all is confirmed, or when the time is up', async (t) => {
  const { clock, publisher, sender, size, put } = senderOf();
  await sender.drain(new AbortController().signal);
  publisher.connected = false;
  await put('a', 'RUNNING');
  const deadline = new AbortController();
  const late = sender.drain(deadline.signal);
  deadline.abort();
  await late;
  await clock.advance(0);
  t.equal(size(), 1);
  const emptied = sender.drain(new AbortController().signal);
  publisher.connect();
  await clock.advance(0);
  await emptied;
  await clock.advance(0);
  t.equal(size(), 0);
});

await t.test('tells its state', async (t) => {
  const { clock, publisher, sender, put } = senderOf();
  const nothing = { unconfirmed: 0, inFlight: 0, oldestMs: 0, published: 0, failed: 0, dropped: 0 };
  t.strictSame(sender.stats(), nothing);
  publisher.holding = true;
  await put('a', 'PENDING');
  await clock.advance(1_000);
  await put('a', 'RUNNING');
  await put('b', 'PENDING');
  await clock.advance(2_000);
  t.strictSame(sender.stats(), { ...nothing, unconfirmed: 2, inFlight: 2, oldestMs: 3_000 });
  publisher.sent[0]!.confirm();
  publisher.sent[1]!.fail(new Error('no answer'));
  await clock.advance(0);
  t.strictSame(sender.stats(), { ...nothing, unconfirmed: 2, inFlight: 1, oldestMs: 2_000, published: 1, failed: 1 });
  publisher.connected = false;
});

await t.test('what is forgotten leaves no count of its failures behind', async (t) => {
  const { clock, publisher, sender, queue, put } = senderOf();
  publisher.holding = true;
  await put('a', 'RUNNING');
  publisher.sent[0]!.fail(new Error('no answer'));
  await clock.advance(0);
  t.equal(queue.failures('a'), 1);
  sender.discard();
  t.equal(queue.failures('a'), 0);
});
