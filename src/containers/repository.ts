/** What the HTTP handlers ask of the cluster: its containers, and what these have written to their output and error. */
import type { Readable } from 'node:stream';
import type { Container, ContainerSpec } from './container.ts';
import type { Filter } from './filter.ts';

/** Limits of one call: the request's signal, aborted when its client leaves or its time is up. */
export interface CallOptions {
  signal: AbortSignal;
}

export interface DeleteOptions extends CallOptions {
  /** 1 to 255 printable ASCII characters; absent: the request has none. */
  key?: string;
}

export interface CreateRequest {
  id: string;
  spec: ContainerSpec;
}

export interface KeyedCreateRequest extends CreateRequest {
  /** 1 to 255 printable ASCII characters. */
  key: string;
}

/** A container as an update finds it. */
export interface CurrentSpec {
  /** As reads show it, without the address. */
  spec: ContainerSpec;
  /** Its hints for Kubernetes are acted upon: those of containers that were made before any were are not, until they change. */
  hintsApply: boolean;
}

export interface UpdateRequest {
  id: string;
  /**
   * The spec that it is to have, valid and without read-only members. Pure: it is asked again where another update came first.
   * What it throws ends the update.
   */
  change: (current: CurrentSpec) => ContainerSpec;
  /** Whether the update is for the container with this entity tag; absent: whatever it has. */
  isFor?: (entityTag: string) => boolean;
  /** Everything is checked, and nothing is changed. */
  validateOnly?: boolean;
}

export interface PageRequest {
  /** 1 to 1000. */
  pageSize: number;
  /** As an earlier page with this filter gave it; absent: the first page. */
  pageToken?: string;
  /** Absent: all containers. */
  filter?: Filter;
  /**
   * Asked for each container in order: the page ends before the first that does not fit, though it has one at least. Absent:
   * all fit.
   */
  fits?: (container: Container) => boolean;
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
   * @throws ConflictError when the id is taken; InvalidArgumentError when the cluster refuses the spec; UnavailableError;
   *   InternalError
   */
  create(request: CreateRequest, options: CallOptions): Promise<Container>;
  /**
   * Makes the container, or gives the one that an earlier request with the key and the same spec has made, as it is now.
   *
   * @throws what `create` throws; KeyReusedError where the earlier request was another one
   */
  createOnce(request: KeyedCreateRequest, options: CallOptions): Promise<{ container: Container; replayed: boolean }>;
  /**
   * The container as `create` would make it, checked by the cluster; nothing is made.
   *
   * @throws what `create` throws
   */
  validate(request: CreateRequest, options: CallOptions): Promise<Container>;
  /** @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError; InternalError */
  get(id: string, options: CallOptions): Promise<Container>;
  /**
   * A page has as many as asked for while there are that many, however few containers match its filter.
   *
   * @throws InvalidArgumentError for a token that does not parse or is of another filter; UnavailableError while no live cache can answer
   */
  list(page: PageRequest, options: CallOptions): Promise<ContainerPage>;
  /**
   * Changes the spec of the container: of several updates at once each is applied to what the one before has made. What changes
   * nothing writes nothing.
   *
   * @throws NotFoundError; PreconditionFailedError where it is for another version; InvalidArgumentError when the cluster refuses
   *   the spec; ConflictError when two Deployments carry the id; UnavailableError; InternalError
   */
  update(request: UpdateRequest, options: CallOptions): Promise<Container>;
  /** Has its Pods replaced by new ones. @throws NotFoundError; ConflictError; UnavailableError; InternalError */
  restart(id: string, options: CallOptions): Promise<Container>;
  /**
   * Removes the container. With a key it is no error that there is none, and what was made anew since a delete with this
   * key, as far as that is known here, stays.
   *
   * @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError; InternalError
   */
  delete(id: string, options: DeleteOptions): Promise<void>;
}

export interface LogRequest {
  /** How many of the last lines; 0: none of those that are there. */
  tailLines: number;
  /** How old lines may be, in milliseconds, above 0; absent: however old. */
  sinceMs?: number;
  /** Of the run before the present one. */
  previous: boolean;
  /** Each line begins with the time at which it was written. */
  timestamps: boolean;
  /** What is written from now on too, until `release`, or the container ends, or is another one. */
  follow: boolean;
}

export interface ContainerLogs {
  /**
   * The text, which is read from the cluster no faster than it is read here. A container that has none (yet) has an empty
   * one. The stream ends with an error where the cluster breaks off; it is over once the signal is aborted or it is destroyed.
   *
   * @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError where too many are read
   *   already, or the cluster cannot give it; InternalError
   */
  read(id: string, request: LogRequest, options: CallOptions): Promise<Readable>;
  /** Ends all streams that follow. */
  release(): void;
}
