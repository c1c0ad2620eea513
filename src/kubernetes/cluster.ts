/** One namespace of one cluster, put together: what the rest of the service sees of Kubernetes. */
import type { Logger } from 'pino';

import type { ContainerLogs, ContainerRepository } from '../containers/repository.ts';
import type { ContainerSource } from '../containers/source.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { KeyedDeletes } from '../containers/idempotency.ts';
import { alwaysLeads } from '../leadership/leadership.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { StatusSettings } from '../containers/status.ts';
import type { Check, Part } from '../lifecycle.ts';
import type { Metrics } from '../telemetry/telemetry.ts';
import type { ProviderNames } from './objects/identity.ts';
import type { ExternalServiceType } from './objects/service.ts';
import { KubernetesClient } from './api/client.ts';
import { longestCreateMs } from './operations/cluster-context.ts';
import type { ClusterContext, WriteBounds } from './operations/cluster-context.ts';
import { clusterHealth } from './cluster-health.ts';
import { openConnection } from './api/connection.ts';
import { ClusterContainerLogs } from './container-logs.ts';
import { ClusterContainerRepository } from './container-repository.ts';
import { containerSource } from './container-source.ts';
import { defaultReflectorBounds } from './cache/reflector.ts';
import type { ReflectorBounds } from './cache/reflector.ts';
import { Repairer } from './operations/repairer.ts';
import { WatchCaches } from './cache/watch-caches.ts';

export interface ClusterBounds {
  /** For how long a cache that is cut off still answers, in milliseconds. Default 60 s. */
  liveMs: number;
  /** How long a list waits for a cluster that was never reached, in milliseconds. Default 10 s: less than clients wait. */
  firstListMs: number;
  writes: WriteBounds;
  reflector: ReflectorBounds;
}

const defaultWrites: WriteBounds = { writeMs: 15_000, rollBackMs: 10_000, marginMs: 5_000 };

export interface ClusterOptions {
  /** Path of a kubeconfig file; absent: the service account of the Pod that this process runs in. */
  kubeconfig?: string;
  namespace: string;
  /** Of this provider: containers that others made are left to them; absent: all are its own, and get no name. */
  providerNames?: ProviderNames;
  externalServiceType: ExternalServiceType;
  /** Host under which node ports are reached; absent: under none. */
  externalAddress?: string;
  /** Containers with both kinds of ports get a Service for the external ones alone; absent: false. */
  isolateInternalPorts?: boolean;
  /** As events have them; absent: the defaults. */
  statusSettings?: StatusSettings;
  /** How long a container may take to come up, in seconds; absent: Kubernetes' own 600. */
  progressDeadlineSeconds?: number;
  /** Whether logs of containers are read; absent: they are not. */
  logs?: boolean;
  log: Logger;
  /** Told of each call to the cluster; absent: nothing is counted. */
  metrics?: Metrics;
  /** Whose the repairs are; absent: this replica's. */
  leadership?: Leadership;
  bounds?: Partial<ClusterBounds>;
  /** Absent: the system's. */
  clock?: Clock;
}

export interface Cluster {
  repository: ContainerRepository;
  /** Absent where logs are not read. */
  logs?: ContainerLogs;
  /** Answers within 2 s whatever the cluster does, and never rejects; concurrent callers share one probe. */
  isHealthy: () => Promise<boolean>;
  source: ContainerSource;
  /** What each cache has, by resource, and how long ago its watch last showed a sign of life. */
  stats(): ReturnType<WatchCaches['stats']>;
  /** For how long it has not been known what happens in the cluster, in milliseconds; 0 while all watches are open. */
  blindMs(): number;
  /** To be called when the API server has answered somebody else: watches that wait because it did not are taken up. */
  retryWatches(): void;
  /** Begins to watch, in the background; a cluster that is away is waited for indefinitely. */
  start(): void;
  /** Ends the watches at once, and waits for writes that are going on, each of which has a deadline. */
  stop(): Promise<void>;
  /** All of it as a part of the process. */
  part: Part;
}

/** What is kept for writes that are going on at the end, in milliseconds. */
const lastWritesMs = 500;

/** How long a replica whose caches are not filled is not ready, in milliseconds: a cluster that stays away is no reason. */
const fillMs = 30_000;

/**
 * Makes the parts; calls nothing yet.
 *
 * @throws Error that says what is wrong with the kubeconfig
 */
export function connectCluster({
  kubeconfig,
  namespace,
  providerNames,
  externalServiceType,
  externalAddress,
  isolateInternalPorts = false,
  statusSettings,
  progressDeadlineSeconds,
  logs = false,
  log,
  metrics,
  leadership = alwaysLeads,
  bounds = {},
  clock = systemClock,
}: ClusterOptions): Cluster {
  const { liveMs = 60_000, firstListMs = 10_000, writes = defaultWrites, reflector = defaultReflectorBounds } = bounds;
  const connection = openConnection(kubeconfig);
  const retryWatches = (): void => caches.retryWatches();
  const api = new KubernetesClient(connection, namespace, metrics, retryWatches);
  // No burst of requests delays what everything rests upon: the watches, and the probe of health.
  const ownConnection = openConnection(kubeconfig);
  const ownApi = new KubernetesClient(ownConnection, namespace, metrics, retryWatches);
  const view = {
    namespace,
    ...(providerNames && { providerNames }),
    ...(externalAddress !== undefined && { externalAddress }),
    ...statusSettings,
  };
  const caches = new WatchCaches({ api: ownApi, namespace, view, log, liveMs, reflector, clock });
  const keyedDeletes = new KeyedDeletes(() => clock.elapsed());
  const deleting = new Set<string>();
  caches.onEnd(({ deleteDigest }) => {
    if (deleteDigest !== undefined) keyedDeletes.note(deleteDigest);
  });
  const repairSoon = (containerId: string) => repairer.repairSoon(containerId);
  const context: ClusterContext = {
    api,
    caches,
    keyedDeletes,
    deleting,
    namespace,
    view,
    externalServiceType,
    isolateInternalPorts,
    progressDeadlineSeconds,
    bounds: writes,
    clock,
    log,
    repairSoon,
  };
  const repairer = new Repairer(context, { minAgeMs: longestCreateMs(writes), leadership });
  const repository = new ClusterContainerRepository(context, firstListMs);
  // Each stream keeps a connection, which writes and watches are not to wait for.
  const logConnection = logs ? openConnection(kubeconfig) : undefined;
  const logApi = logConnection && new KubernetesClient(logConnection, namespace, metrics, retryWatches);
  let startedAt = clock.elapsed();
  const readiness = (): Check =>
    caches.isFilled || clock.elapsed() - startedAt >= fillMs
      ? { ok: true }
      : { ok: false, reason: 'the caches are not filled yet' };
  const start = () => {
    startedAt = clock.elapsed();
    caches.start();
    repairer.start();
  };
  const stop = async () => {
    await Promise.all([caches.stop(), repairer.stop(), repository.idle()]);
    await Promise.all([connection.close(), ownConnection.close(), logConnection?.close()]);
  };
  return {
    repository,
    ...(logApi && { logs: new ClusterContainerLogs(context, logApi) }),
    isHealthy: clusterHealth({ api: ownApi, caches, log }),
    source: containerSource({
      api,
      caches,
      deleting,
      namespace,
      providerNames,
      repair: (signal) => repairer.repair(signal),
      log,
    }),
    stats: () => caches.stats(),
    blindMs: () => caches.blindMs,
    retryWatches,
    start,
    stop,
    part: { name: 'cluster', stopMs: lastWritesMs, start, stop, health: () => ({ readyz: readiness() }) },
  };
}
