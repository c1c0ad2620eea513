/** The cluster as memory has it: one store a kind, each kept up to date by its watch, and the index over all of them. */
import type { Logger } from 'pino';

import { momentOf } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { orAborted } from '../../time.ts';
import type { CallDescription } from '../api/api-error.ts';
import type { KubernetesApi } from '../api/client.ts';
import { ContainerIndex } from './container-index.ts';
import { ObjectStore } from './object-store.ts';
import type { CachedKind, Resources } from '../api/resources.ts';
import type { Records, ViewSettings } from '../objects/container.ts';
import { projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { otherProvider } from '../objects/identity.ts';
import type { ProviderNames } from '../objects/identity.ts';
import type { VersionRange } from '../../containers/resource-version.ts';
import type { ObjectRecord } from '../objects/object.ts';
import { projectPod } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorBounds, ReflectorOptions } from './reflector.ts';

export interface WatchCachesOptions {
  api: KubernetesApi;
  namespace: string;
  view: ViewSettings;
  log: Logger;
  /** For how long after the last sign of life of a watch the caches still count as live, in milliseconds. */
  liveMs: number;
  reflector: ReflectorBounds;
  clock: Clock;
}

export interface CacheStats {
  objects: number;
  /** Since the watch last showed a sign of life. */
  ageSeconds: number;
}

interface Cache<Kind extends CachedKind> {
  store: ObjectStore<Records[Kind]>;
  reflector: Reflector<Kind>;
}

export class WatchCaches {
  readonly index: ContainerIndex;
  /** Resolves when all stores are filled; never rejects. */
  readonly filled: Promise<void>;
  readonly #caches: { [Kind in CachedKind]: Cache<Kind> };
  readonly #reflectors: readonly { [Kind in CachedKind]: Reflector<Kind> }[CachedKind][];
  readonly #liveMs: number;
  readonly #clock: Clock;
  readonly #listeners = new Set<(containerId: string) => void>();
  readonly #endListeners = new Set<(ended: DeploymentRecord) => void>();
  readonly #gapListeners = new Set<(gap: VersionRange) => void>();
  /** Until the caches are filled: the providers of Deployments that are not ours, by the Deployment's uid. */
  readonly #others = new Map<string, string>();
  #isFilled = false;

  constructor({ api, namespace, view, log, liveMs, reflector: bounds, clock }: WatchCachesOptions) {
    this.#liveMs = liveMs;
    this.#clock = clock;
    const cache = <Kind extends CachedKind>(
      resource: Kind,
      project: ReflectorOptions<Kind>['project'],
    ): Cache<Kind> => {
      const store = new ObjectStore<Records[Kind]>(
        (before, after) => this.#change(resource, before, after),
        clock,
        () => this.#replaced(resource),
      );
      const onGap = (gap: VersionRange) => {
        if (resource === 'deployments') for (const listener of this.#gapListeners) listener(gap);
      };
      return {
        store,
        reflector: new Reflector({ api, resource, namespace, project, store, bounds, log, clock, onGap }),
      };
    };
    this.#caches = {
      deployments: cache('deployments', (deployment, known) =>
        this.#isOurs(deployment, view.providerNames) ? projectDeployment(deployment, known) : undefined,
      ),
      services: cache('services', projectService),
      pods: cache('pods', (pod, known, isWatched) => projectPod(pod, { moment: momentOf(clock), known, isWatched })),
    };
    const { deployments, services, pods } = this.#caches;
    this.#reflectors = [deployments.reflector, services.reflector, pods.reflector];
    this.index = new ContainerIndex({
      settings: view,
      sources: { deployments: deployments.store, services: services.store, pods: pods.store },
      clock,
      isLive: () => this.isLive,
      onExpired: (containerId) => this.#tell(containerId),
    });
    this.filled = Promise.all(this.#reflectors.map(({ filled }) => filled)).then(() => {
      this.#isFilled = true;
      this.#tellOfOthers(log);
    });
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  /** Whether reads may be answered from memory. */
  get isLive(): boolean {
    return this.#isFilled && !this.isCutOff;
  }

  get isFilled(): boolean {
    return this.#isFilled;
  }

  /** What the provider may not do of that on which the caches rest; absent: it may do all of it. */
  get forbidden(): CallDescription | undefined {
    // Asked at each read: an array of its own would cost more than the answer.
    for (const { forbidden } of this.#reflectors) if (forbidden !== undefined) return forbidden;
    return undefined;
  }

  /** Whether a watch has shown no sign of life for longer than the bound, or may not be opened. */
  get isCutOff(): boolean {
    if (this.forbidden !== undefined) return true;
    const bound = this.#clock.elapsed() - this.#liveMs;
    return this.#reflectors.some(({ lastSignOfLife }) => lastSignOfLife < bound);
  }

  /** For how long it has not been known what happens in the cluster, in milliseconds; 0 while all watches are open. */
  get blindMs(): number {
    return Math.max(...this.#reflectors.map(({ blindMs }) => blindMs));
  }

  /** To be called when the API server has answered somebody: watches that wait because it did not are taken up. */
  retryWatches(): void {
    for (const reflector of this.#reflectors) reflector.retry();
  }

  /** What each cache has, and how long ago its watch last showed a sign of life. */
  stats(): Record<CachedKind, CacheStats> {
    const now = this.#clock.elapsed();
    const stats = Object.entries(this.#caches).map(([kind, { store, reflector }]) => [
      kind,
      { objects: store.size, ageSeconds: (now - reflector.lastSignOfLife) / 1_000 },
    ]);
    return Object.fromEntries(stats) as Record<CachedKind, CacheStats>;
  }

  /** The ids of all containers that have a Deployment, one that is being deleted too. */
  deploymentIds(): Iterable<string> {
    return this.#caches.deployments.store.containerIds();
  }

  /**
   * Calls back with the id of every container of which an object changed, or whose view time alone has changed. Returns the
   * function that ends it.
   */
  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls back with every Deployment that is gone, also before the caches are filled, and also where nothing was seen of it
   * before its end. Returns the function that ends it.
   */
  onEnd(listener: (ended: DeploymentRecord) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Calls back when a part of the history of Deployments was missed. Returns the function that ends it. */
  onGap(listener: (gap: VersionRange) => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  /** Compares all stores with fresh lists. Rejects when a list fails; that store then is as it was. */
  async relist(signal: AbortSignal): Promise<void> {
    const relists = this.#reflectors.map((reflector) => reflector.relist());
    await orAborted(Promise.all(relists), signal);
  }

  /** Makes an own write visible: `record` is of what the API server answered. */
  write<Kind extends CachedKind>(kind: Kind, record: Records[Kind]): void {
    this.#caches[kind].store.write(record);
  }

  /** Makes an own delete visible, and known: memory may not have seen the object so far. */
  hide<Kind extends CachedKind>(kind: Kind, uid: string, known?: Records[Kind]): void {
    this.#caches[kind].store.hide(uid, known);
  }

  /** Whether this process has deleted the object since a list was begun at `begunAt`, by the monotonic clock. */
  isHiddenSince(kind: CachedKind, uid: string, begunAt: number): boolean {
    return this.#caches[kind].store.isHiddenSince(uid, begunAt);
  }

  #isOurs({ metadata }: Resources['deployments'], names: ProviderNames | undefined): boolean {
    const other = otherProvider(metadata?.annotations, names);
    if (other !== undefined && !this.#isFilled) this.#others.set(metadata?.uid ?? '', other);
    return other === undefined;
  }

  /** So that nobody loses sight of containers by giving the provider another name. */
  #tellOfOthers(log: Logger): void {
    if (this.#others.size === 0) return;
    const providers: Record<string, number> = {};
    for (const name of this.#others.values()) providers[name] = (providers[name] ?? 0) + 1;
    log.warn(
      { containers: this.#others.size, providers },
      'the namespace has containers of other providers, which are left to them',
    );
    this.#others.clear();
  }

  #change(kind: CachedKind, before: ObjectRecord | undefined, after: ObjectRecord | undefined): void {
    if (kind === 'deployments' && before !== undefined && after === undefined) {
      for (const listener of this.#endListeners) listener(before as DeploymentRecord);
    }
    if (before !== undefined && before.containerId !== after?.containerId) this.#changeOf(before.containerId, kind);
    if (after !== undefined) this.#changeOf(after.containerId, kind);
  }

  #changeOf(containerId: string, kind: CachedKind): void {
    if (kind === 'deployments') this.index.settle(containerId);
    else this.index.touch(containerId);
    this.#tell(containerId);
  }

  #tell(containerId: string): void {
    if (this.#isFilled) for (const listener of this.#listeners) listener(containerId);
  }

  #replaced(kind: CachedKind): void {
    this.index.touchAll();
    if (kind === 'deployments') this.index.settleAll(this.#caches.deployments.store.containerIds());
  }
}
