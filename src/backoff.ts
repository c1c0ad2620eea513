/** How long to wait before something that failed is tried again. */
export interface Backoff {
  /** After the first failure, before jitter, in milliseconds. */
  firstMs: number;
  /** At most, in milliseconds, unless the other side asks for more. */
  maxMs: number;
  /** What the other side may ask for, in milliseconds; absent: a minute. */
  maxAskedMs?: number;
}

/**
 * Milliseconds before the next try: doubled with every failure and shortened by up to half, so that those that failed
 * together do not come back together.
 *
 * @param failures - in a row, 1 or more
 * @param askedMs - what the other side asked for: at least this long, within the bound
 * @param random - from 0 to 1
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs, maxAskedMs = 60_000 }: Backoff,
  askedMs = 0,
  random = Math.random(),
): number {
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

/**
 * What a `Retry-After` header asks for, in milliseconds from `now`: RFC 9110 lets it be whole seconds or a date.
 * Undefined where there is none or it makes no sense; 0 for a date that has passed.
 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  const value = header?.trim() ?? '';
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
