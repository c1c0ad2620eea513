/** Timers that all end together. */

export class Timers {
  readonly #running = new Set<NodeJS.Timeout>();
  #stopped = false;

  /** Calls back once, that many milliseconds later. Returns the function that calls it off. */
  after(milliseconds: number, callback: () => void): () => void {
    if (this.#stopped) return () => undefined;
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      callback();
    }, milliseconds);
    this.#running.add(timer);
    return () => {
      clearTimeout(timer);
      this.#running.delete(timer);
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}
