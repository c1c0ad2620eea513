/**
 * Waits and bounds. Moments and deadlines are those of `performance.now()`, in milliseconds: nobody sets that clock, so
 * that no interval changes when somebody sets the machine's.
 */
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

/** How long something may take. */
export interface Bound {
  ms: number;
  /** Of the Error that is thrown when it takes longer. */
  message: string;
  /** Ends it before that; its reason is thrown. */
  signal?: AbortSignal | undefined;
  clock?: Clock;
}

/** Resolves after `ms` milliseconds, or as soon as the signal is aborted; never rejects. */
export function sleep(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal?.addEventListener('abort', end);
  });
}

/** What `promise` gives; throws the signal's reason when that is aborted first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    const end = () => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject);
    promise.then(end, end);
  });
}

/** What `promise` gives, where it does within the bound; it goes on all the same. */
export function within<T>(promise: Promise<T>, bound: Bound): Promise<T> {
  return callWithin(bound, () => promise);
}

/**
 * What the call gives. It is handed a signal that is aborted once the bound is passed, and, as long as anything uses it, with
 * the caller's own; from then on nobody waits for it any more. Not every call ends with its signal: one of undici that waits
 * for a connection ends when that is there or has failed.
 */
export async function callWithin<T>(
  { ms, message, signal, clock = systemClock }: Bound,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = new AbortController();
  const cancel = clock.after(ms, () => timeout.abort(new Error(message)));
  try {
    const bounded = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
    return await orAborted(call(bounded), bounded);
  } finally {
    cancel();
  }
}
