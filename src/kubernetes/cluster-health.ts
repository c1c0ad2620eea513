/** Whether the cluster can be worked with: its API server answers, and tells what changes. */
import type { Logger } from 'pino';

import type { ClusterHealth } from '../containers/repository.ts';
import { hasStatus } from './api/api-error.ts';
import type { KubernetesApi } from './api/client.ts';
import type { WatchCaches } from './cache/watch-caches.ts';

/** How long one probe may take, in milliseconds: less than those who poll are ready to wait. */
const probeMs = 1_500;

export function clusterHealth({
  api,
  caches,
  log,
}: {
  api: KubernetesApi;
  caches: WatchCaches;
  log: Logger;
}): ClusterHealth {
  let probe: Promise<boolean> | undefined;
  return {
    async healthy() {
      if (caches.isCutOff) return false;
      probe ??= answers().finally(() => (probe = undefined));
      return await probe;
    },
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
