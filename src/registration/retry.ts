/** When to try again: decided from what happened, without looking at a clock or at the dice itself. */

const firstDelayMs = 1_000;
const maxDelayMs = 60_000;
/** A registry that asks for more is asked again after this; a mistaken header must not keep us away for days. */
const maxRetryAfterMs = 10 * 60_000;
/** The share of a delay that chance decides, so that providers that were cut off together do not return together. */
const jitterShare = 0.2;

/**
 * Milliseconds until the next try: 1 s after the first failure, doubling to 60 s, shortened by up to a fifth. Never
 * sooner than the registry asked for.
 *
 * @param failures - tries that failed so far, 1 or more
 * @param chance - from 0 to 1, as `Math.random` gives it
 */
export function retryDelay(failures: number, retryAfterMs: number | undefined, chance: number): number {
  const backoff = Math.min(firstDelayMs * 2 ** (failures - 1), maxDelayMs) * (1 - jitterShare * chance);
  const asked = Math.min(retryAfterMs ?? 0, maxRetryAfterMs);
  return Math.round(Math.max(backoff, asked + asked * jitterShare * chance));
}

/**
 * What a `Retry-After` header asks for, in milliseconds from `now`: RFC 9110 lets it be whole seconds or a date.
 * Undefined where there is none or it makes no sense; 0 for a date that has passed.
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const value = header.trim();
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
