/** Deletes that are asked for again until it is known how they ended. */
import { backoffMs } from '../../backoff.ts';
import { sleep } from '../../time.ts';
import { KubernetesApiError, KubernetesConnectionError, isAbsent, isConflict, retryAfterMs } from './api-error.ts';
import type { KubernetesApi } from './client.ts';
import type { Resource } from './resources.ts';

const backoff = { firstMs: 200, maxMs: 2_000 };

/** What the API server said: it deleted the object, or there was none with this name, or one with another uid. */
export type DeleteOutcome = 'deleted' | 'absent' | 'replaced';

export interface DeleteTarget {
  resource: Resource;
  name: string;
  /** Absent: whatever has the name. */
  uid?: string;
}

/**
 * A delete of one uid can be repeated without harm; it is, when its answer is lost or the API server has no time.
 *
 * @param until - when the attempts end, by `performance.now()`
 * @throws what the last attempt ended in
 */
export async function deleteWithRetry(
  api: KubernetesApi,
  { resource, ...target }: DeleteTarget,
  until: number,
): Promise<DeleteOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      await api.delete(resource, target, { until });
      return 'deleted';
    } catch (error) {
      if (isAbsent(error, { resource, name: target.name })) return attempt === 1 ? 'absent' : 'deleted';
      if (isConflict(error)) return 'replaced';
      if (!mayHelpToRepeat(error)) throw error;
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      if (performance.now() + delayMs >= until) throw error;
      await sleep(delayMs);
    }
  }
}

function mayHelpToRepeat(error: unknown): boolean {
  if (error instanceof KubernetesApiError) return error.outcomeUnknown || error.status === 429;
  return error instanceof KubernetesConnectionError;
}
