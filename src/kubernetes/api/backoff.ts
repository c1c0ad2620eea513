/** How long to wait before something that failed is tried again. */

export interface BackoffBounds {
  /** After the first failure, before jitter, in milliseconds. */
  firstMs: number;
  /** At most, in milliseconds. */
  maxMs: number;
}

/**
 * Doubles with every failure and varies by half, so that replicas do not come back at the same moment.
 *
 * @param failures - in a row, 1 or more
 * @param retryAfterSeconds - what the other side asked for: at least this long, up to a minute
 * @param random - from 0 to 1
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs }: BackoffBounds,
  retryAfterSeconds = 0,
  random = Math.random(),
): number {
  const full = Math.min(maxMs, firstMs * 2 ** (failures - 1));
  const asked = Math.min(60, retryAfterSeconds) * 1000;
  return Math.max(full * (0.5 + random / 2), asked);
}
