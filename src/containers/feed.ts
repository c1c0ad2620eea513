/** What the status events are made from: the cluster's state as the watch caches have it, and hints that it changed. */
import type { ContainerEndpoint } from './container.ts';
import type { ObservedContainerObjects } from './observed.ts';
import type { VersionRange } from './resource-version.ts';

/** What is reported of a container is made from this. */
export interface ObservedReachableContainer extends ObservedContainerObjects {
  /** Where its ports can be reached now, as reads show it; empty where it is gone. */
  endpoints: readonly ContainerEndpoint[];
}

/** A Deployment that is gone. */
export interface EndedDeployment {
  containerId: string;
  uid: string;
  /** Of the last that was heard of it. */
  resourceVersion: string;
  /** By a request: one that this replica served, or one with an idempotency key that another did. Absent: not known to be. */
  byRequest?: true;
}

export interface ContainerFeed {
  /**
   * Calls back with the id of a container of which anything changed, perhaps nothing that matters: a hint to look, never
   * the data. Hints come only once `ready` has resolved. Returns the function that ends it.
   */
  onChange(listener: (containerId: string) => void): () => void;
  /**
   * Calls back with each Deployment that is gone, also before `ready` has resolved, and also one of which nothing was heard
   * before its end. The hint of its container follows. Returns the function that ends it.
   */
  onEnd(listener: (ended: EndedDeployment) => void): () => void;
  /**
   * Calls back when the caches missed a part of the cluster's history: Deployments that came and went within it are not
   * known. Returns the function that ends it.
   */
  onGap(listener: (gap: VersionRange) => void): () => void;
  /** Resolves when the caches were filled for the first time; never rejects. */
  readonly ready: Promise<void>;
  /** Whether the caches have had no sign of life of the cluster for too long to be believed. */
  readonly isCutOff: boolean;
  /** The ids of all containers that have a Deployment in the caches, one that is being deleted too, in no particular order. */
  ids(): Iterable<string>;
  /** The cached objects of one container; without a Deployment when it is gone, and then without Pods as well. */
  observe(containerId: string): ObservedReachableContainer;
  /**
   * Compares the caches with a fresh list and repairs what is missing; changes show up as hints.
   * Rejects when the cluster cannot be asked; the caches then are as they were.
   */
  resync(signal: AbortSignal): Promise<void>;
}
