/** What the bodies of all requests that are under way may weigh together, so that no number of them fills the memory. */
import { UnavailableError } from '../../containers/errors.ts';
import { retryAfterSeconds } from '../contract/problem.ts';

const maxHeldBytes = 64 * 1024 * 1024;

/**
 * What JSON takes at most once it is parsed, in bytes, as measured on V8: an object or an array (`{"31":0}` is the worst), a
 * member or an element (a number that is kept as it was written), and one byte of anything, with the copies that are made of
 * it on its way to the cluster; and together for one byte of JSON, whatever is in it.
 */
const bytesOf = { opening: 350, separator: 50, any: 6, most: 40 };

/** At most 40 times as many bytes as it has. */
export function parsedWeight(json: Uint8Array): number {
  let openings = 0;
  let separators = 0;
  for (let index = 0; index < json.length; index++) {
    const byte = json[index];
    // `{` and `[`, then `,` and `:`: within a string as well.
    if (byte === 0x7b || byte === 0x5b) openings++;
    else if (byte === 0x2c || byte === 0x3a) separators++;
  }
  const weight = openings * bytesOf.opening + separators * bytesOf.separator + json.length * bytesOf.any;
  return Math.min(weight, json.length * bytesOf.most);
}

export class HeldBodies {
  #bytes = 0;

  /** @throws UnavailableError where so much more has no room; then nothing is taken */
  take(bytes: number): void {
    if (this.#bytes + bytes > maxHeldBytes) {
      throw new UnavailableError('Too many requests with large bodies are under way.', retryAfterSeconds);
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
