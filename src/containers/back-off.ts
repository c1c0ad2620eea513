/**
 * What is remembered of a container that Kubernetes restarts again and again. Between two crashes it is up for a moment,
 * or ends once more, and only the back-off seen before tells either from a container that crashed once. All times are
 * milliseconds of this process's monotonic clock: no node's clock and no reboot makes a single crash a loop.
 */
import type { ObservedContainer } from './observed.ts';

/** How long a container must be up after a back-off before that is forgotten, in milliseconds. */
export const recoveryMs = 10_000;

/** Whether Kubernetes waits before it starts the container once more, whatever the exit code was. */
export function isBackingOff({ state }: Pick<ObservedContainer, 'state'>): boolean {
  return state.waiting?.reason === 'CrashLoopBackOff';
}

/**
 * When the container will have been up for long enough after a back-off; absent where it is not up, or no back-off is
 * remembered.
 */
export function recoveredAt({ state, backOff }: ObservedContainer): number | undefined {
  return state.running && backOff?.upSince !== undefined ? backOff.upSince + recoveryMs : undefined;
}

/** The container as it is seen now, with what is to be remembered of its back-off. */
export function rememberBackOff(
  seen: ObservedContainer,
  before: ObservedContainer | undefined,
  now: number,
): ObservedContainer {
  if (isBackingOff(seen)) return { ...seen, backOff: {} };
  if (before?.backOff === undefined || (recoveredAt(before) ?? Infinity) <= now) return seen;
  if (!seen.state.running) return { ...seen, backOff: {} };
  const sameRun = before.state.running === true && before.restartCount === seen.restartCount;
  return { ...seen, backOff: { upSince: (sameRun ? before.backOff.upSince : undefined) ?? now } };
}
