/** What the HTTP handlers ask of the cluster. */
import type { Container, ContainerSpec } from './container.ts';

/** Limits of one call: the request's signal, aborted when its client leaves or its time is up. */
export interface CallOptions {
  signal: AbortSignal;
}

export interface ContainerPage {
  /** Ordered by id, by code point. */
  containers: Container[];
  /** Absent on the last page. */
  nextPageToken?: string;
}

/**
 * The containers that it gives are not changed afterwards by anybody. Every method throws the classes of `errors.ts` and
 * nothing else, except the signal's reason once it is aborted.
 */
export interface ContainerRepository {
  /**
   * Makes the container; it is visible to `get` and `list` of this repository when the promise resolves.
   *
   * @param id - absent: a random UUID
   * @throws ConflictError when the id is taken; InvalidArgumentError when the cluster refuses the spec; UnavailableError;
   *   InternalError
   */
  create(request: { id?: string; spec: ContainerSpec }, options: CallOptions): Promise<Container>;
  /** @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError; InternalError */
  get(id: string, options: CallOptions): Promise<Container>;
  /**
   * @param pageSize - 1 to 1000
   * @param pageToken - as an earlier page gave it; absent: the first page
   * @throws InvalidArgumentError for a token that does not parse; UnavailableError while no live cache can answer
   */
  list(page: { pageSize: number; pageToken?: string }, options: CallOptions): Promise<ContainerPage>;
  /** @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError; InternalError */
  delete(id: string, options: CallOptions): Promise<void>;
}

/** Whether the cluster can be worked with. */
export interface ClusterHealth {
  /** Answers within 2 s whatever the cluster does, and never rejects; concurrent callers share one probe. */
  healthy(): Promise<boolean>;
}
