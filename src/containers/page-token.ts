/**
 * Page tokens name the last id that a page gave. They need no memory, so that any replica takes them up, and a page
 * begins behind that id, whether or not its container still exists.
 */
import { InvalidArgumentError } from './errors.ts';

const version = '1';
/** What may stand in a label, since ids of containers that were made elsewhere are label values. */
const tokenPattern = /^1:([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)$/;

/** An opaque token in base64url for the page that begins behind `lastId`. */
export function encodePageToken(lastId: string): string {
  return Buffer.from(`${version}:${lastId}`, 'latin1').toString('base64url');
}

/**
 * The id behind which the page begins.
 *
 * @throws InvalidArgumentError for anything that `encodePageToken` does not make
 */
export function decodePageToken(token: string): string {
  const lastId = tokenPattern.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1];
  if (lastId === undefined || encodePageToken(lastId) !== token) {
    const detail = 'must be a next_page_token of an earlier page';
    throw new InvalidArgumentError('The page token is not valid.', [{ detail, parameter: 'page_token' }]);
  }
  return lastId;
}
