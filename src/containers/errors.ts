/** What can go wrong with a container, in the words of the API. The HTTP layer turns each class into one problem document. */

/** One thing that is wrong with a request: where it is and what is allowed there. */
export interface Fault {
  detail: string;
  /** RFC 6901 pointer into the request body; the member's own pointer where the member is missing. */
  pointer?: string;
  /** Name of the path or query parameter. */
  parameter?: string;
}

/** The base of all errors whose `message` may be shown to a client: it never holds a raw message of a dependency. */
export abstract class ContainerError extends Error {}

/** The request asks for what cannot be (400). `faults` is empty where the fault belongs to no single field. */
export class InvalidArgumentError extends ContainerError {
  override readonly name = 'InvalidArgumentError';
  readonly faults: readonly Fault[];

  constructor(message: string, faults: readonly Fault[] = [], options?: ErrorOptions) {
    super(message, options);
    this.faults = faults;
  }
}

/** No container has this id, or its Deployment is being deleted (404). */
export class NotFoundError extends ContainerError {
  override readonly name = 'NotFoundError';
}

/** The id is taken, or what carries it is ambiguous (409). Nothing in the cluster was changed. */
export class ConflictError extends ContainerError {
  override readonly name = 'ConflictError';
}

/** The cluster cannot do it now, and may later (503 with `Retry-After`). */
export class UnavailableError extends ContainerError {
  override readonly name = 'UnavailableError';
  /** Whole seconds, 1 or more. */
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterSeconds));
  }
}

/** Something that an operator must mend (500): a missing permission, an answer that makes no sense. The log has the `cause`. */
export class InternalError extends ContainerError {
  override readonly name = 'InternalError';
}
