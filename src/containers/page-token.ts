/**
 * Page tokens name the last id that a page gave, and the filter that the page had. They need no memory, so that any
 * replica takes them up, and a page begins behind that id, whether or not its container still exists.
 */
import { hash } from 'node:crypto';
import { InvalidArgumentError } from './errors.ts';
import type { Violation } from './errors.ts';

/** What may stand in a label, since ids of containers that were made elsewhere are label values. */
const idPattern = /^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

/**
 * An opaque token in base64url, 111 characters at most, for the page that begins behind `lastId`.
 *
 * @param filter - as it was sent; absent: there was none
 */
export function encodePageToken(lastId: string, filter?: string): string {
  return Buffer.from(prefixOf(filter) + lastId, 'latin1').toString('base64url');
}

/**
 * The id behind which the page begins.
 *
 * @throws InvalidArgumentError for anything that `encodePageToken` does not make with this filter
 */
export function decodePageToken(token: string, filter?: string): string {
  const lastId = lastIdOf(token, filter);
  if (lastId === undefined) throw new InvalidArgumentError(undefined, findPageTokenViolations(token, filter));
  return lastId;
}

/** What is wrong with the parameter `page_token` beside the parameter `filter`; both may be anything. */
export function findPageTokenViolations(token: unknown, filter?: unknown): Violation[] {
  const text = typeof filter === 'string' ? filter : undefined;
  if (typeof token !== 'string' || lastIdOf(token, text) !== undefined) return [];
  const hasFilter = text !== undefined || textOf(token).startsWith(filtered);
  const detail = `must be a next_page_token of an earlier page${hasFilter ? ' with the same filter' : ''}`;
  return [{ detail, parameter: 'page_token' }];
}

const unfiltered = '1:';
const filtered = '2:';

function prefixOf(filter: string | undefined): string {
  return filter === undefined ? unfiltered : `${filtered}${hash('sha256', filter, 'base64url').slice(0, 16)}:`;
}

function textOf(token: string): string {
  return Buffer.from(token, 'base64url').toString('latin1');
}

function lastIdOf(token: string, filter: string | undefined): string | undefined {
  const lastId = textOf(token).slice(prefixOf(filter).length);
  return idPattern.test(lastId) && encodePageToken(lastId, filter) === token ? lastId : undefined;
}
