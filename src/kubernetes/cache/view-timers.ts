/** Tells of the containers whose views time alone has changed. */
import type { Clock } from '../../clock.ts';

/** How often it is looked whether memory that could not be believed can be again, in milliseconds. */
const liveLookMs = 1_000;

export interface ViewTimersOptions {
  clock: Clock;
  /** Time alone makes nothing true of what was seen a while ago: as long as this is false, nothing is told. */
  isLive: () => boolean;
  tell: (containerId: string) => void;
}

interface ViewTimer {
  /** When the view is over, by the monotonic clock, as all times here. */
  at: number;
  /** When the one is over that took its place before its end was told. */
  nextAt: number;
  cancel: () => void;
}

export class ViewTimers {
  readonly #options: ViewTimersOptions;
  /** By the id of the container; few have one. */
  readonly #timers = new Map<string, ViewTimer>();

  constructor(options: ViewTimersOptions) {
    this.#options = options;
  }

  /** In the place of what was planned for the container, unless that is over and about to be told: `Infinity` is no end. */
  plan(containerId: string, validUntil: number): void {
    const timer = this.#timers.get(containerId);
    if (timer !== undefined && timer.at <= this.#options.clock.elapsed()) timer.nextAt = validUntil;
    else this.#set(containerId, validUntil);
  }

  cancel(containerId: string): void {
    this.#timers.get(containerId)?.cancel();
    this.#timers.delete(containerId);
  }

  #set(containerId: string, at: number): void {
    this.cancel(containerId);
    if (at === Infinity) return;
    const timer = { at, nextAt: Infinity, cancel: () => undefined };
    this.#timers.set(containerId, timer);
    this.#wait(containerId, timer, at - this.#options.clock.elapsed());
  }

  #wait(containerId: string, timer: ViewTimer, ms: number): void {
    timer.cancel = this.#options.clock.after(ms, () => this.#end(containerId, timer));
  }

  #end(containerId: string, timer: ViewTimer): void {
    const { clock, isLive, tell } = this.#options;
    const leftMs = timer.at - clock.elapsed();
    // A timer may be early by a part of a millisecond.
    if (leftMs > 0 || !isLive()) {
      this.#wait(containerId, timer, leftMs > 0 ? leftMs : liveLookMs);
      return;
    }
    this.#set(containerId, timer.nextAt);
    tell(containerId);
  }
}
