/**
 * Page tokens name the last id that a page gave. They need no memory, so that any replica takes them up, and a page
 * begins behind that id, whether or not its container still exists.
 */
import { InvalidArgumentError } from './errors.ts';
import type { Violation } from './errors.ts';

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
  const lastId = lastIdOf(token);
  if (lastId === undefined) throw new InvalidArgumentError(undefined, [notAToken]);
  return lastId;
}

/** What is wrong with the parameter `page_token`, which may be anything. */
export function findPageTokenViolations(token: unknown): Violation[] {
  return typeof token === 'string' && lastIdOf(token) === undefined ? [notAToken] : [];
}

const notAToken: Violation = { detail: 'must be a next_page_token of an earlier page', parameter: 'page_token' };

function lastIdOf(token: string): string | undefined {
  const lastId = tokenPattern.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1];
  return lastId !== undefined && encodePageToken(lastId) === token ? lastId : undefined;
}
