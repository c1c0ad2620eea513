/** The errors of the API: each is a `Status` object with a code, a reason and details. */
import { qualifiedKind, qualifiedResource, type Resource } from './resources.ts';
import type { FieldError } from './validation/field-error.ts';
import { fieldErrorBody } from './validation/field-error.ts';

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusBody {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code?: number;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** A token with which a list that expired can go on, inconsistently. */
  continueToken?: string;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  get status(): StatusBody {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

function detailsOf(resource: Resource, name: string): StatusDetails {
  return { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural };
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function notFound(resource: Resource, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualifiedResource(resource)} "${name}" not found`, detailsOf(resource, name));
}

/** The answer to a path that leads nowhere. */
export function noSuchPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** @param isBeingDeleted - whether the object that is there is on its way out */
export function alreadyExists(resource: Resource, name: string, isBeingDeleted: boolean): ApiError {
  const exists = `${qualifiedResource(resource)} "${name}" already exists`;
  const message = isBeingDeleted ? `object is being deleted: ${exists}` : exists;
  return new ApiError(409, 'AlreadyExists', message, detailsOf(resource, name));
}

export function conflict(resource: Resource, name: string, cause: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${cause}`;
  return new ApiError(409, 'Conflict', message, detailsOf(resource, name));
}

/** The answer to a deletion whose precondition does not hold: it names the kind where other conflicts name the resource. */
export function failedPrecondition(resource: Resource, name: string, cause: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualifiedKind(resource)} "${name}": ${cause}`;
  return new ApiError(409, 'Conflict', message, { ...detailsOf(resource, name), kind: resource.kind });
}

/** An error that the API server did not think of: it has no reason. */
export function unexpectedError(message: string): ApiError {
  return new ApiError(500, '', message);
}

/** @param causes - what says more than the message, such as that the namespace is terminating */
export function forbidden(resource: Resource, name: string, cause: string, causes?: StatusCause[]): ApiError {
  const message = `${qualifiedResource(resource)} "${name}" is forbidden: ${cause}`;
  return new ApiError(403, 'Forbidden', message, { ...detailsOf(resource, name), ...(causes && { causes }) });
}

export function invalid(resource: Resource, name: string, errors: readonly FieldError[]): ApiError {
  const lines = [...new Set(errors.map((error) => `${error.field}: ${fieldErrorBody(error)}`))];
  const what = lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`;
  return new ApiError(422, 'Invalid', `${qualifiedKind(resource)} "${name}" is invalid: ${what}`, {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.kind,
    causes: causesOf(errors),
  });
}

/** @param kind - of the options that came with a request, such as `CreateOptions` */
export function invalidOptions(kind: string, error: FieldError): ApiError {
  const group = 'meta.k8s.io';
  const message = `${kind}.${group} "" is invalid: ${error.field}: ${fieldErrorBody(error)}`;
  return new ApiError(422, 'Invalid', message, { group, kind, causes: causesOf([error]) });
}

function causesOf(errors: readonly FieldError[]): StatusCause[] {
  return errors.map((error) => ({ reason: error.type, message: fieldErrorBody(error), field: error.field }));
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function internalError(message: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}
