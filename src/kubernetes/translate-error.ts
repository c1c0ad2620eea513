/**
 * From what the Kubernetes API answers to the errors of the API that we offer, and from the fields of its objects to pointers
 * into the request. The only place that knows both.
 */
import type { Logger } from 'pino';
import type { ContainerSpec } from '../containers/container.ts';
import { InternalError, InvalidArgumentError, UnavailableError } from '../containers/errors.ts';
import type { ContainerError, Violation } from '../containers/errors.ts';
import { KubernetesApiError, KubernetesConnectionError, isPermissionMissing } from './api/api-error.ts';
import { deploymentPointers } from './objects/deployment.ts';
import type { FieldPointers } from './objects/object.ts';
import { servicePointers } from './objects/service.ts';
import type { StatusCause } from './api/resources.ts';

export interface TranslationContext {
  log: Logger;
  namespace: string;
  /** Whether the API server may have come back a moment ago: then it refuses everything until it has loaded its permissions. */
  mayBeLoading?: boolean;
  /** What was being created, for pointers to what is wrong with it. */
  spec?: ContainerSpec;
}

/** For what somebody has to free or fix first. */
const longRetryAfterSeconds = 30;

type Translation = (error: KubernetesApiError, context: TranslationContext) => ContainerError | undefined;

/** The first that knows the refusal translates it. */
const translations: readonly Translation[] = [
  throttled,
  dryRunUnsupported,
  policyRefused,
  namespaceGone,
  namespaceTerminating,
  permissionMissing,
  credentialsRefused,
  quotaRefused,
  quotaContended,
  rangeUsedUp,
  serverFailed,
  strangerAnswered,
  invalid,
  admissionRefused,
];

/** An error of ours; what is one already, or is no error of the Kubernetes API (as a signal's reason), comes back as it is. */
export function translateError(error: unknown, context: TranslationContext): unknown {
  if (error instanceof KubernetesConnectionError) {
    context.log.warn({ err: error }, 'the Kubernetes API server does not answer');
    return unavailable('The Kubernetes API server cannot be reached.', error);
  }
  if (!(error instanceof KubernetesApiError)) return error;
  for (const translate of translations) {
    const translated = translate(error, context);
    if (translated !== undefined) return translated;
  }
  context.log.error({ err: error, ...error.call, namespace: context.namespace }, 'the cluster refused a call');
  return new InternalError('The cluster refused a call of the provider.', { cause: error });
}

function unavailable(message: string, error: KubernetesApiError | KubernetesConnectionError, seconds?: number) {
  const asked = error instanceof KubernetesApiError ? error.retryAfterSeconds : undefined;
  return new UnavailableError(message, asked ?? seconds, { cause: error });
}

function throttled(error: KubernetesApiError): ContainerError | undefined {
  if (error.status !== 429) return undefined;
  return unavailable('The Kubernetes API server has too many requests.', error, 1);
}

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#side-effects */
function dryRunUnsupported(error: KubernetesApiError): ContainerError | undefined {
  if (error.status !== 400 || !/does not support dry ?run/.test(error.statusMessage)) return undefined;
  const message =
    'The cluster cannot tell without making the container: an admission webhook takes no part in dry runs.';
  return unavailable(message, error, longRetryAfterSeconds);
}

function namespaceGone(error: KubernetesApiError, { log, namespace }: TranslationContext): ContainerError | undefined {
  if (error.status !== 404 || error.detailsKind !== 'namespaces') return undefined;
  log.error({ err: error, namespace }, 'the namespace does not exist');
  return unavailable('The namespace of the containers does not exist.', error, longRetryAfterSeconds);
}

function namespaceTerminating(error: KubernetesApiError): ContainerError | undefined {
  const terminating =
    error.causes.some(({ reason }) => reason === 'NamespaceTerminating') ||
    (error.status === 403 && error.statusMessage.includes('because it is being terminated'));
  if (!terminating) return undefined;
  return unavailable('The namespace of the containers is being removed.', error, longRetryAfterSeconds);
}

function permissionMissing(error: KubernetesApiError, context: TranslationContext): ContainerError | undefined {
  if (error.status !== 403 || !isPermissionMissing(error)) return undefined;
  const { log, namespace, mayBeLoading = false } = context;
  if (mayBeLoading) {
    log.warn({ err: error }, 'the Kubernetes API server refuses, it may not have loaded its permissions yet');
    return unavailable('The Kubernetes API server is starting.', error);
  }
  log.error({ err: error, ...error.call, namespace }, 'a permission in the cluster is missing');
  return new InternalError('The provider lacks a permission in the cluster.', { cause: error });
}

function credentialsRefused(error: KubernetesApiError, { log }: TranslationContext): ContainerError | undefined {
  if (error.status !== 401) return undefined;
  log.error({ err: error }, 'the cluster does not accept the credentials');
  return new InternalError('The cluster does not accept the credentials of the provider.', { cause: error });
}

/** Used up, or so new that the cluster has not counted yet what is in use. */
function quotaRefused(error: KubernetesApiError): ContainerError | undefined {
  const isQuota = /\b(exceeded|status unknown for|insufficient) quota\b/.test(error.statusMessage);
  if (error.status !== 403 || !isQuota) return undefined;
  return unavailable(`The cluster refuses more: ${withoutPrefix(error.statusMessage)}`, error, longRetryAfterSeconds);
}

/** Many creates at the same time keep each other from counting in a quota: the API server gives up after some tries. */
function quotaContended(error: KubernetesApiError): ContainerError | undefined {
  if (error.status !== 409 || error.reason !== 'Conflict') return undefined;
  return unavailable('The cluster has too many changes at the same time.', error, 1);
}

/** Whether no node port or no cluster IP is left: the API server says so with status 500. */
export function isRangeUsedUp({ statusMessage }: KubernetesApiError): boolean {
  return statusMessage.includes('range is full');
}

function rangeUsedUp(error: KubernetesApiError): ContainerError | undefined {
  if (!isRangeUsedUp(error)) return undefined;
  const what = /node ?port/i.test(error.statusMessage) ? 'node port' : 'address for Services';
  return unavailable(`The cluster has no free ${what} left.`, error, longRetryAfterSeconds);
}

function serverFailed(error: KubernetesApiError, { log }: TranslationContext): ContainerError | undefined {
  if (error.status < 500) return undefined;
  log.warn({ err: error }, 'the Kubernetes API server failed');
  return unavailable('The Kubernetes API server cannot do it now.', error);
}

/** A proxy, or whatever else stands where the API server was expected. */
function strangerAnswered(error: KubernetesApiError, { log }: TranslationContext): ContainerError | undefined {
  if (error.isStatus) return undefined;
  log.warn({ err: error }, 'what answered is not the Kubernetes API server');
  return unavailable('The Kubernetes API server cannot be reached.', error);
}

const policyRefusal =
  /(?:admission webhook "[^"]*"|ValidatingAdmissionPolicy '[^']*'.*?) denied (?:the )?request(.*)$/s;

/** Whether a policy of the cluster refuses the object, whatever the status: webhooks choose it themselves. */
export function isPolicyRefusal({ statusMessage }: KubernetesApiError): boolean {
  return policyRefusal.test(statusMessage);
}

function policyRefused(error: KubernetesApiError): ContainerError | undefined {
  const match = policyRefusal.exec(error.statusMessage);
  if (!match) return undefined;
  const words = match[1]!.replace(/^[:\s]+/, '');
  return refused(words === '' ? 'without an explanation' : words, error);
}

function invalid(error: KubernetesApiError, { spec }: TranslationContext): ContainerError | undefined {
  if (error.status !== 422 || spec === undefined) return undefined;
  const violations = violationsOf({ resource: error.call.resource, name: error.detailsName ?? '' }, error.causes, spec);
  const message = 'The cluster finds the specification invalid.';
  if (violations.length > 0) return new InvalidArgumentError(message, violations, { cause: error });
  return new InvalidArgumentError(message, [{ detail: withoutPrefix(error.statusMessage), pointer: '/spec' }], {
    cause: error,
  });
}

/** Any other plugin of the API server: Kubernetes says `is forbidden` and then its words. */
function admissionRefused(error: KubernetesApiError): ContainerError | undefined {
  if (error.status !== 403) return undefined;
  return refused(withoutPrefix(error.statusMessage), error);
}

function refused(words: string, cause: KubernetesApiError): ContainerError {
  return new InvalidArgumentError(`A policy of the cluster refuses the container: ${words}`, [], { cause });
}

/** `deployments.apps "dcm-web" is forbidden: …` without the names of our objects. */
function withoutPrefix(message: string): string {
  return message.replace(/^\S+ "[^"]*" is (forbidden|invalid): /, '');
}

const pointersOf: Readonly<Record<string, FieldPointers>> = {
  deployments: deploymentPointers,
  services: servicePointers,
};

/**
 * One violation for each different thing that the cluster found wrong. A field that is not made from the request keeps its
 * Kubernetes name, in the detail.
 *
 * @param refused - the resource of what was refused, such as `deployments`, and its name, empty where nothing tells it
 */
export function violationsOf(
  refused: { resource: string; name: string },
  causes: readonly StatusCause[],
  spec: ContainerSpec,
): Violation[] {
  const violations = causes.map(({ field = '', message = 'is invalid' }) => {
    const pointer = pointerOf(refused, field, spec);
    if (pointer !== undefined) return { detail: message, pointer };
    return { detail: field === '' ? message : `${field}: ${message}` };
  });
  const different = new Map(
    violations.map((violation) => [`${violation.pointer ?? ''} ${violation.detail}`, violation]),
  );
  return [...different.values()];
}

function pointerOf(
  { resource, name }: { resource: string; name: string },
  field: string,
  spec: ContainerSpec,
): string | undefined {
  for (const [pattern, pointer] of pointersOf[resource] ?? []) {
    const match = pattern.exec(field);
    if (match) return pointer(match, spec, name);
  }
  return undefined;
}
