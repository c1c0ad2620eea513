/**
 * A queue of keys that are to be looked at, as controllers of Kubernetes have it: a key is in it once, however often it is
 * added, and is worked on by one at a time.
 */
import TinyQueue from 'tinyqueue';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';

/** Keys taken in one turn of the event loop, so that many that are due together do not hold up everything else. */
const takenPerTurn = 200;

export interface WorkQueueOptions {
  clock: Clock;
  /** Keys that are worked on at a time; those whose work is done at once do not count. */
  maxRunning: number;
}

interface Due {
  key: string;
  /** By the monotonic clock, in milliseconds. */
  at: number;
  /** Of those due together the one that was added first comes first. */
  sequence: number;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** When each key is due. */
  readonly #dueAt = new Map<string, number>();
  /** The one that is due first on top; what is not as `#dueAt` has it is out of date. */
  readonly #order = new TinyQueue<Due>([], (a, b) => a.at - b.at || a.sequence - b.sequence);
  #sequence = 0;
  /** Keys that are worked on, with whether they came up meanwhile. */
  readonly #running = new Map<string, boolean>();
  readonly #failures = new Map<string, number>();
  #process: ((key: string) => Promise<void> | undefined) | undefined;
  #onCameUp: (key: string) => void = () => undefined;
  #onDrained: (() => void) | undefined;
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /**
   * @param process - looks at a key and does what is to be done now; never rejects. Undefined: it is done
   * @param onCameUp - called with a key that is due while it is worked on; `process` looks at it after that
   */
  start(process: (key: string) => Promise<void> | undefined, onCameUp: (key: string) => void = () => undefined): void {
    this.#process = process;
    this.#onCameUp = onCameUp;
    this.#setTimer();
  }

  /** Works on what is due, and takes no more keys once that is done or the signal is aborted. Never rejects. */
  async shutDownWithDrain(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve;
      signal.addEventListener('abort', () => resolve());
      this.#take();
      if (signal.aborted) resolve();
    });
    this.#process = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  add(key: string): void {
    this.addAfter(key, 0);
  }

  /** In so many milliseconds; a key that is due before that stays so. */
  addAfter(key: string, ms: number): void {
    const at = this.#options.clock.elapsed() + ms;
    if (at >= (this.#dueAt.get(key) ?? Infinity)) return;
    this.#dueAt.set(key, at);
    this.#order.push({ key, at, sequence: this.#sequence++ });
    this.#setTimer();
  }

  /**
   * After a back-off that grows with each call until the key is forgotten.
   *
   * @returns the back-off in milliseconds
   */
  addRateLimited(key: string, backoff: Backoff): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const ms = backoffMs(failures, backoff);
    this.addAfter(key, ms);
    return ms;
  }

  /** The next back-off is as short as the first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  #setTimer(): void {
    const first = this.#next();
    if (this.#process === undefined || first === undefined) return;
    if (this.#timer !== undefined && this.#timer.at <= first.at) return;
    this.#timer?.cancel();
    const { clock } = this.#options;
    const cancel = clock.after(first.at - clock.elapsed(), () => {
      this.#timer = undefined;
      this.#take();
    });
    this.#timer = { at: first.at, cancel };
  }

  #take(): void {
    const now = this.#options.clock.elapsed();
    for (let taken = 0; taken < takenPerTurn && this.#running.size < this.#options.maxRunning;) {
      const first = this.#next();
      if (first === undefined || first.at > now) break;
      this.#order.pop();
      this.#dueAt.delete(first.key);
      if (this.#running.has(first.key)) {
        this.#running.set(first.key, true);
        this.#onCameUp(first.key);
      } else this.#run(first.key);
      taken++;
    }
    // Where as much as may be is under way, the end of some of it goes on.
    if (this.#running.size < this.#options.maxRunning) this.#setTimer();
    if (this.#running.size === 0 && (this.#next()?.at ?? Infinity) > now) this.#onDrained?.();
  }

  /** The one that is due first, whether or not it is due yet. */
  #next(): Due | undefined {
    for (;;) {
      const first = this.#order.peek();
      if (first === undefined || this.#dueAt.get(first.key) === first.at) return first;
      this.#order.pop();
    }
  }

  #run(key: string): void {
    const done = this.#process?.(key);
    if (done === undefined) return;
    this.#running.set(key, false);
    void done.then(() => {
      const cameUp = this.#running.get(key);
      this.#running.delete(key);
      if (cameUp) this.add(key);
      this.#take();
    });
  }
}
