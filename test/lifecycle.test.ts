import t from 'tap';

import { startParts, stopParts, stopWithin } from '../src/lifecycle.ts';
import type { Check, Part } from '../src/lifecycle.ts';
import { captureLog } from './support/log-lines.ts';
import { until } from './support/until.ts';

interface Told {
  steps: string[];
  part(name: string, changes?: Partial<Part>): Part;
}

/** Parts that tell when they start and stop. */
function telling(): Told {
  const steps: string[] = [];
  const part: Told['part'] = (name, changes = {}) => ({
    name,
    start: () => void steps.push(`start ${name}`),
    stop: () => void steps.push(`stop ${name}`),
    ...changes,
  });
  return { steps, part };
}

const never = () => new Promise<void>(() => undefined);

t.test('starts in order, each when the one before it has started, and stops in reverse', async (t) => {
  const { steps, part } = telling();
  const { log, lines } = captureLog();
  const slow = part('slow', {
    async start() {
      await new Promise(setImmediate);
      steps.push('start slow');
    },
    async stop() {
      await new Promise(setImmediate);
      steps.push('stop slow');
    },
  });
  const parts = [part('first'), slow, part('last')];
  await startParts(parts);
  await stopParts(parts, 10_000, log);
  t.strictSame(steps, ['start first', 'start slow', 'start last', 'stop last', 'stop slow', 'stop first']);
  t.strictSame(lines, []);
});

t.test('starts nothing after a part that cannot start', async (t) => {
  const { steps, part } = telling();
  const failing = part('failing', { start: () => Promise.reject(new Error('taken')) });
  await t.rejects(startParts([part('first'), failing, part('last')]), { message: 'taken' });
  t.strictSame(steps, ['start first']);
});

t.test('stops the others when one fails, and logs which', async (t) => {
  const { steps, part } = telling();
  const { log, lines } = captureLog();
  const failing = part('failing', { stop: () => Promise.reject(new Error('stuck')) });
  const throwing = part('throwing', {
    stop() {
      throw new Error('broken');
    },
  });
  await stopParts([part('first'), failing, throwing, part('last')], 10_000, log);
  t.strictSame(steps, ['stop last', 'stop first']);
  t.match(lines, [
    { level: 'error', part: 'throwing', err: { message: 'broken' }, msg: 'a part failed to stop' },
    { level: 'error', part: 'failing', err: { message: 'stuck' }, msg: 'a part failed to stop' },
  ]);
});

t.test('leaves behind what does not end, and keeps time for those after it', async (t) => {
  const { steps, part } = telling();
  const { log, lines } = captureLog();
  const aborted: string[] = [];
  const hanging = (name: string) =>
    part(name, {
      stop(deadline) {
        deadline.addEventListener('abort', () => aborted.push(name));
        return never();
      },
    });
  let leftMs = 0;
  const startedAt = performance.now();
  const events = part('events', {
    stopMs: 3_000,
    stop() {
      leftMs = 3_000 - (performance.now() - startedAt);
      steps.push('stop events');
    },
  });
  await stopParts([hanging('cluster'), events, hanging('http')], 3_000, log);
  const tookMs = performance.now() - startedAt;
  t.strictSame(steps, ['stop events']);
  t.strictSame(aborted, ['http', 'cluster']);
  t.ok(leftMs > 0, `${leftMs} ms were left`);
  t.ok(tookMs < 30_000, `${tookMs} ms`);
  t.match(lines, [
    { level: 'warn', part: 'http', msg: 'a part did not stop in time' },
    { level: 'warn', part: 'cluster', msg: 'a part did not stop in time' },
  ]);
});

t.test('no more than a third of the time is kept for later parts, whatever they ask for', async (t) => {
  const { part } = telling();
  const { log } = captureLog();
  const startedAt = performance.now();
  let abortedAfterMs = 0;
  const hanging = part('hanging', {
    stop(deadline) {
      deadline.addEventListener('abort', () => (abortedAfterMs = performance.now() - startedAt));
      return never();
    },
  });
  await stopParts([part('greedy', { stopMs: 60_000 }), hanging], 900, log);
  // Two thirds of it, less a fifth for what is left behind.
  t.ok(abortedAfterMs >= 470, `${abortedAfterMs} ms`);
});

t.test('a part that fails after it was left behind is nobody’s error', async (t) => {
  const { part } = telling();
  const { log, lines } = captureLog();
  const held = Promise.withResolvers<never>();
  await stopParts([part('late', { stop: () => held.promise })], 20, log);
  held.reject(new Error('too late'));
  await new Promise(setImmediate);
  t.match(lines, [{ part: 'late', msg: 'a part did not stop in time' }]);
});

t.test('a part whose stop is bounded is the same part otherwise, also where it is a class', async (t) => {
  class Ticking implements Part {
    readonly name = 'ticking';
    readonly stopMs = 7;
    started = false;
    deadline: AbortSignal | undefined;
    start() {
      this.started = true;
    }
    stop(deadline: AbortSignal) {
      this.deadline = deadline;
    }
    health() {
      return { livez: { ok: this.started } as Check };
    }
  }
  const part = new Ticking();
  const bounded = stopWithin(part, 1);
  t.equal(bounded.name, 'ticking');
  t.equal(bounded.stopMs, 7);
  await bounded.start();
  t.strictSame(bounded.health?.(), { livez: { ok: true } });
  await bounded.stop(new AbortController().signal);
  await until('the deadline of the part', () => part.deadline?.aborted === true);
});
