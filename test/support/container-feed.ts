/** Containers in memory that hint at each change, as the watch caches do. */
import type { ObservedContainerObjects } from '../../src/containers/observed.ts';
import type { ContainerEndpoint } from '../../src/containers/container.ts';
import type { ContainerFeed, EndedDeployment, ObservedReachableContainer } from '../../src/containers/feed.ts';
import type { VersionRange } from '../../src/containers/resource-version.ts';
import { deployment, pod } from './observed.ts';

export class MemorySource implements ContainerFeed {
  readonly ready: Promise<void>;
  readonly becomeReady: () => void;
  readonly #objects = new Map<string, ObservedReachableContainer>();
  readonly #listeners = new Set<(containerId: string) => void>();
  readonly #endListeners = new Set<(ended: EndedDeployment) => void>();
  readonly #gapListeners = new Set<(gap: VersionRange) => void>();
  /** What the next resyncs do; by default they succeed. */
  onResync: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  resyncs = 0;
  isCutOff = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.becomeReady = () => resolve(undefined);
  }

  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onEnd(listener: (ended: EndedDeployment) => void): () => void {
    this.#endListeners.add(listener);
    return () => void this.#endListeners.delete(listener);
  }

  onGap(listener: (gap: VersionRange) => void): () => void {
    this.#gapListeners.add(listener);
    return () => void this.#gapListeners.delete(listener);
  }

  *ids(): Iterable<string> {
    for (const [id, { deployment }] of this.#objects) if (deployment !== undefined) yield id;
  }

  observe(containerId: string): ObservedReachableContainer {
    return this.#objects.get(containerId) ?? { pods: [], endpoints: [] };
  }

  async resync(signal: AbortSignal): Promise<void> {
    this.resyncs++;
    await this.onResync(signal);
  }

  /** Without a hint, as if it were missed. */
  setSilently(containerId: string, objects: ObservedContainerObjects): void {
    const endpoints = this.#objects.get(containerId)?.endpoints ?? [];
    this.#objects.set(containerId, { ...objects, endpoints });
  }

  set(containerId: string, objects: ObservedContainerObjects): void {
    this.setSilently(containerId, objects);
    for (const listener of this.#listeners) listener(containerId);
  }

  /** Of a container that was never there as far as this source tells; the hint of it is the caller's to give. */
  end(ended: EndedDeployment): void {
    for (const listener of this.#endListeners) listener(ended);
  }

  /** As when the watch had to begin anew. */
  missed(gap: VersionRange): void {
    for (const listener of this.#gapListeners) listener(gap);
  }

  /** Of a container that is there; they stay what they are until they are set again. */
  setEndpoints(containerId: string, endpoints: readonly ContainerEndpoint[]): void {
    this.#objects.set(containerId, { ...this.observe(containerId), endpoints });
    for (const listener of this.#listeners) listener(containerId);
  }

  /** A container with one Pod in the phase. */
  setPhase(containerId: string, phase: string): void {
    this.set(containerId, { deployment: deployment({ containerId }), pods: [pod({ containerId, phase })] });
  }

  delete(containerId: string): void {
    this.#objects.delete(containerId);
    for (const listener of this.#listeners) listener(containerId);
  }
}
