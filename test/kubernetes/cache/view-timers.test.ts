import t from 'tap';

import { ViewTimers } from '../../../src/kubernetes/cache/view-timers.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function timers() {
  const clock = new ManualClock();
  const told: string[] = [];
  const state = { isLive: true };
  const tell = (id: string) => void told.push(id);
  return { clock, told, state, timers: new ViewTimers({ clock, isLive: () => state.isLive, tell }) };
}

t.test('tells of a view once, when it is over', async (t) => {
  const { clock, told, timers: planned } = timers();
  planned.plan('a', clock.elapsed() + 1_000);
  planned.plan('b', Infinity);
  await clock.advance(999);
  t.strictSame(told, []);
  await clock.advance(1);
  t.strictSame(told, ['a']);
  await clock.advance(60_000);
  t.strictSame(told, ['a']);
  t.equal(clock.pending, 0);
});

t.test('goes by the newest view', async (t) => {
  const { clock, told, timers: planned } = timers();
  planned.plan('a', clock.elapsed() + 1_000);
  planned.plan('a', clock.elapsed() + 5_000);
  planned.plan('b', clock.elapsed() + 1_000);
  planned.plan('b', Infinity);
  planned.plan('c', clock.elapsed() + 1_000);
  planned.cancel('c');
  await clock.advance(4_999);
  t.strictSame(told, []);
  await clock.advance(1);
  t.strictSame(told, ['a']);
  t.equal(clock.pending, 0);
});

t.test('tells of one that a read has replaced as soon as it was over, and of that one later', async (t) => {
  const { clock, told, timers: planned } = timers();
  // A timer that is late: the read comes first.
  clock.after(1_000, () => planned.plan('a', clock.elapsed() + 2_000));
  planned.plan('a', clock.elapsed() + 1_000);
  await clock.advance(1_000);
  t.strictSame(told, ['a']);
  await clock.advance(1_999);
  t.strictSame(told, ['a']);
  await clock.advance(1);
  t.strictSame(told, ['a', 'a']);
  t.equal(clock.pending, 0);
});

t.test('tells nothing while memory cannot be believed, and makes up for it', async (t) => {
  const { clock, told, state, timers: planned } = timers();
  planned.plan('a', clock.elapsed() + 1_000);
  state.isLive = false;
  await clock.advance(10 * 60_000);
  t.strictSame(told, []);
  state.isLive = true;
  await clock.advance(1_000);
  t.strictSame(told, ['a']);
  t.equal(clock.pending, 0);
});

t.test('takes a timer that is early for none', async (t) => {
  const { clock, told, timers: planned } = timers();
  const early = { now: () => clock.now(), elapsed: () => clock.elapsed(), after: clock.after.bind(clock) };
  early.after = (ms, callback) => clock.after(ms > 1 ? ms - 1 : ms, callback);
  const hasty = new ViewTimers({ clock: early, isLive: () => true, tell: (id) => void told.push(id) });
  hasty.plan('a', clock.elapsed() + 1_000);
  planned.cancel('a');
  await clock.advance(999);
  t.strictSame(told, []);
  await clock.advance(1);
  t.strictSame(told, ['a']);
});
