/** What the API server says about the containers that exist, and about their namespace. */
import type { Logger } from 'pino';

import type { ContainerCensus } from '../containers/census.ts';
import { hasStatus } from './api/api-error.ts';
import type { KubernetesClient } from './api/client.ts';
import { isPermissionMissing } from './api/api-error.ts';
import { instanceIdLabel, allContainersSelector, otherProvider } from './objects/identity.ts';
import type { ProviderNames } from './objects/identity.ts';

const pageSize = 500;

export function containerCensus(
  api: Pick<KubernetesClient, 'get' | 'list'>,
  { namespace, providerNames, log }: { namespace: string; providerNames?: ProviderNames | undefined; log: Logger },
): ContainerCensus {
  let hasWarned = false;
  return {
    namespace,
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
  };
}
