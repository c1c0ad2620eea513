/** The cluster's containers as the status events see them. */
import type { ContainerSource } from '../containers/source.ts';
import { observeObjects } from './objects/match-objects.ts';
import type { WatchCaches } from './cache/watch-caches.ts';

/**
 * @param resync - compares memory with the cluster and repairs what is missing
 */
export function containerSource(caches: WatchCaches, resync: ContainerSource['resync']): ContainerSource {
  return {
    onChange: (listener) => caches.onChange(listener),
    ready: caches.filled,
    ids: () => caches.index.ids,
    observe: (containerId) => observeObjects(caches.index.objects(containerId)),
    resync,
  };
}
