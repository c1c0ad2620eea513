/** One namespace of one cluster, put together: what the rest of the service sees of Kubernetes. */
import type { Logger } from 'pino';

import type { ClusterHealth, ContainerRepository } from '../containers/repository.ts';
import type { ContainerSource } from '../containers/source.ts';
import type { ExternalServiceType } from './objects/build-service.ts';
import { KubernetesClient } from './api/client.ts';
import type { ClusterContext, WriteBounds } from './operations/cluster-context.ts';
import { clusterHealth } from './cluster-health.ts';
import { openConnection } from './api/connection.ts';
import { ClusterContainerRepository } from './container-repository.ts';
import { containerSource } from './container-source.ts';
import { defaultReflectorBounds } from './cache/reflector.ts';
import type { ReflectorBounds } from './cache/reflector.ts';
import { Repairer } from './operations/repairer.ts';
import { WatchCaches } from './cache/watch-caches.ts';

export interface ClusterBounds {
  /** For how long a cache that is cut off still answers, in milliseconds. Default 60 s. */
  liveMs: number;
  writes: WriteBounds;
  reflector: ReflectorBounds;
}

const defaultWrites: WriteBounds = { writeMs: 15_000, rollBackMs: 10_000, marginMs: 5_000 };

export interface ClusterOptions {
  /** Path of a kubeconfig file; absent: the service account of the Pod that this process runs in. */
  kubeconfig?: string;
  namespace: string;
  externalServiceType: ExternalServiceType;
  log: Logger;
  bounds?: Partial<ClusterBounds>;
}

export interface Cluster {
  repository: ContainerRepository;
  health: ClusterHealth;
  source: ContainerSource;
  /** Begins to watch, in the background; a cluster that is away is waited for without end. */
  start(): void;
  /** Ends the watches at once, and waits for writes that are going on, each of which has a deadline. */
  stop(): Promise<void>;
}

/**
 * Makes the parts; calls nothing yet.
 *
 * @throws Error that says what is wrong with the kubeconfig
 */
export function connectCluster({
  kubeconfig,
  namespace,
  externalServiceType,
  log,
  bounds = {},
}: ClusterOptions): Cluster {
  const { liveMs = 60_000, writes = defaultWrites, reflector = defaultReflectorBounds } = bounds;
  const connection = openConnection(kubeconfig);
  const api = new KubernetesClient(connection, namespace);
  const caches = new WatchCaches({ api, namespace, log, liveMs, reflector });
  const repairSoon = () => repairer.repairSoon();
  const context: ClusterContext = { api, caches, namespace, externalServiceType, bounds: writes, log, repairSoon };
  const repairer = new Repairer(context, longestCreateMs(writes));
  const repository = new ClusterContainerRepository(context);
  return {
    repository,
    health: clusterHealth({ api, caches, log }),
    source: containerSource(caches, async (signal) => {
      await caches.relist(signal);
      await repairer.repair();
    }),
    start() {
      caches.start();
      void caches.filled.then(() => repairer.repair());
    },
    async stop() {
      await Promise.all([caches.stop(), repairer.stop(), repository.idle()]);
      await connection.close();
    },
  };
}

/** From the first write to the last of what takes it back. */
function longestCreateMs({ writeMs, rollBackMs, marginMs }: WriteBounds): number {
  return writeMs + 2 * rollBackMs + marginMs;
}
