/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/clock.ts';

export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  constructor(now = Date.parse('2026-01-21T10:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(ms, 0), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Number of timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, and lets each timer that is due on the way run at its time, with what it set off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = next.at;
      this.#timers.delete(next);
      next.callback();
      await settled();
    }
    this.#now = end;
  }

  #next(end: number): { at: number; callback: () => void } | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= end);
    return due.length === 0 ? undefined : due.reduce((first, timer) => (timer.at < first.at ? timer : first));
  }
}

/** Lets everything run that waits for promises alone. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
