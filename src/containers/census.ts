/** What the cluster itself says about the containers, for those to whom caches that lag are not good enough. */

export interface ContainerCensus {
  /** The namespace that the containers live in. */
  readonly namespace: string;
  /**
   * The uid of that namespace, which another one of the same name does not have; absent where the permission to read it is
   * missing, which is logged. Rejects when the cluster cannot be asked.
   */
  namespaceUid(signal: AbortSignal): Promise<string | undefined>;
  /**
   * The ids of all containers of this provider that exist, by a consistent list that is begun after the call: one that was deleted before is
   * not in it, though a finalizer may hold its Deployment. Rejects when the cluster cannot be asked.
   */
  listIds(signal: AbortSignal): Promise<ReadonlySet<string>>;
}
