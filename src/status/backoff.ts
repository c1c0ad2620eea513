/** How long to wait before another try: doubled each time up to a bound, and spread so that many do not try at once. */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/**
 * Milliseconds before the next try.
 *
 * @param failures - how many tries have failed, 1 or more
 * @param random - 0 up to 1
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff, random = Math.random()): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random / 2);
}
