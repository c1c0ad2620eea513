/** How long to wait before something that failed is tried again. */
export interface Backoff {
  /** After the first failure, before jitter, in milliseconds. */
  firstMs: number;
  /** At most, in milliseconds, unless the other side asks for more. */
  maxMs: number;
}

/** What the other side may ask for, in milliseconds. */
const maxAskedMs = 60_000;

/**
 * Milliseconds before the next try: doubled with every failure and shortened by up to half, so that those that failed
 * together do not come back together.
 *
 * @param failures - in a row, 1 or more
 * @param askedMs - what the other side asked for: at least this long, up to a minute
 * @param random - from 0 to 1
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff, askedMs = 0, random = Math.random()): number {
  const full = Math.min(maxMs, firstMs * 2 ** (failures - 1));
  return Math.max(full * (0.5 + random / 2), Math.min(maxAskedMs, askedMs));
}

/**
 * Milliseconds that somebody waits who was asked to wait `askedMs`, and up to half more, so that those who were refused
 * together do not come back together; at most `maxMs`, also where more was asked for.
 *
 * @param random - from 0 to 1
 */
export function spreadMs(askedMs: number, maxMs: number, random = Math.random()): number {
  return Math.min(askedMs, maxMs / 1.5) * (1 + random / 2);
}
