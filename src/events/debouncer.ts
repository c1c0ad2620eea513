/** Windows of one length, one for each key, that close by themselves however often the key comes up meanwhile. */
import type { Clock } from '../clock.ts';

/** Windows closed in one turn of the event loop, so that 10,000 that end together do not hold up everything else. */
const closedPerTurn = 200;

export class Debouncer {
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #onEnd: (key: string) => void;
  /** Key to the time of its end. All windows are equally long, so the order of insertion is the order of the ends. */
  readonly #endsAt = new Map<string, number>();
  #cancelTimer: (() => void) | undefined;

  /** @param options.onEnd - called once a window; the window is closed by then, so that it may be opened again */
  constructor(options: { windowMs: number; clock: Clock; onEnd: (key: string) => void }) {
    this.#windowMs = options.windowMs;
    this.#clock = options.clock;
    this.#onEnd = options.onEnd;
  }

  /** Opens the window of a key; does nothing while it is open. */
  open(key: string): void {
    if (this.#endsAt.has(key)) return;
    this.#endsAt.set(key, this.#clock.elapsed() + this.#windowMs);
    if (this.#cancelTimer === undefined) this.#setTimer(this.#windowMs);
  }

  isOpen(key: string): boolean {
    return this.#endsAt.has(key);
  }

  /** Ends all open windows now. */
  flush(): void {
    this.#closeUntil(Infinity, Infinity);
  }

  #setTimer(ms: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(ms, () => this.#closeUntil(this.#clock.elapsed(), closedPerTurn));
  }

  #closeUntil(time: number, limit: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    let closed = 0;
    for (const [key, endsAt] of this.#endsAt) {
      if (endsAt > time || closed === limit) {
        this.#setTimer(endsAt - this.#clock.elapsed());
        return;
      }
      this.#endsAt.delete(key);
      closed++;
      this.#onEnd(key);
    }
  }
}
