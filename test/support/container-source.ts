/** Containers in memory that hint at each change, as the watch caches do, and a cluster that says the same of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { momentOf, systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import type { Container, ContainerEndpoint } from '../../src/containers/container.ts';
import type { ObservedContainerObjects } from '../../src/containers/observed.ts';
import type { VersionRange } from '../../src/containers/resource-version.ts';
import type { ContainerSource, ContainerView, EndedDeployment } from '../../src/containers/source.ts';
import { containerStatus } from '../../src/containers/status.ts';
import { ViewTimers } from '../../src/kubernetes/cache/view-timers.ts';
import { deployment, pod } from './observed.ts';

interface Held extends ObservedContainerObjects {
  endpoints: readonly ContainerEndpoint[];
}

/** Listeners of one kind, and the function that ends one. */
class Listeners<Told> {
  readonly #listeners = new Set<(told: Told) => void>();

  readonly add = (listener: (told: Told) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly tell = (told: Told): void => {
    for (const listener of this.#listeners) listener(told);
  };
}

export class MemorySource implements ContainerSource {
  readonly namespace = 'containers';
  readonly ready: Promise<void>;
  readonly becomeReady: () => void;
  readonly #changes = new Listeners<string>();
  readonly #ends = new Listeners<EndedDeployment>();
  readonly #gaps = new Listeners<VersionRange>();
  readonly onChange = this.#changes.add;
  readonly onEnd = this.#ends.add;
  readonly onGap = this.#gaps.add;
  readonly #objects = new Map<string, Held>();
  readonly #clock: Clock;
  readonly #timers: ViewTimers;
  /** What the next resyncs do; by default they succeed. */
  onResync: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  resyncs = 0;
  isLive = true;
  /** Of the namespace; undefined: may not be read. */
  uid: string | undefined = 'namespace-1';
  /** Whether the cluster answers nothing. */
  isAway = false;
  /** How long the namespace takes to answer. */
  delayMs = 0;
  namespaceReads = 0;
  /** Called as a list begins, before the cluster is looked at. */
  onList: () => void | Promise<void> = () => undefined;

  constructor(clock: Clock = systemClock) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.becomeReady = () => resolve(undefined);
    this.#clock = clock;
    this.#timers = new ViewTimers({ clock, isLive: () => this.isLive, tell: this.#changes.tell });
  }

  *ids(): Iterable<string> {
    for (const [id, { deployment }] of this.#objects) if (deployment !== undefined) yield id;
  }

  view(containerId: string): ContainerView | undefined {
    const { endpoints, ...objects } = this.#objects.get(containerId) ?? { pods: [], endpoints: [] };
    if (objects.deployment === undefined) return undefined;
    const { uid, resourceVersion } = objects.deployment;
    const { status, message, lookAgainAt: validUntil = Infinity } = containerStatus(objects, momentOf(this.#clock));
    this.#timers.plan(containerId, validUntil);
    const container = { id: containerId, status, status_message: message } as Container;
    const reached = status === 'DELETED' ? [] : endpoints;
    return { status, message, endpoints: reached, uid, resourceVersion, validUntil, container };
  }

  async resync(signal: AbortSignal): Promise<void> {
    this.resyncs++;
    await this.onResync(signal);
  }

  async namespaceUid(): Promise<string | undefined> {
    this.namespaceReads++;
    if (this.delayMs > 0) await delay(this.delayMs);
    if (this.isAway) throw new Error('the cluster is away');
    return this.uid;
  }

  async listIds(): Promise<ReadonlySet<string>> {
    await this.onList();
    if (this.isAway) throw new Error('the cluster is away');
    return new Set([...this.ids()].filter((id) => this.view(id)?.status !== 'DELETED'));
  }

  /** Without a hint, as if it were missed. */
  setSilently(containerId: string, objects: ObservedContainerObjects): void {
    const endpoints = this.#objects.get(containerId)?.endpoints ?? [];
    this.#objects.set(containerId, { ...objects, endpoints });
  }

  set(containerId: string, objects: ObservedContainerObjects): void {
    this.setSilently(containerId, objects);
    this.#changes.tell(containerId);
  }

  /** Of a container that was never there as far as this source tells; the hint of it is the caller's to give. */
  end(ended: EndedDeployment): void {
    this.#ends.tell(ended);
  }

  /** As when the watch had to begin anew. */
  missed(gap: VersionRange): void {
    this.#gaps.tell(gap);
  }

  /** Of a container that is there; they stay what they are until they are set again. */
  setEndpoints(containerId: string, endpoints: readonly ContainerEndpoint[]): void {
    this.#objects.set(containerId, { ...this.#objects.get(containerId)!, endpoints });
    this.#changes.tell(containerId);
  }

  /** A container with one Pod in the phase. */
  setPhase(containerId: string, phase: string): void {
    this.set(containerId, { deployment: deployment({ containerId }), pods: [pod({ containerId, phase })] });
  }

  delete(containerId: string): void {
    this.#objects.delete(containerId);
    this.#timers.cancel(containerId);
    this.#changes.tell(containerId);
  }
}
