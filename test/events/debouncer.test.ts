import t from 'tap';
import { Debouncer } from '../../src/events/debouncer.ts';
import { ManualClock } from '../support/manual-clock.ts';

function debouncerOf(windowMs: number) {
  const clock = new ManualClock();
  const ended: string[] = [];
  const debouncer = new Debouncer({ windowMs, clock, onEnd: (key) => ended.push(key) });
  return { clock, ended, debouncer };
}

await t.test('closes a window at its end, however often the key comes up meanwhile', async (t) => {
  const { clock, ended, debouncer } = debouncerOf(500);
  debouncer.open('a');
  for (let passed = 0; passed < 490; passed += 10) {
    await clock.advance(10);
    debouncer.open('a');
  }
  t.strictSame(ended, []);
  t.ok(debouncer.isOpen('a'));
  await clock.advance(10);
  t.strictSame(ended, ['a']);
  t.notOk(debouncer.isOpen('a'));
  t.equal(clock.pending, 0);
});

await t.test('gives each key a window of its own', async (t) => {
  const { clock, ended, debouncer } = debouncerOf(500);
  debouncer.open('a');
  await clock.advance(300);
  debouncer.open('b');
  await clock.advance(200);
  t.strictSame(ended, ['a']);
  debouncer.open('a');
  await clock.advance(300);
  t.strictSame(ended, ['a', 'b']);
  await clock.advance(200);
  t.strictSame(ended, ['a', 'b', 'a']);
});

await t.test('needs one timer for any number of windows, and closes them in turns', async (t) => {
  const { clock, ended, debouncer } = debouncerOf(500);
  for (let key = 0; key < 1_200; key++) debouncer.open(String(key));
  t.equal(clock.pending, 1);
  await clock.advance(500);
  t.equal(ended.length, 1_200);
  t.equal(clock.pending, 0);
});

await t.test('opens a window again from within its end', async (t) => {
  const clock = new ManualClock();
  let ends = 0;
  const debouncer = new Debouncer({
    windowMs: 100,
    clock,
    onEnd: (key) => {
      if (++ends < 3) debouncer.open(key);
    },
  });
  debouncer.open('a');
  await clock.advance(1_000);
  t.equal(ends, 3);
  t.equal(clock.pending, 0);
});

await t.test('flushes all windows at once', async (t) => {
  const { clock, ended, debouncer } = debouncerOf(500);
  for (let key = 0; key < 1_200; key++) debouncer.open(String(key));
  debouncer.flush();
  t.equal(ended.length, 1_200);
  await clock.advance(1_000);
  t.equal(ended.length, 1_200);
});

await t.test('reports in the next turn where the window is 0', async (t) => {
  const { clock, ended, debouncer } = debouncerOf(0);
  debouncer.open('a');
  t.strictSame(ended, []);
  await clock.advance(0);
  t.strictSame(ended, ['a']);
});
