/** The parts of the process: started in order, stopped in reverse, whatever becomes of one of them. */
import type { Logger } from 'pino';
import { sleep } from './time.ts';

/**
 * What is asked about the process, as Kubernetes' own components name it: `livez` fails where only a restart helps, `readyz`
 * where no requests should be sent for now.
 */
export type Probe = 'livez' | 'readyz';

/** A note is shown to who asks for all checks, and changes nothing. */
export type Check = { ok: true; note?: string } | { ok: false; reason: string };

export interface Part {
  /** In the log, and the name of its checks. */
  readonly name: string;
  /**
   * What is kept for its stop of the time for the shutdown while those before it are stopping, in milliseconds; less where
   * that time is short. Absent: a tenth of a second.
   */
  readonly stopMs?: number;
  /**
   * Waits for nothing remote: what it needs may not be there for long.
   *
   * @throws when the process is of no use without it
   */
  start(): void | Promise<void>;
  /**
   * Ends what it began, at the latest soon after the deadline is aborted: a part that goes on after that is left behind.
   */
  stop(deadline: AbortSignal): void | Promise<void>;
  /** How it stands with each probe that the part joins, without asking anything remote. Absent: it joins none. */
  health?(): Partial<Record<Probe, Check>>;
}

/** The part, with a deadline for its stop that is no later than so many milliseconds after the stop begins. */
export function stopWithin(part: Part, ms: number): Part {
  const stop = (deadline: AbortSignal) => part.stop(AbortSignal.any([deadline, AbortSignal.timeout(ms)]));
  // Not a copy of its members: the methods of a class are none.
  return {
    name: part.name,
    ...(part.stopMs !== undefined && { stopMs: part.stopMs }),
    start: () => part.start(),
    stop,
    health: () => part.health?.() ?? {},
  };
}

const defaultStopMs = 100;
/** What may be kept for the stop of later parts, of the whole time. */
const maxKeptShare = 1 / 3;
/** How long after its deadline a part is waited for; a fifth of its time where that is shorter. */
const graceMs = 500;

/** @throws what the first part throws that cannot start; those before it are left running */
export async function startParts(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.start();
}

/**
 * Stops the last part first. Each has all the time that is left, but for what is kept for those after it: one that fails or
 * does not end is logged, and keeps none of the others from stopping. Resolves within `withinMs`; never rejects.
 */
export async function stopParts(parts: readonly Part[], withinMs: number, log: Logger): Promise<void> {
  const endsAt = performance.now() + withinMs;
  const wanted = parts.reduce((sum, { stopMs = defaultStopMs }) => sum + stopMs, 0);
  const scale = Math.min(1, (withinMs * maxKeptShare) / wanted);
  let keptMs = wanted * scale;
  for (const part of parts.toReversed()) {
    keptMs -= (part.stopMs ?? defaultStopMs) * scale;
    await stopPart(part, Math.max(0, endsAt - performance.now() - keptMs), log);
  }
}

async function stopPart(part: Part, withinMs: number, log: Logger): Promise<void> {
  const deadline = AbortSignal.timeout(Math.floor(withinMs - Math.min(graceMs, withinMs / 5)));
  const over = new AbortController();
  const late = sleep(withinMs, over.signal).then(() => 'late' as const);
  try {
    const stopped = (async () => part.stop(deadline))();
    if ((await Promise.race([stopped, late])) === 'late') log.warn({ part: part.name }, 'a part did not stop in time');
  } catch (err) {
    log.error({ part: part.name, err }, 'a part failed to stop');
  } finally {
    over.abort();
  }
}
