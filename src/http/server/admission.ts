/** How many requests that write to the cluster are handled at once: the others wait for their turn, or are refused. */
import { UnavailableError } from '../../containers/errors.ts';
import type { Abortable } from '../../containers/waiting.ts';

export interface AdmissionLimits {
  /** Handled at once; somewhat more than the cluster is asked at once. */
  atOnce: number;
  /** Waiting for that. */
  waiting: number;
}

/** One that waits. */
interface Place extends Abortable {
  enter(): void;
}

/** Who tells when a request is over before its turn has come. */
export interface Admitted {
  onAbort(abortable: Abortable): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  #inside = 0;
  /** In the order of arrival. */
  readonly #waiting = new Set<Place>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /**
   * Handles the request when its turn has come.
   *
   * @throws UnavailableError where too many wait; the reason why the request was over before; what `handle` throws
   */
  async admit<Answer>(request: Admitted, handle: () => Promise<Answer>): Promise<Answer> {
    if (this.#inside < this.#limits.atOnce) this.#inside++;
    else await this.#turn(request);
    try {
      return await handle();
    } finally {
      this.#leave();
    }
  }

  async #turn(request: Admitted): Promise<void> {
    if (this.#waiting.size >= this.#limits.waiting) {
      throw new UnavailableError('Too many requests wait for the cluster.');
    }
    await new Promise<void>((resolve, reject) => {
      const place: Place = {
        enter: resolve,
        abort: (reason) => {
          if (this.#waiting.delete(place)) reject(reason);
        },
      };
      this.#waiting.add(place);
      request.onAbort(place);
    });
  }

  /** The place of one that leaves is that of the next. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside--;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}
