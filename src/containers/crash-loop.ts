/**
 * Whether a container ends again and again, from what the kubelet says of it now: nothing is remembered, so that every
 * replica and a process that has just started say the same. The kubelet shows a loop in two ways: until Kubernetes 1.34 the
 * container waits in `CrashLoopBackOff`, since 1.35 it stays `terminated` until its back-off is nearly over.
 */
import type { ObservedContainer, ObservedRun } from './observed.ts';

/** A run of this length makes the kubelet forget its back-off, in milliseconds. */
const forgivenAfterMs = 10 * 60_000;

/** The shortest run after which a container that crashed is well again, in milliseconds. */
const minRecoveryMs = 10_000;

/** The newest run that is over; absent where none is. */
export function endedRun({ state, lastRun }: Pick<ObservedContainer, 'state' | 'lastRun'>): ObservedRun | undefined {
  return state.terminated ?? lastRun;
}

/** How often the container has ended: `restartCount` is told of an end only once the next run begins. */
export function countEnds({ restartCount, state, lastRun }: ObservedContainer): number {
  const isBetweenRuns = state.running === undefined && (state.terminated ?? lastRun) !== undefined;
  return isBetweenRuns ? restartCount + 1 : restartCount;
}

/**
 * Until when the container is in a crash loop, in milliseconds of the process's monotonic clock: `Infinity` where time
 * alone does not end it. Absent where it is in none. A container that runs is well again after twice its last run, at least
 * 10 s and at most 10 minutes.
 */
export function crashLoopUntil(container: ObservedContainer): number | undefined {
  const { state } = container;
  if (state.waiting?.reason === 'CrashLoopBackOff') return Infinity;
  const ended = endedRun(container);
  if (ended === undefined || countEnds(container) < 2 || ended.lastedMs >= forgivenAfterMs) return undefined;
  if (state.running === undefined) return Infinity;
  return state.running.since + Math.min(Math.max(2 * ended.lastedMs, minRecoveryMs), forgivenAfterMs);
}
