/** Waiting for what has no event of its own to wait for. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Resolves as soon as the condition holds; asks every few milliseconds, for a minute, since the machine may be busy.
 *
 * @param what - completes "waited in vain until …"
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(5);
  }
}
