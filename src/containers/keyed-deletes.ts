/**
 * The deletes with an idempotency key that removed a container lately: the repeat of one whose answer was lost must not
 * remove what was made anew under the id meanwhile. They are known by their digests, as `digestOfDelete` gives them.
 */

/** For how long one is remembered, in milliseconds. */
const memoryMs = 10 * 60_000;
/** How many are remembered, 4 MB: past that the oldest go. */
const maxRemembered = 20_000;

export class KeyedDeletes {
  /** When each was noted, the oldest first. */
  readonly #times = new Map<string, number>();
  readonly #elapsed: () => number;

  /** @param elapsed - the time in milliseconds, which never goes back */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** How many are kept. */
  get size(): number {
    return this.#times.size;
  }

  note(digest: string): void {
    const now = this.#elapsed();
    this.#times.delete(digest);
    this.#times.set(digest, now);
    for (const [oldest, time] of this.#times) {
      if (now - time < memoryMs && this.#times.size <= maxRemembered) break;
      this.#times.delete(oldest);
    }
  }

  /** Whether it has removed a container within the last ten minutes. */
  has(digest: string): boolean {
    const time = this.#times.get(digest);
    return time !== undefined && this.#elapsed() - time < memoryMs;
  }
}
