/**
 * A queue of keys that are to be looked at, as controllers of Kubernetes have it: a key is in it once, however often it is
 * added, and is worked on by one at a time.
 */
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';

/** Keys taken in one turn of the event loop, so that many that are due together do not hold up everything else. */
const takenPerTurn = 200;

/** Places at the beginning of the order that are left empty before the rest is moved up. */
const maxTaken = 5_000;

export interface WorkQueueOptions {
  clock: Clock;
  /** Keys that are worked on at a time; those whose work is done at once do not count. */
  maxRunning: number;
}

interface Due {
  key: string;
  /** By the monotonic clock, in milliseconds. */
  at: number;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** When each key is due. */
  readonly #dueAt = new Map<string, number>();
  /** In the order in which they are due, from `#first` on; what is not as `#dueAt` has it is out of date. */
  readonly #order: Due[] = [];
  #first = 0;
  /** Keys that are worked on, with whether they came up meanwhile. */
  readonly #running = new Map<string, boolean>();
  readonly #failures = new Map<string, number>();
  #process: ((key: string) => Promise<void> | undefined) | undefined;
  #onDrained: (() => void) | undefined;
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** @param process - looks at a key and does what is to be done now; never rejects. Undefined: it is done */
  start(process: (key: string) => Promise<void> | undefined): void {
    this.#process = process;
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
    this.#insert({ key, at });
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
      this.#first++;
      this.#dueAt.delete(first.key);
      if (this.#running.has(first.key)) this.#running.set(first.key, true);
      else this.#run(first.key);
      taken++;
    }
    // Where as much as may be is under way, the end of some of it goes on.
    if (this.#running.size < this.#options.maxRunning) this.#setTimer();
    if (this.#running.size === 0 && (this.#next()?.at ?? Infinity) > now) this.#onDrained?.();
  }

  /** Most are added for later than all others: their place is at the end. */
  #insert(due: Due): void {
    const order = this.#order;
    let [low, high] = [this.#first, order.length];
    if (high > low && order[high - 1]!.at <= due.at) low = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order[middle]!.at <= due.at) low = middle + 1;
      else high = middle;
    }
    if (low === order.length) order.push(due);
    else order.splice(low, 0, due);
  }

  /** The one that is due first, whether or not it is due yet. */
  #next(): Due | undefined {
    const order = this.#order;
    for (; this.#first < order.length; this.#first++) {
      const { key, at } = order[this.#first]!;
      if (this.#dueAt.get(key) === at) break;
    }
    if (this.#first === order.length || this.#first > maxTaken) {
      order.splice(0, this.#first);
      this.#first = 0;
    }
    return order[this.#first];
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
