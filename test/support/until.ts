/** Waiting for what has no event of its own to wait for. */
import { setTimeout as delay } from 'node:timers/promises';

/** Between two looks, in milliseconds: in a long wait fewer, which are not to take the processor from what is awaited. */
const firstPauseMs = 5;
const longestPauseMs = 50;

/**
 * Resolves as soon as the condition holds; looks for a minute, since the machine may be busy.
 *
 * @param what - completes "waited in vain until …"
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  let pauseMs = firstPauseMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(pauseMs);
    pauseMs = Math.min(1.5 * pauseMs, longestPauseMs);
  }
}
