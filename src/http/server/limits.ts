/** What all requests together may take: how many are handled at once, and how many bytes are held. More is refused. */
import { UnavailableError } from '../../containers/errors.ts';
import type { Abortable } from '../../containers/waiting.ts';

export interface ConcurrencyLimits {
  /** Handled at once. */
  atOnce: number;
  /** Waiting for that. */
  waiting: number;
}

/** One that waits. */
interface Place extends Abortable {
  enter(): void;
}

/** Who tells when a request is over before its turn has come. */
export interface Waiting {
  onAbort(abortable: Abortable): void;
}

/** Lets so many requests be handled at once, and the others wait for their turn. */
export class ConcurrencyLimit {
  readonly #limits: ConcurrencyLimits;
  #inside = 0;
  /** In the order of arrival. */
  readonly #waiting = new Set<Place>();

  constructor(limits: ConcurrencyLimits) {
    this.#limits = limits;
  }

  /**
   * Handles the request when its turn has come.
   *
   * @throws UnavailableError where too many wait; the reason why the request was over before; what `handle` throws
   */
  async run<Answer>(request: Waiting, handle: () => Promise<Answer>): Promise<Answer> {
    if (this.#inside < this.#limits.atOnce) this.#inside++;
    else await this.#turn(request);
    try {
      return await handle();
    } finally {
      this.#leave();
    }
  }

  async #turn(request: Waiting): Promise<void> {
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

/** Bytes that all requests together may hold. */
export class ByteLimit {
  readonly #maxBytes: number;
  readonly #refusal: string;
  #bytes = 0;

  /** @param refusal - what clients are told where there is no room for more */
  constructor(maxBytes: number, refusal: string) {
    this.#maxBytes = maxBytes;
    this.#refusal = refusal;
  }

  /** @throws UnavailableError where so much more has no room; then nothing is taken */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) throw new UnavailableError(this.#refusal);
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
