import t from 'tap';
import { WorkQueue } from '../../src/events/work-queue.ts';
import { ManualClock } from '../support/manual-clock.ts';

const backoff = { firstMs: 1_000, maxMs: 8_000 };

/** A queue whose keys are done at once. */
function queueOf() {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, maxRunning: 2 });
  const done: string[] = [];
  queue.start((key) => void done.push(key));
  return { clock, queue, done };
}

/** A queue whose keys are done when a test says so. */
function heldQueue() {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, maxRunning: 2 });
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  queue.start((key) => {
    running.push(key);
    return new Promise((resolve) => ends.set(key, resolve));
  });
  return { clock, queue, running, end: (key: string) => ends.get(key)!() };
}

await t.test('takes a key when it is due, once, however often it was added', async (t) => {
  const { clock, queue, done } = queueOf();
  for (let passed = 0; passed < 490; passed += 10) {
    queue.addAfter('a', 500 - passed);
    await clock.advance(10);
  }
  queue.addAfter('a', 5_000);
  t.strictSame(done, []);
  await clock.advance(10);
  t.strictSame(done, ['a']);
  await clock.advance(60_000);
  t.strictSame(done, ['a']);
  t.equal(clock.pending, 0);
});

await t.test('takes the key that is due first, and of those due together the one that was added first', async (t) => {
  const { clock, queue, done } = queueOf();
  for (const [key, ms] of [
    ['d', 40],
    ['b', 20],
    ['a', 10],
    ['e', 40],
    ['c', 30],
    ['f', 40],
  ] as const)
    queue.addAfter(key, ms);
  await clock.advance(40);
  t.strictSame(done, ['a', 'b', 'c', 'd', 'e', 'f']);
});

await t.test('is due earlier where it is added for earlier, and not twice', async (t) => {
  const { clock, queue, done } = queueOf();
  queue.addAfter('a', 5_000);
  queue.add('a');
  await clock.advance(0);
  t.strictSame(done, ['a']);
  t.equal(clock.pending, 0);
});

await t.test('needs one timer for any number of keys, and takes some in each turn', async (t) => {
  const { clock, queue, done } = queueOf();
  for (let key = 0; key < 1_200; key++) queue.addAfter(String(key), 500);
  t.equal(clock.pending, 1);
  const turns: number[] = [];
  const timer = clock.after.bind(clock);
  clock.after = (ms, callback) => {
    turns.push(done.length);
    return timer(ms, callback);
  };
  await clock.advance(500);
  t.strictSame(turns, [200, 400, 600, 800, 1_000]);
  t.equal(done.length, 1_200);
  t.equal(clock.pending, 0);
});

await t.test('works on a key by one at a time, and again if it came up meanwhile', async (t) => {
  const { clock, queue, running, end } = heldQueue();
  queue.add('a');
  await clock.advance(0);
  queue.add('a');
  queue.add('a');
  await clock.advance(0);
  t.strictSame(running, ['a']);
  end('a');
  await clock.advance(0);
  t.strictSame(running, ['a', 'a']);
  end('a');
  await clock.advance(60_000);
  t.equal(running.length, 2);
});

await t.test('says at once that a key came up that is worked on', async (t) => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, maxRunning: 2 });
  const cameUp: string[] = [];
  queue.start(
    () => new Promise(() => undefined),
    (key) => void cameUp.push(key),
  );
  queue.add('a');
  await clock.advance(0);
  queue.addAfter('a', 100);
  await clock.advance(99);
  t.strictSame(cameUp, []);
  await clock.advance(1);
  t.strictSame(cameUp, ['a']);
});

await t.test('works on no more keys at a time than it may', async (t) => {
  const { clock, queue, running, end } = heldQueue();
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  await clock.advance(0);
  t.strictSame(running, ['a', 'b']);
  t.equal(clock.pending, 0);
  end('b');
  await clock.advance(0);
  t.strictSame(running, ['a', 'b', 'c']);
});

await t.test('backs off further with each failure of a key, until it is forgotten', async (t) => {
  const { clock, queue, done } = queueOf();
  for (const full of [1_000, 2_000, 4_000, 8_000, 8_000]) {
    const ms = queue.addRateLimited('a', backoff);
    t.ok(ms >= full / 2 && ms <= full, `${ms} of ${full}`);
    await clock.advance(ms);
  }
  t.equal(done.length, 5);
  t.equal(queue.failures('a'), 5);
  t.ok(queue.addRateLimited('b', backoff) <= 1_000, 'another key has a back-off of its own');
  queue.forget('a');
  t.ok(queue.addRateLimited('a', backoff) <= 1_000);
});

await t.test('waits at the end for what is due and under way, and takes nothing after', async (t) => {
  const { clock, queue, running, end } = heldQueue();
  for (const key of ['a', 'b', 'c']) queue.add(key);
  queue.addAfter('late', 1_000);
  let isDrained = false;
  const drained = queue.shutDownWithDrain(new AbortController().signal).then(() => (isDrained = true));
  await clock.advance(0);
  for (const key of ['a', 'b']) end(key);
  await clock.advance(0);
  t.strictSame(running, ['a', 'b', 'c']);
  t.notOk(isDrained);
  end('c');
  await drained;
  queue.add('d');
  await clock.advance(60_000);
  t.strictSame(running, ['a', 'b', 'c']);
  t.equal(clock.pending, 0);
});

await t.test('does not wait at the end for longer than it may', async (t) => {
  const { clock, queue } = heldQueue();
  queue.add('a');
  await clock.advance(0);
  await queue.shutDownWithDrain(AbortSignal.abort());
  t.equal(clock.pending, 0);
});

await t.test('waits at the end until its time is up, whatever is under way', async (t) => {
  const { clock, queue } = heldQueue();
  queue.add('a');
  const end = new AbortController();
  let isOver = false;
  const over = queue.shutDownWithDrain(end.signal).then(() => (isOver = true));
  await clock.advance(0);
  t.notOk(isOver);
  end.abort();
  await over;
  queue.addAfter('b', 100);
  t.equal(clock.pending, 0);
});

await t.test('keeps its order over many more keys than it leaves places empty for', async (t) => {
  const { clock, queue, done } = queueOf();
  const keys = Array.from({ length: 12_000 }, (_, index) => String(index));
  for (const key of keys) queue.addAfter(key, 500);
  queue.addAfter('early', 400);
  queue.addAfter('11999', 450);
  await clock.advance(1_000);
  t.strictSame(done, ['early', '11999', ...keys.slice(0, -1)]);
});

await t.test('costs as much a key however many there are', (t) => {
  const costOf = (count: number): number => {
    const { queue } = queueOf();
    const startedAt = process.cpuUsage();
    for (let index = 0; index < count; index++) queue.addAfter(`${index}`, 1 + ((index * 7_919) % 10_007));
    for (let index = 0; index < count; index++) queue.addAfter(`${index}`, 0);
    const { user, system } = process.cpuUsage(startedAt);
    return (user + system) / count;
  };
  costOf(2_000);
  t.ok(costOf(100_000) < 20 * costOf(2_000), 'a hundred thousand are not dearer each than a few thousand');
  t.end();
});
