/** By what the provider knows its objects: labels, annotations, the selectors made of them, and names. */
import { randomInt } from 'node:crypto';

export const managedByLabel = 'dcm.project/managed-by';
export const instanceIdLabel = 'dcm.project/dcm-instance-id';
export const serviceTypeLabel = 'dcm.project/dcm-service-type';
/** A random value that tells the objects of one Deployment from those of an earlier one with the same id. */
export const incarnationLabel = 'dcm.project/dcm-incarnation';
/** The spec as the client sent it, in JSON, without the values of environment variables. */
export const specAnnotation = 'dcm.project/container-spec';

/** `applied` where the hints of the spec were acted upon when the container was made. */
export const hintsAnnotation = 'dcm.project/hints';

/**
 * `literal` where values were escaped when the container was made, so that Kubernetes replaces nothing in them; absent, they
 * stand in the Pod template as they were sent, as in all that were made before and by the reference provider.
 */
export const variablesAnnotation = 'dcm.project/variables';

/** `true` where the external ports got a Service of their own when the container was made. */
export const isolationAnnotation = 'dcm.project/isolate-internal-ports';
/** `internal` or `external`, on the two Services of such a container: for people, as the names tell them apart already. */
export const serviceScopeLabel = 'dcm.project/dcm-service-scope';

/**
 * On a Deployment whose Services an update changed, and on each of these once it is as the Deployment asks: the same random
 * value on both.
 */
export const serviceRevisionAnnotation = 'dcm.project/service-revision';

/** `kubectl rollout restart` writes the time here, on the Pod template. */
export const restartAnnotation = 'kubectl.kubernetes.io/restartedAt';

/** SHA-256 of the idempotency key that the container was created with, and what tells the request; see `IdempotencyRecord`. */
export const keyAnnotation = 'dcm.project/idempotency-key';
export const requestAnnotation = 'dcm.project/idempotency-request';

/** Digest of the delete with an idempotency key that is on its way, for other replicas to see when the Deployment goes. */
export const deleteAnnotation = 'dcm.project/idempotency-delete';

/** The name of the provider that made the container; absent on containers of any that did not write it yet. */
export const providerAnnotation = 'dcm.project/provider';

/** The names of a provider, the present one first. */
export type ProviderNames = readonly [string, ...string[]];

/**
 * The provider that an object belongs to; absent where that is us: it has our name, a former one of ours, or none.
 *
 * @param names - absent: everything is ours
 */
export function otherProvider(
  annotations: Readonly<Record<string, string>> | undefined,
  names: ProviderNames | undefined,
): string | undefined {
  const name = annotations?.[providerAnnotation];
  return name === undefined || names === undefined || names.includes(name) ? undefined : name;
}

export type Labels = Record<string, string>;

/**
 * What the selectors of Deployment and Service match: nothing that another incarnation of the id has.
 *
 * @param incarnation - absent for those of the reference provider
 */
export function identityLabels(id: string, incarnation: string | undefined): Labels {
  return {
    [managedByLabel]: 'dcm',
    [instanceIdLabel]: id,
    [serviceTypeLabel]: 'container',
    ...(incarnation !== undefined && { [incarnationLabel]: incarnation }),
  };
}

/** Label selector for the objects of every container. */
export const allContainersSelector = `${managedByLabel}=dcm,${serviceTypeLabel}=container,${instanceIdLabel}`;

/** Label selector for the objects of one container, whoever made them. */
export function oneContainer(id: string): string {
  return `${managedByLabel}=dcm,${serviceTypeLabel}=container,${instanceIdLabel}=${id}`;
}

/** The same of several. */
export function anyContainer(ids: readonly string[]): string {
  return `${managedByLabel}=dcm,${serviceTypeLabel}=container,${instanceIdLabel} in (${ids.join(',')})`;
}

/** Label selector for the objects of one incarnation of a container; of all where the reference provider made it. */
export function oneIncarnation(id: string, incarnation: string | undefined): string {
  return incarnation === undefined ? oneContainer(id) : `${oneContainer(id)},${incarnationLabel}=${incarnation}`;
}

export interface ContainerIdentity {
  id: string;
  /** Absent where the reference provider made it. */
  incarnation?: string | undefined;
  namespace: string;
}

/** Without vowels, so that no words appear, and without digits that look like letters. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const incarnationLength = 10;
/** A Service's name is a DNS label. */
const maxServiceNameLength = 63;

/** The one name that a container's Deployment has: the API server itself refuses the second. At most 67 characters. */
export function deploymentName(id: string): string {
  return `dcm-${id}`;
}

/** A value that no other creation of the id has. */
export function randomIncarnation(): string {
  return Array.from({ length: incarnationLength }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** The same from whoever makes the Service of this incarnation: two replicas cannot make two. */
export function serviceName(id: string, incarnation: string | undefined): string {
  return nameEndingWith(id, incarnation === undefined ? '' : `-${incarnation}`);
}

const externalSuffix = '-external';

/** Of the second Service, which external ports have where internal ones are isolated. No first one is called so. */
export function externalServiceName(id: string, incarnation: string | undefined): string {
  return nameEndingWith(id, incarnation === undefined ? externalSuffix : `-${incarnation}${externalSuffix}`);
}

/** Incarnations have no vowels: no other Service of ours ends so. */
export function isExternalServiceName(name: string): boolean {
  return name.endsWith(externalSuffix);
}

function nameEndingWith(id: string, ending: string): string {
  return `dcm-${id.slice(0, maxServiceNameLength - 'dcm-'.length - ending.length)}${ending}`;
}
