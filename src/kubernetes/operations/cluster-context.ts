/** What the operations on containers share. */
import type { Logger } from 'pino';

import type { ExternalServiceType } from '../objects/build-service.ts';
import type { KubernetesApi } from '../api/client.ts';
import type { WatchCaches } from '../cache/watch-caches.ts';

/** How long writes may take, in milliseconds. */
export interface WriteBounds {
  /** From the first write of a create to its last, or of a delete. */
  writeMs: number;
  /** For taking back what a create made before it failed, or finding out whether it made anything. */
  rollBackMs: number;
  /** For clocks that differ from the API server's. */
  marginMs: number;
}

export interface ClusterContext {
  api: KubernetesApi;
  caches: WatchCaches;
  namespace: string;
  externalServiceType: ExternalServiceType;
  bounds: WriteBounds;
  log: Logger;
  /** Asks for a repair once Deployments that exist now are older than any create can last. */
  repairSoon: () => void;
}
