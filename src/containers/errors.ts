/** What can go wrong with a container, in the words of the API. The HTTP layer turns each class into one problem document. */

/** One thing that is wrong with a request: where it is and what is allowed there. */
export interface Violation {
  detail: string;
  /** RFC 6901 pointer into the request body; the member's own pointer where the member is missing. */
  pointer?: string;
  /** Name of the path or query parameter. */
  parameter?: string;
}

/** The base of all errors whose `message` may be shown to a client: it never holds a raw message of a dependency. */
export abstract class ContainerError extends Error {}

/** How many violations are told; a request within the limits could have tens of thousands, and take seconds to tell. */
export const maxViolations = 1_000;

/**
 * The request asks for what cannot be (400). `violations` is empty where what is wrong belongs to no single field. The
 * message tells the first of them and how many others there are, since it is all that most clients show.
 */
export class InvalidArgumentError extends ContainerError {
  override readonly name = 'InvalidArgumentError';
  /** Who refuses what; absent where that is plain. */
  readonly refusal: string | undefined;
  /** `maxViolations` at most. */
  readonly violations: readonly Violation[];

  /** @param refusal - who refuses what, as a sentence, where that is not plain; stands before the violations */
  constructor(refusal: string | undefined, violations: readonly Violation[] = [], options?: ErrorOptions) {
    const told = violations.slice(0, maxViolations);
    super([refusal, ...summarize(told)].filter((sentence) => sentence !== undefined).join(' '), options);
    this.refusal = refusal;
    this.violations = told;
  }
}

/** Sentences. */
function summarize([first, ...others]: readonly Violation[]): string[] {
  if (first === undefined) return [];
  const sentence = `The ${placeOf(first)} ${first.detail}.`;
  if (others.length === 0) return [sentence];
  const count = others.length + 1 < maxViolations ? String(others.length) : `at least ${others.length}`;
  return [sentence, others.length === 1 ? 'There is 1 other violation.' : `There are ${count} other violations.`];
}

function placeOf({ parameter, pointer }: Violation): string {
  if (parameter !== undefined) return `parameter ${parameter}`;
  return pointer ? `field ${pointer}` : 'body';
}

/** No container has this id, or its Deployment is being deleted (404). */
export class NotFoundError extends ContainerError {
  override readonly name = 'NotFoundError';
}

/** The id is taken, or what carries it is ambiguous (409). Nothing in the cluster was changed. */
export class ConflictError extends ContainerError {
  override readonly name = 'ConflictError';
}

/** The id is that of a container of another provider in the same namespace (409). */
export class TakenElsewhereError extends ConflictError {}

/** The idempotency key was used for another request (422). Nothing was changed. */
export class KeyReusedError extends ContainerError {
  override readonly name = 'KeyReusedError';
}

/** The container is not, or no longer, in the version that the request is for (412). Nothing was changed. */
export class PreconditionFailedError extends ContainerError {
  override readonly name = 'PreconditionFailedError';
}

/** When to come back where nobody knows better, in seconds. */
export const defaultRetryAfterSeconds = 5;

/** The cluster cannot do it now, and may later (503 with `Retry-After`). */
export class UnavailableError extends ContainerError {
  override readonly name = 'UnavailableError';
  /** Whole seconds, 1 or more. */
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds = defaultRetryAfterSeconds, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterSeconds));
  }
}

/** Something that an operator must fix (500): a missing permission, an answer that makes no sense. The log has the `cause`. */
export class InternalError extends ContainerError {
  override readonly name = 'InternalError';
}
