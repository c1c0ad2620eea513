/** Tells DCM where this provider is, goes on trying until it knows, and tells it again from time to time, while this replica leads. */
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Part } from '../lifecycle.ts';
import { callWithin, sleep } from '../time.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { AccessTokens } from './access-token.ts';
import { postRegistration } from './registry-client.ts';
import type { Registration, RegistrationResult } from './registry-client.ts';

/** The bound of one try, from the request for a token to the last byte read of the answer. */
const tryTimeoutMs = 30_000;

/** Whoever asks to be left alone for longer is asked again all the same: a mistaken header must not keep us away for days. */
const backoff = { firstMs: 1_000, maxMs: 60_000, maxAskedMs: 10 * 60_000 };

/** The registry also refuses when its database fails, so that a refusal is not for good. */
const refusalDelayMs = 60_000;

export interface RegistrarOptions extends Telemetry {
  registry: {
    /** Base URL, without trailing slashes. */
    url: string;
    /** How long a registration is good for, in milliseconds, so that a registry that lost it gets it again; 0: forever. */
    refreshMs: number;
  };
  registration: Registration;
  /** Absent: the registry asks for none. */
  tokens?: AccessTokens;
  clock: Clock;
  /** From 0 to 1; by default `Math.random`. */
  random?: () => number;
}

export interface RegistrationOptions extends RegistrarOptions {
  leadership: Leadership;
}

/** Neither the start nor the stop of anything else waits for the registry. */
export class ProviderRegistration implements Part {
  readonly name = 'registration';
  readonly #options: RegistrationOptions;
  #end: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Returns at once: what follows happens in the background, and never throws. */
  start(): void {
    const { leadership } = this.#options;
    this.#unsubscribe = leadership.onChange((leads) => this.#follow(leads));
    this.#follow(leadership.leads);
  }

  /** Ends the try that is under way. */
  stop(): void {
    this.#unsubscribe?.();
    this.#follow(false);
  }

  #follow(leads: boolean): void {
    this.#end?.();
    this.#end = undefined;
    if (!leads) return;
    const ended = new AbortController();
    this.#end = () => ended.abort();
    void keepRegistered(this.#options, ended.signal);
  }
}

/** What the tries so far leave behind. */
interface Progress {
  /** Of the try that is next, counted from the last success. */
  attempt: number;
  /** Tries in a row that failed without a refusal. */
  failures: number;
  /** Absent before the first success. */
  registered?: true;
  /** What the registry refused with last, since the last success. */
  refusal?: string;
}

/** Resolves when the signal is aborted, or at the first success where no refresh is wanted; never rejects. */
export async function keepRegistered(options: RegistrarOptions, signal: AbortSignal): Promise<void> {
  const { log, clock } = options;
  try {
    let progress: Progress = { attempt: 1, failures: 0 };
    while (!signal.aborted) {
      const result = await tryOnce(options, signal);
      signal.throwIfAborted();
      options.metrics?.registrationAnswered(result.outcome === 'unanswered' ? 'failed' : result.outcome);
      const next = conclude(options, progress, result);
      if (next.delayMs === 0) return;
      progress = next.progress;
      await sleep(next.delayMs, signal, clock);
    }
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'registration ended unexpectedly');
  }
}

type TryResult = RegistrationResult | { outcome: 'unanswered'; error: unknown };

async function tryOnce(options: RegistrarOptions, stop: AbortSignal): Promise<TryResult> {
  const { registry, registration, tokens, clock } = options;
  const bound = { ms: tryTimeoutMs, message: 'the registry did not answer in time', signal: stop, clock };
  try {
    return await callWithin(bound, async (signal) => {
      const token = await tokens?.get(signal);
      const result = await postRegistration(registry.url, registration, {
        ...(token !== undefined && { token }),
        signal,
      });
      if (token !== undefined && result.status === 401) tokens?.forget(token);
      return result;
    });
  } catch (error) {
    return { outcome: 'unanswered', error };
  }
}

/** Logs what came of a try. The delay is in milliseconds; 0: there is no next try. */
function conclude(
  { registry, log, random = Math.random }: RegistrarOptions,
  progress: Progress,
  result: TryResult,
): { progress: Progress; delayMs: number } {
  const { attempt, failures } = progress;
  if (result.outcome === 'registered') {
    const { status } = result;
    const isNews = attempt > 1 || status === 201 || progress.registered === undefined;
    log[isNews ? 'info' : 'debug']({ attempt, status }, isNews ? 'registered' : 'registration refreshed');
    return { progress: { attempt: 1, failures: 0, registered: true }, delayMs: registry.refreshMs };
  }
  const next = { ...progress, attempt: attempt + 1 };
  if (result.outcome === 'refused') {
    const delayMs = refusalDelayMs;
    const { outcome: _, ...said } = result;
    const refusal = JSON.stringify(said);
    if (refusal !== progress.refusal) log.error({ attempt, delayMs, ...said }, 'registration refused, will retry');
    else log.debug({ attempt, delayMs, status: said.status }, 'registration refused as before, will retry');
    return { progress: { ...next, failures: 0, refusal }, delayMs };
  }
  const answered = result.outcome === 'failed';
  const delayMs = backoffMs(failures + 1, backoff, answered ? result.retryAfterMs : undefined, random());
  const reason = answered ? { status: result.status, answer: result.answer } : { err: result.error };
  log.warn({ attempt, delayMs, ...reason }, 'registration failed, will retry');
  return { progress: { ...next, failures: failures + 1 }, delayMs };
}
