/** The containers of the cluster as they are seen: what each is, and word whenever that may have changed. */
import type { Container, ContainerEndpoint, ContainerStatus } from './container.ts';
import type { VersionRange } from './resource-version.ts';

/** A container as it is seen until word of it comes: reads, lists, waits and events have it from here. */
export interface ContainerView {
  /** `DELETED` while a finalizer keeps the Deployment of a container that is gone. */
  readonly status: ContainerStatus;
  readonly message: string;
  /** Where its ports can be reached; empty where it is gone. */
  readonly endpoints: readonly ContainerEndpoint[];
  /** Of its Deployment: tells a container from one that is made later under the same id. */
  readonly uid: string;
  /** Of its Deployment. */
  readonly resourceVersion: string;
  /** When time alone will change it, in milliseconds of the monotonic clock; `Infinity` where it will not. */
  readonly validUntil: number;
  /** The same as a resource, made when it is first asked for; not to be changed. */
  readonly container: Container;
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

export interface ContainerSource {
  /** The namespace that the containers live in. */
  readonly namespace: string;
  /** Resolves when memory was filled for the first time; never rejects. */
  readonly ready: Promise<void>;
  /** Whether memory is filled, and the cluster was heard of lately enough for it to be believed. */
  readonly isLive: boolean;
  /** The ids of all containers that have a Deployment in memory, one that is being deleted too, in no particular order. */
  ids(): Iterable<string>;
  /** Absent where memory has no Deployment of the container, whatever Pods remain. */
  view(containerId: string): ContainerView | undefined;
  /**
   * Calls back with the id of a container whose view may have changed, with an object of it or with time alone: a hint to
   * look, never the data. Hints come only once `ready` has resolved, and of what time alone changes, not while memory cannot
   * be believed. Returns the function that ends it.
   */
  onChange(listener: (containerId: string) => void): () => void;
  /**
   * Calls back with each Deployment that is gone, also before `ready` has resolved, and also one of which nothing was heard
   * before its end. The hint of its container follows. Returns the function that ends it.
   */
  onEnd(listener: (ended: EndedDeployment) => void): () => void;
  /**
   * Calls back when memory missed a part of the cluster's history: Deployments that came and went within it are not known.
   * Returns the function that ends it.
   */
  onGap(listener: (gap: VersionRange) => void): () => void;
  /**
   * Compares memory with a fresh list and repairs what is missing; changes show up as hints.
   * Rejects when the cluster cannot be asked; memory then is as it was.
   */
  resync(signal: AbortSignal): Promise<void>;
  /**
   * The ids of all containers of this provider that exist, by a consistent list that is begun after the call: one that was
   * deleted before is not in it, though a finalizer may hold its Deployment. Rejects when the cluster cannot be asked.
   */
  listIds(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /**
   * The uid of the namespace, which another one of the same name does not have; absent where the permission to read it is
   * missing, which is logged. Rejects when the cluster cannot be asked.
   */
  namespaceUid(signal: AbortSignal): Promise<string | undefined>;
}
