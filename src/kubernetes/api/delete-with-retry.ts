/** Deletes that are asked for again until it is known how they ended. */
import { backoffMs } from '../../backoff.ts';
import { sleep } from '../../time.ts';
import { KubernetesConnectionError, isAbsent, isConflict, isKubernetesError, retryAfterMs } from './api-error.ts';
import type { KubernetesError } from './api-error.ts';
import type { KubernetesApi } from './client.ts';
import type { Resource } from './resources.ts';

const backoff = { firstMs: 200, maxMs: 2_000 };

/** What the API server said: it deleted the object, or there was none with this name, or one with another uid or version. */
export type DeleteOutcome = 'deleted' | 'absent' | 'replaced';

export interface DeleteTarget {
  resource: Resource;
  name: string;
  /** Absent: whatever has the name. */
  uid?: string;
  /** Absent: whatever version it has. */
  resourceVersion?: string;
}

/**
 * A delete of one uid can be repeated without harm; it is, when its answer is lost or the API server has no time.
 *
 * @param until - when the attempts end, by `performance.now()`
 * @throws what the last attempt ended in, or, where another object has the name by then, one of which the outcome is not
 *   known: that object may have been made before it or after it
 */
export async function deleteWithRetry(
  api: KubernetesApi,
  { resource, ...target }: DeleteTarget,
  until: number,
): Promise<DeleteOutcome> {
  let lost: KubernetesError | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      await api.delete(resource, target, { until });
      return 'deleted';
    } catch (error) {
      if (isAbsent(error, { resource, name: target.name })) return lost === undefined ? 'absent' : 'deleted';
      if (isConflict(error)) {
        if (lost === undefined) return 'replaced';
        throw lost;
      }
      if (!mayHelpToRepeat(error)) throw error;
      if (error.outcomeUnknown) lost = error;
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      if (performance.now() + delayMs >= until) throw error;
      await sleep(delayMs);
    }
  }
}

function mayHelpToRepeat(error: unknown): error is KubernetesError {
  return (
    isKubernetesError(error) &&
    (error instanceof KubernetesConnectionError || error.outcomeUnknown || error.status === 429)
  );
}
