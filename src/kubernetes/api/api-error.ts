/** What a call to the Kubernetes API can end in, other than its answer. */
import type { Status, StatusCause } from './resources.ts';

/** What was asked, in the words of RBAC. */
export interface CallDescription {
  verb: 'create' | 'delete' | 'get' | 'list' | 'patch' | 'update' | 'watch';
  /** A resource such as `deployments`; `version` for the version endpoint. */
  resource: string;
}

/** The API server answered, and refused. */
export class KubernetesApiError extends Error {
  override readonly name = 'KubernetesApiError';
  readonly call: CallDescription;
  /** The HTTP status, or the code of a Status that came in a watch. */
  readonly status: number;
  /** Kubernetes' own word, such as `AlreadyExists`; absent where something other than the API server answered. */
  readonly reason: string | undefined;
  /** Whether it was an API server that answered: what else may stand there does not answer with a Status. */
  readonly isStatus: boolean;
  /** What Kubernetes said. It may repeat values of the object, which are not for the log. */
  readonly statusMessage: string;
  readonly causes: readonly StatusCause[];
  /** The kind of the object that the Status speaks of, such as `namespaces`. */
  readonly detailsKind: string | undefined;
  /** The name of that object. */
  readonly detailsName: string | undefined;
  /** From the header `Retry-After`, else from the Status. */
  readonly retryAfterSeconds: number | undefined;

  constructor(call: CallDescription, status: number, body: Status | undefined, retryAfterSeconds?: number) {
    const statusMessage = body?.message ?? '';
    const repeatsValues = status === 400 || status === 422;
    super(
      `${call.verb} ${call.resource}: ${status} ${body?.reason ?? 'without a reason'}` +
        (statusMessage === '' || repeatsValues ? '' : `: ${statusMessage}`),
    );
    this.call = call;
    this.status = status;
    this.reason = body?.reason;
    this.isStatus = body !== undefined;
    this.statusMessage = statusMessage;
    this.causes = body?.details?.causes ?? [];
    this.detailsKind = body?.details?.kind;
    this.detailsName = body?.details?.name;
    this.retryAfterSeconds = retryAfterSeconds ?? body?.details?.retryAfterSeconds;
  }

  /** Whether it may have done what was asked all the same: what stands between, or the storage behind, gave up. */
  get outcomeUnknown(): boolean {
    return this.status >= 500;
  }
}

/** Codes of errors that come before a connection is there. */
const neverSent: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** No answer: the connection could not be made or broke, the time was up, or what came is no answer of an API server. */
export class KubernetesConnectionError extends Error {
  override readonly name = 'KubernetesConnectionError';
  readonly call: CallDescription;
  /** Whether it may have done what was asked all the same. */
  readonly outcomeUnknown: boolean;

  constructor(call: CallDescription, problem: string, options?: ErrorOptions) {
    super(`${call.verb} ${call.resource}: ${problem}`, options);
    this.call = call;
    this.outcomeUnknown = !neverSent.has((options?.cause as { code?: unknown } | undefined)?.code);
  }
}

export type KubernetesError = KubernetesApiError | KubernetesConnectionError;

export function isKubernetesError(error: unknown): error is KubernetesError {
  return error instanceof KubernetesApiError || error instanceof KubernetesConnectionError;
}

export function hasStatus(error: unknown, status: number): error is KubernetesApiError {
  return error instanceof KubernetesApiError && error.status === status;
}

/**
 * Whether the API server itself says that there is no object of this name. A proxy's 404 does not say so, nor does that of
 * an API server that does not serve the resource (yet), or lacks the namespace.
 */
export function isAbsent(error: unknown, { resource, name }: { resource: string; name: string }): boolean {
  if (!hasStatus(error, 404) || error.reason !== 'NotFound') return false;
  return error.detailsKind === resource && error.detailsName === name;
}

/** Whether the API server says that the object is not, or no longer, the one that is meant. */
export function isConflict(error: unknown): boolean {
  return hasStatus(error, 409) && error.reason === 'Conflict';
}

/** RBAC says `User "…" cannot create resource "…"`; a policy that refuses an object has words of its own. */
export function isPermissionMissing(error: KubernetesApiError): boolean {
  return (
    error.status === 403 &&
    (error.statusMessage === '' || /\bcannot [a-z]+ (resource|path) "/.test(error.statusMessage))
  );
}

export function alreadyExists(error: unknown): boolean {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** How long the API server asks to be left alone, in milliseconds; absent where it does not. */
export function retryAfterMs(error: unknown): number | undefined {
  const seconds = error instanceof KubernetesApiError ? error.retryAfterSeconds : undefined;
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** Whether the resourceVersion or the page's token is too old, or newer than anything that the server knows. */
export function isExpired(error: unknown): boolean {
  if (!(error instanceof KubernetesApiError)) return false;
  return error.status === 410 || error.causes.some(({ reason }) => reason === 'ResourceVersionTooLarge');
}
