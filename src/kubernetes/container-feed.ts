/** The cluster's containers as the status events see them. */
import type { ContainerFeed } from '../containers/feed.ts';
import { observeReachable } from './objects/container.ts';
import type { ViewSettings } from './objects/container.ts';
import type { WatchCaches } from './cache/watch-caches.ts';

/**
 * @param options.view - as reads have it
 * @param options.deleting - the uids of Deployments that this process is deleting
 * @param resync - compares memory with the cluster and repairs what is missing
 */
export function containerFeed(
  caches: WatchCaches,
  { view, deleting }: { view: ViewSettings; deleting: ReadonlySet<string> },
  resync: ContainerFeed['resync'],
): ContainerFeed {
  return {
    onChange: (listener) => caches.onChange(listener),
    onEnd: (listener) =>
      caches.onEnd(({ containerId, uid, resourceVersion, deleteDigest }) => {
        const isByRequest = deleteDigest !== undefined || deleting.has(uid);
        listener({ containerId, uid, resourceVersion, ...(isByRequest && { byRequest: true }) });
      }),
    onGap: (listener) => caches.onGap(listener),
    ready: caches.filled,
    get isCutOff() {
      return caches.isCutOff;
    },
    ids: () => caches.deploymentIds(),
    observe: (containerId) => observeReachable(caches.index.objects(containerId), view),
    resync,
  };
}
