/** The containers of one namespace as the rest of the service sees them: from the watch caches, and from fresh lists. */
import type { Logger } from 'pino';

import type { ContainerSource } from '../containers/source.ts';
import { hasStatus, isPermissionMissing } from './api/api-error.ts';
import type { KubernetesApi } from './api/client.ts';
import type { WatchCaches } from './cache/watch-caches.ts';
import { allContainersSelector, instanceIdLabel, otherProvider } from './objects/identity.ts';
import type { ProviderNames } from './objects/identity.ts';

/** Of a fresh list, in Deployments. */
const pageSize = 500;

export interface ContainerSourceOptions {
  api: Pick<KubernetesApi, 'get' | 'list'>;
  caches: WatchCaches;
  /** The uids of Deployments that this process is deleting. */
  deleting: ReadonlySet<string>;
  namespace: string;
  providerNames?: ProviderNames | undefined;
  /** Adds what containers lack in the cluster. */
  repair: (signal: AbortSignal) => Promise<void>;
  log: Logger;
}

export function containerSource(options: ContainerSourceOptions): ContainerSource {
  const { api, caches, deleting, namespace, providerNames, repair, log } = options;
  let hasWarned = false;
  return {
    namespace,
    ready: caches.filled,
    get isLive() {
      return caches.isLive;
    },
    ids: () => caches.deploymentIds(),
    view: (containerId) => caches.index.view(containerId),
    onChange: (listener) => caches.onChange(listener),
    onEnd: (listener) =>
      caches.onEnd(({ containerId, uid, resourceVersion, deleteDigest }) => {
        const isByRequest = deleteDigest !== undefined || deleting.has(uid);
        listener({ containerId, uid, resourceVersion, ...(isByRequest && { byRequest: true }) });
      }),
    onGap: (listener) => caches.onGap(listener),
    async resync(signal) {
      await caches.relist(signal);
      await repair(signal);
    },
    async listIds(signal) {
      const ids = new Set<string>();
      let continueToken: string | undefined;
      do {
        const query = {
          labelSelector: allContainersSelector,
          limit: pageSize,
          ...(continueToken && { continueToken }),
        };
        const page = await api.list('deployments', query, { signal });
        for (const { metadata } of page.items) {
          const id = metadata?.labels?.[instanceIdLabel];
          if (id === undefined || metadata?.deletionTimestamp !== undefined) continue;
          if (otherProvider(metadata?.annotations, providerNames) === undefined) ids.add(id);
        }
        continueToken = page.continueToken;
      } while (continueToken !== undefined);
      return ids;
    },
    async namespaceUid(signal) {
      try {
        const { metadata } = await api.get('namespaces', namespace, { signal });
        return metadata?.uid;
      } catch (err) {
        if (!hasStatus(err, 403) || !isPermissionMissing(err)) throw err;
        if (!hasWarned) log.warn({ err, namespace }, 'may not get the namespace, its name alone tells it from others');
        hasWarned = true;
        return undefined;
      }
    },
  };
}
