/** Reads of ids that memory does not know share their calls to the cluster. */
import { UnavailableError } from '../../containers/errors.ts';
import { orAborted } from '../../time.ts';
import type { ContainerObjects } from '../objects/container.ts';
import { lookUpAll } from './look-up.ts';
import type { LookUpContext } from './look-up.ts';

/** Characters of ids in one call: they go into its URL, of which some proxies take 8 KiB. */
const maxIdCharacters = 6_000;
const encodedCommaLength = 3;
/** Ids that wait; more than that at once are too many. */
const maxWaitingIds = 20_000;
/** How long one look may take, in milliseconds: those who came after it began wait for it too. */
const lookMs = 5_000;

/** An id that is asked for. */
interface Place extends PromiseWithResolvers<ContainerObjects> {
  /** Those who wait for it. */
  waiters: number;
  /** Absent before it is looked up. */
  look?: Look;
}

interface Look {
  /** Ids that somebody still waits for. */
  wanted: number;
  /** Ends it. */
  abandoned: AbortController;
}

/**
 * Looks ids up for all who read what memory does not know: at most one look at a time, which those share who wait for it. So
 * no number of such reads takes connections from writes, or makes the API server slow.
 */
export class SharedLookUp {
  readonly #access: LookUpContext;
  /** In the order of arrival. */
  readonly #waiting = new Map<string, Place>();
  #isLooking = false;

  constructor(access: LookUpContext) {
    this.#access = access;
  }

  /**
   * What the cluster has of the id, by a look that begins later than this call.
   *
   * @throws UnavailableError where too many ids wait; errors of the Kubernetes API, which all get who wait at that time; the
   *   signal's reason
   */
  async objects(id: string, signal: AbortSignal): Promise<ContainerObjects> {
    let place = this.#waiting.get(id);
    if (place === undefined) {
      if (this.#waiting.size >= maxWaitingIds) {
        throw new UnavailableError('Too many reads wait for the cluster.');
      }
      place = { ...Promise.withResolvers<ContainerObjects>(), waiters: 0 };
      this.#waiting.set(id, place);
      void this.#lookWhileAnyWaits();
    }
    place.waiters++;
    try {
      return await orAborted(place.promise, signal);
    } finally {
      if (--place.waiters === 0) this.#leave(id, place);
    }
  }

  /** A look that nobody waits for any more ends: the next one is not to wait for it. */
  #leave(id: string, { look }: Place): void {
    if (look === undefined) this.#waiting.delete(id);
    else if (--look.wanted === 0) look.abandoned.abort();
  }

  async #lookWhileAnyWaits(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      const places = this.#next();
      const look: Look = { wanted: places.size, abandoned: new AbortController() };
      for (const place of places.values()) place.look = look;
      const { signal } = look.abandoned;
      try {
        const found = await lookUpAll(this.#access, [...places.keys()], { signal, until: performance.now() + lookMs });
        for (const [id, { resolve }] of places) resolve(found.get(id)!);
      } catch (error) {
        if (signal.aborted) continue;
        for (const { reject } of [...places.values(), ...this.#waiting.values()]) reject(error);
        this.#waiting.clear();
      }
    }
    this.#isLooking = false;
  }

  /** Those who are next. */
  #next(): Map<string, Place> {
    const places = new Map<string, Place>();
    let characters = 0;
    for (const [id, place] of this.#waiting) {
      characters += encodedCommaLength + id.length;
      if (characters > maxIdCharacters) break;
      places.set(id, place);
      this.#waiting.delete(id);
    }
    return places;
  }
}
