/** What the operations on containers share. */
import type { Logger } from 'pino';

import type { Clock } from '../../clock.ts';
import type { ViewSettings } from '../objects/container.ts';
import type { ExternalServiceType } from '../objects/service.ts';
import type { KubernetesApi } from '../api/client.ts';
import type { KeyedDeletes } from '../../containers/idempotency.ts';
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

/** From the first write to the last of what takes it back. */
export function longestCreateMs({ writeMs, rollBackMs, marginMs }: WriteBounds): number {
  return writeMs + 2 * rollBackMs + marginMs;
}

export interface ClusterContext {
  api: KubernetesApi;
  caches: WatchCaches;
  keyedDeletes: KeyedDeletes;
  /** The uids of Deployments that this process is deleting now. */
  deleting: Set<string>;
  namespace: string;
  view: ViewSettings;
  externalServiceType: ExternalServiceType;
  /** Containers that are made from now on, and have both kinds of ports, get two Services. */
  isolateInternalPorts: boolean;
  /** How long a container that is made from now on may take to come up, in seconds; absent: Kubernetes' own 600. */
  progressDeadlineSeconds?: number | undefined;
  bounds: WriteBounds;
  clock: Clock;
  log: Logger;
  /** Asks for a repair of what a create here may have left half-done, once it is older than any create can last. */
  repairSoon: (containerId: string) => void;
}
