/** Objects that a controller has to look at again: each is looked at once, however many hints came in the meantime. */
import type { Timers } from './timers.ts';

export interface ObjectKey {
  namespace: string;
  name: string;
}

export class WorkQueue {
  readonly #waiting = new Map<string, ObjectKey>();
  readonly #timers: Timers;
  readonly #reconcile: (key: ObjectKey) => void;
  readonly #fail: (key: ObjectKey, error: unknown) => void;
  #scheduled = false;

  /** @param fail - told of what `reconcile` threw; the object is looked at again a moment later */
  constructor(timers: Timers, reconcile: (key: ObjectKey) => void, fail: (key: ObjectKey, error: unknown) => void) {
    this.#timers = timers;
    this.#reconcile = reconcile;
    this.#fail = fail;
  }

  add(key: ObjectKey): void {
    this.#waiting.set(`${key.namespace}/${key.name}`, key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.after(0, () => {
      this.#drain();
    });
  }

  /** Returns the function that calls it off. */
  addAfter(key: ObjectKey, milliseconds: number): () => void {
    return this.#timers.after(milliseconds, () => {
      this.add(key);
    });
  }

  #drain(): void {
    this.#scheduled = false;
    const keys = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const key of keys) {
      try {
        this.#reconcile(key);
      } catch (error) {
        this.#fail(key, error);
        this.addAfter(key, 500);
      }
    }
  }
}
