/** Deletes that are asked for again until it is known how they ended. */
import { setTimeout as wait } from 'node:timers/promises';

import { backoffMs } from '../../backoff.ts';
import { KubernetesApiError, KubernetesConnectionError, hasStatus, retryAfterMs } from './api-error.ts';
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
 * @param until - when the attempts end, in milliseconds since the epoch
 * @throws what the last attempt ended in
 */
export async function deleteSurely(
  api: KubernetesApi,
  { resource, ...target }: DeleteTarget,
  until: number,
): Promise<DeleteOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      await api.delete(resource, target, { until });
      return 'deleted';
    } catch (error) {
      if (hasStatus(error, 404) && error.detailsKind !== 'namespaces') return attempt === 1 ? 'absent' : 'deleted';
      if (hasStatus(error, 409)) return 'replaced';
      if (!mayHelpToRepeat(error)) throw error;
      const delayMs = backoffMs(attempt, backoff, retryAfterMs(error));
      if (Date.now() + delayMs >= until) throw error;
      await wait(delayMs);
    }
  }
}

function mayHelpToRepeat(error: unknown): boolean {
  if (error instanceof KubernetesApiError) return error.outcomeUnknown || error.status === 429;
  return error instanceof KubernetesConnectionError;
}
