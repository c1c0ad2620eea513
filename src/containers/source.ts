/** What the status events are made from: the cluster's state as the watch caches have it, and hints that it changed. */
import type { ObservedContainerObjects } from './observed.ts';

export interface ContainerSource {
  /**
   * Calls back with the id of a container of which anything changed, perhaps nothing that matters: a hint to look, never
   * the data. Hints come only once `ready` has resolved. Returns the function that ends it.
   */
  onChange(listener: (containerId: string) => void): () => void;
  /** Resolves when the caches were filled for the first time; never rejects. */
  readonly ready: Promise<void>;
  /** The ids of all containers that exist in the caches, in no particular order. */
  ids(): Iterable<string>;
  /** The cached objects of one container; without a Deployment when it is gone, and then without Pods as well. */
  observe(containerId: string): ObservedContainerObjects;
  /**
   * Compares the caches with a fresh list and repairs what is missing; changes show up as hints.
   * Rejects when the cluster cannot be asked; the caches then are as they were.
   */
  resync(signal: AbortSignal): Promise<void>;
}
