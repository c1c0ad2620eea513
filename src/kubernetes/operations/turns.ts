/** One at a time of those that concern one container: they would only be in each other's way. */
import { orAborted } from '../../time.ts';

export class Turns {
  /** By the container's id: what the last one waits for. */
  readonly #last = new Map<string, Promise<undefined>>();

  /**
   * Does it once those that came before are done, whatever became of them.
   *
   * @throws the signal's reason, where that comes before its turn
   */
  async take<T>(id: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    const { promise: done, resolve: leave } = Promise.withResolvers<undefined>();
    const before = this.#last.get(id);
    const turn = before === undefined ? done : before.then(() => done);
    this.#last.set(id, turn);
    try {
      if (before !== undefined) await orAborted(before, signal);
      return await operation();
    } finally {
      leave(undefined);
      if (this.#last.get(id) === turn) this.#last.delete(id);
    }
  }
}
