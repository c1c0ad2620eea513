/** What lists may weigh: each page, and all together that wait in this process for slow clients to read them. */
import type { ServerResponse } from 'node:http';
import type { Container } from '../../containers/container.ts';
import { UnavailableError } from '../../containers/errors.ts';
import { retryAfterSeconds } from './problem.ts';
import { sizeOf } from './serialize.ts';

const maxPageBytes = 4 * 1024 * 1024;
/** What a page has beside its containers; a token has 111 bytes at most. */
const envelopeBytes = 256;
const maxUnreadBytes = 64 * 1024 * 1024;

/** A page's `fits`: to be asked for one container after the other. */
export function withinPage(): (container: Container) => boolean {
  let bytes = envelopeBytes;
  return (container) => (bytes += sizeOf(container) + ','.length) <= maxPageBytes;
}

/** The lists that were answered and not yet handed over to the operating system. */
export class UnreadLists {
  #bytes = 0;

  /**
   * Counts a list until its response is out or its client gone.
   *
   * @throws UnavailableError where there are too many already
   */
  add(bytes: number, response: ServerResponse): void {
    if (response.closed) return;
    if (this.#bytes + bytes > maxUnreadBytes) {
      throw new UnavailableError('Too many lists wait for their clients to read them.', retryAfterSeconds);
    }
    this.#bytes += bytes;
    response.once('close', () => (this.#bytes -= bytes));
  }
}
