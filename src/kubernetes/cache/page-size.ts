/** How much one page of a list may weigh, since parsing it holds up everything else. */

/** About 5 ms of parsing. */
const targetBytes = 1024 * 1024;
const smallestPage = 20;

/**
 * The number of objects to ask for next, after `limit` objects came in `bytes` bytes: fewer while they are large.
 *
 * @param largest - what is asked for while objects have an ordinary size
 */
export function nextPageSize(limit: number, bytes: number, largest: number): number {
  if (bytes === 0) return limit;
  const fitting = Math.floor((limit * targetBytes) / bytes);
  return Math.min(largest, Math.max(Math.min(smallestPage, largest), fitting));
}
