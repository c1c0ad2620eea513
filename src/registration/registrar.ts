/** Tells DCM where this provider is, and goes on trying until it knows. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from 'pino';

import type { Registration } from './payload.ts';
import { postRegistration } from './registry-client.ts';
import type { RegistrationResult } from './registry-client.ts';
import { retryDelay } from './retry.ts';

/** The bound of one try, from the first byte sent to the last one read. */
export const TRY_TIMEOUT_MS = 30_000;

export interface RegistrarOptions {
  /** Base URL of the registry, without trailing slashes. */
  registrationUrl: string;
  registration: Registration;
  log: Logger;
  /** Resolves after the time, rejects when the signal is aborted; by default a timer. */
  wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** From 0 to 1; by default `Math.random`. */
  chance?: () => number;
}

/**
 * Resolves when the registry has taken the registration or refused it for good, or when the signal is aborted; never
 * rejects.
 */
export async function register(options: RegistrarOptions, signal: AbortSignal): Promise<void> {
  const { log, wait = waitForTimer, chance = Math.random } = options;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const result = await tryOnce({ ...options, wait }, signal);
      signal.throwIfAborted();
      if (!('error' in result) && result.outcome !== 'failed') {
        logEnd(log, attempt, result);
        return;
      }
      const delayMs = retryDelay(attempt, 'error' in result ? undefined : result.retryAfterMs, chance());
      const reason = 'error' in result ? { err: result.error } : { status: result.status, answer: result.answer };
      log.warn({ attempt, delayMs, ...reason }, 'registration failed, will retry');
      await wait(delayMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'registration ended unexpectedly');
  }
}

type TryResult = RegistrationResult | { error: unknown };

async function tryOnce(
  { registrationUrl, registration, wait }: RegistrarOptions & Required<Pick<RegistrarOptions, 'wait'>>,
  signal: AbortSignal,
): Promise<TryResult> {
  const finished = new AbortController();
  const timeout = new AbortController();
  wait(TRY_TIMEOUT_MS, AbortSignal.any([signal, finished.signal])).then(
    () => timeout.abort(new Error('the registry did not answer in time')),
    () => undefined,
  );
  try {
    return await postRegistration(registrationUrl, registration, AbortSignal.any([signal, timeout.signal]));
  } catch (error) {
    return { error };
  } finally {
    finished.abort();
  }
}

function logEnd(log: Logger, attempt: number, result: Exclude<RegistrationResult, { outcome: 'failed' }>): void {
  if (result.outcome === 'registered') log.info({ attempt, status: result.status }, 'registered');
  else log.error({ attempt, status: result.status, answer: result.answer }, 'registration refused, will not retry');
}

async function waitForTimer(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}
