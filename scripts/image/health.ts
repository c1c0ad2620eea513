/** Waits for the first healthy answer of a container. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Container } from './container.ts';

const boundMs = 30_000;
const pollMs = 5;

/** @throws Error with the container's log when it ended, or is not healthy within half a minute */
export async function untilHealthy(container: Container, url: string): Promise<void> {
  const deadline = Date.now() + boundMs;
  let last = 'no answer';
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/api/v1alpha1/containers/health`, { signal: AbortSignal.timeout(boundMs) });
      const { status } = (await response.json()) as { status: string };
      if (status === 'healthy') return;
      last = status;
    } catch {
      // It does not listen yet.
      container.checkRuns();
    }
    await delay(pollMs);
  }
  throw new Error(`the container is not healthy after ${boundMs / 1000} s, but ${last}:\n${container.log}`);
}
