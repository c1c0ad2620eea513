/** Whether the cluster can be worked with: its API server answers, and tells what changes. */
import type { Logger } from 'pino';

import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { hasStatus } from './api/api-error.ts';
import type { KubernetesApi } from './api/client.ts';
import type { WatchCaches } from './cache/watch-caches.ts';

/** How long one probe may take, in milliseconds: less than those who poll are ready to wait. */
const probeMs = 1_500;
/** How long a probe serves all who ask, from its beginning, in milliseconds: whoever may poll, this is all that they cause. */
const sharedMs = 1_000;

/** Answers within 2 s whatever the cluster does, and never rejects; concurrent callers share one probe. */
export function clusterHealth({
  api,
  caches,
  log,
  clock = systemClock,
}: {
  api: KubernetesApi;
  caches: Pick<WatchCaches, 'isCutOff'>;
  log: Logger;
  clock?: Clock;
}): () => Promise<boolean> {
  let probe: Promise<boolean> = Promise.resolve(false);
  let begunAt = -Infinity;
  let isUnderWay = false;
  return async () => {
    if (caches.isCutOff) return false;
    if (!isUnderWay && clock.elapsed() - begunAt >= sharedMs) {
      begunAt = clock.elapsed();
      isUnderWay = true;
      probe = answers().finally(() => (isUnderWay = false));
    }
    return await probe;
  };

  async function answers(): Promise<boolean> {
    try {
      await api.version({ until: performance.now() + probeMs });
      return true;
    } catch (err) {
      if (hasStatus(err, 403) && err.isStatus) return true;
      log.debug({ err }, 'the Kubernetes API server does not answer its version');
      return false;
    }
  }
}
