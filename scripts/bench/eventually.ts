/** Waiting for what will come. */
import { setTimeout as delay } from 'node:timers/promises';

const patienceMs = 600_000;

/** Asks again until it holds; a rejection counts as no. Rejects after ten minutes, naming `what`. */
export async function eventually(what: string, holds: () => Promise<boolean>, intervalMs = 50): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let lastError: unknown;
  while (!(await holds().catch((error: unknown) => ((lastError = error), false)))) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`, { cause: lastError });
    await delay(intervalMs);
  }
}
