/** Creates, replaces and deletes objects by the API's rules: defaults, validation, versions, finalizers, preconditions. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  alreadyExists,
  badRequest,
  conflict,
  failedPrecondition,
  forbidden,
  invalid,
  notFound,
  unexpectedError,
  type StatusBody,
} from './api-error.ts';
import type { Kind } from './kinds/kind.ts';
import { leaseKind } from './kinds/lease.ts';
import { namespaceKind, plainKind, secretKind } from './kinds/plain.ts';
import { podKind } from './kinds/pod.ts';
import { ServiceAllocator, serviceKind, type NodePortRange } from './kinds/service.ts';
import { deploymentKind, replicaSetKind } from './kinds/workloads.ts';
import {
  timestamp,
  type KubernetesObject,
  type Metadata,
  type Namespace,
  type ObjectInput,
  type Pod,
} from './objects.ts';
import {
  apiVersionOf,
  deployments,
  leases,
  namespaces,
  pods,
  replicaSets,
  secrets,
  services,
  type Resource,
} from './resources.ts';
import { keyOfObject, StoredVersion, type Store } from './store.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';

export interface WriteOptions {
  /** Goes through all the steps but the last. */
  dryRun?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

const kinds = new Map<Resource, Kind>([
  [deployments, deploymentKind],
  [leases, leaseKind],
  [namespaces, namespaceKind],
  [pods, podKind],
  [replicaSets, replicaSetKind],
  [secrets, secretKind],
  [services, serviceKind],
]);

function kindOf(resource: Resource): Kind {
  return kinds.get(resource) ?? plainKind;
}

/** The alphabet of generated names: no vowels, so that no words come about. */
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

export function randomSuffix(): string {
  let suffix = '';
  for (let index = 0; index < 5; index += 1) {
    suffix += nameAlphabet.charAt(Math.floor(Math.random() * nameAlphabet.length));
  }
  return suffix;
}

export class Registry {
  readonly store: Store;
  readonly #allocator: ServiceAllocator;

  constructor(store: Store, nodePorts: NodePortRange) {
    this.store = store;
    this.#allocator = new ServiceAllocator(store, nodePorts);
  }

  /** @throws ApiError 404 */
  get(resource: Resource, namespace: string, name: string): StoredVersion {
    const found = this.store.get(resource, namespace, name);
    if (!found) throw notFound(resource, name);
    return found;
  }

  /** @throws ApiError 400, 403, 404 (no such namespace), 409, 422 */
  create(resource: Resource, namespace: string, input: ObjectInput, options: WriteOptions = {}): StoredVersion {
    const kind = kindOf(resource);
    const object = this.#newObject(resource, namespace, input);
    this.#checkNamespace(resource, namespace, object.metadata.name);
    kind.setDefaults(object);
    kind.prepareForCreate(object);
    const errors = [...validateMetadata(object.metadata, kind.checkName), ...kind.validate(object)];
    if (errors.length > 0) throw invalid(resource, object.metadata.name, errors);
    const present = this.store.get(resource, namespace, object.metadata.name)?.object.metadata;
    if (present) throw alreadyExists(resource, present.name, present.deletionTimestamp !== undefined);
    if (resource === services) this.#allocator.allocate(object, { isNew: true });
    return options.dryRun ? unstored(object) : this.store.put(resource, object);
  }

  /**
   * Replaces an object, or one part of it. `change` gets the present object and returns the new one, which is the
   * registry's from then on.
   *
   * @throws ApiError 404, 409, 422, and whatever `change` throws
   */
  update(
    resource: Resource,
    namespace: string,
    name: string,
    change: (present: KubernetesObject) => ObjectInput,
    options: WriteOptions & { subresource?: string } = {},
  ): StoredVersion {
    const present = this.get(resource, namespace, name);
    const old = present.object;
    const input = change(old);
    checkVersions(resource, old, input);
    const object = withPresentMetadata(input, old);
    const kind = kindOf(resource);
    if (options.subresource === 'status') {
      const status = object['status'];
      Object.assign(object, old, { metadata: statusMetadata(object.metadata, old.metadata), status });
    } else {
      kind.setDefaults(object);
      kind.prepareForUpdate(object, old);
      if (resource === services) this.#allocator.allocate(object, { isNew: false });
      if (kind.countsGenerations && !isDeepStrictEqual(object['spec'], old['spec'])) {
        object.metadata.generation = (old.metadata.generation ?? 1) + 1;
      }
      const errors = [
        ...validateMetadataUpdate(object.metadata, old.metadata),
        ...kind.validate(object),
        ...kind.validateUpdate(object, old),
      ];
      if (errors.length > 0) throw invalid(resource, name, errors);
    }
    if (isDeepStrictEqual(object, old)) return present;
    if (options.dryRun) return new StoredVersion(object, present.resourceVersion);
    if (isDueToGo(object)) {
      this.#remove(resource, object);
      return new StoredVersion(object, present.resourceVersion);
    }
    return this.store.put(resource, object);
  }

  /**
   * Deletes the object, or marks it where a finalizer or a grace period keeps it.
   *
   * @returns the object where it is still there, or where its kind answers so; else a `Status`
   * @throws ApiError 404, 409 for a precondition that does not hold
   */
  delete(resource: Resource, namespace: string, name: string, options: DeleteOptions = {}): StoredVersion | StatusBody {
    const present = this.get(resource, namespace, name);
    checkPreconditions(resource, present.object, options);
    const finalizers = finalizersAfterDelete(present.object.metadata.finalizers ?? [], options.propagationPolicy);
    const graceSeconds = resource === pods ? podGraceSeconds(present.object as Pod, options) : 0;
    const stays = finalizers.length > 0 || graceSeconds > 0 || (resource === namespaces && hasContents(present.object));
    if (stays) {
      const marked = markDeleted(present.object, finalizers, graceSeconds);
      if (marked === present.object) return present;
      return options.dryRun ? new StoredVersion(marked, present.resourceVersion) : this.store.put(resource, marked);
    }
    const removed = options.dryRun ? present : (this.#remove(resource, present.object) ?? present);
    if (resource === pods) return new StoredVersion(markDeleted(removed.object, [], 0), removed.resourceVersion);
    return kindOf(resource).returnsDeleted ? removed : deletedStatus(resource, present.object);
  }

  #remove(resource: Resource, object: KubernetesObject): StoredVersion | undefined {
    return this.store.remove(resource, object.metadata.namespace ?? '', object.metadata.name);
  }

  #newObject(resource: Resource, namespace: string, input: ObjectInput): KubernetesObject {
    const given = input.metadata ?? {};
    if (namespace !== '' && given.namespace !== undefined && given.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    if (given.resourceVersion !== undefined && given.resourceVersion !== '0') {
      throw unexpectedError('resourceVersion should not be set on objects to be created');
    }
    const { deletionTimestamp: _, deletionGracePeriodSeconds: __, selfLink: ___, ...kept } = given;
    const generated = given.generateName === undefined ? '' : `${given.generateName.slice(0, 58)}${randomSuffix()}`;
    const own = {
      name: given.name ?? generated,
      ...(resource.namespaced && { namespace }),
      uid: randomUUID(),
      resourceVersion: '',
      ...(kindOf(resource).countsGenerations && { generation: 1 }),
      creationTimestamp: timestamp(),
    };
    // In the order in which an API server writes it: what identifies an object comes before what has members of its own.
    const metadata: Metadata = { ...own, ...kept, ...own };
    return withMetadata(input, apiVersionOf(resource), resource.kind, metadata);
  }

  #checkNamespace(resource: Resource, namespace: string, name: string): void {
    if (!resource.namespaced) return;
    const found = this.store.get(namespaces, '', namespace);
    if (!found) throw notFound(namespaces, namespace);
    if (found.object.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }
}

/** What a dry run answers: an object that has no version, for it was never stored. */
function unstored(object: KubernetesObject): StoredVersion {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return new StoredVersion({ ...object, metadata: metadata as Metadata }, 0);
}

function checkVersions(resource: Resource, old: KubernetesObject, input: ObjectInput): void {
  const { name } = old.metadata;
  const given = input.metadata ?? {};
  if (given.name === undefined) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (given.name !== name) {
    throw badRequest(`the name of the object (${given.name}) does not match the name on the URL (${name})`);
  }
  if (given.namespace !== undefined && given.namespace !== old.metadata.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (given.uid !== undefined && given.uid !== old.metadata.uid) {
    const key = `/registry/${resource.plural}/${keyOfObject(old)}`;
    const why = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${old.metadata.uid}`;
    throw conflict(resource, name, why);
  }
  if (given.resourceVersion === undefined || given.resourceVersion === '') return;
  if (given.resourceVersion === old.metadata.resourceVersion) return;
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  throw conflict(resource, name, why);
}

/** The object with the metadata that a client can change, and the rest as it was. */
function withPresentMetadata(input: ObjectInput, old: KubernetesObject): KubernetesObject {
  const { labels, annotations, finalizers, ownerReferences } = input.metadata ?? {};
  const { labels: _, annotations: __, finalizers: ___, ownerReferences: ____, ...fixed } = old.metadata;
  const metadata: Metadata = {
    ...fixed,
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(finalizers && finalizers.length > 0 && { finalizers }),
    ...(ownerReferences && ownerReferences.length > 0 && { ownerReferences }),
  };
  return withMetadata(input, old.apiVersion, old.kind, metadata);
}

/** Type and metadata come first, in this order: lists leave the type out by cutting it off. */
function withMetadata(input: ObjectInput, apiVersion: string, kind: string, metadata: Metadata): KubernetesObject {
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = input;
  return { apiVersion, kind, metadata, ...rest };
}

/** An update of the status changes labels and annotations as well, but no owners or finalizers. */
function statusMetadata(metadata: Metadata, old: Metadata): Metadata {
  const { finalizers: _, ownerReferences: __, ...rest } = metadata;
  return {
    ...rest,
    ...(old.finalizers && { finalizers: old.finalizers }),
    ...(old.ownerReferences && { ownerReferences: old.ownerReferences }),
  };
}

function isDueToGo({ metadata, spec }: KubernetesObject): boolean {
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers?.length ?? 0) > 0) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0 && !hasFinalizersInSpec(spec);
}

function hasFinalizersInSpec(spec: unknown): boolean {
  return ((spec as { finalizers?: string[] } | undefined)?.finalizers?.length ?? 0) > 0;
}

function hasContents(namespace: KubernetesObject): boolean {
  return hasFinalizersInSpec(namespace['spec']);
}

function checkPreconditions(
  resource: Resource,
  { metadata }: KubernetesObject,
  { preconditions }: DeleteOptions,
): void {
  if (preconditions?.uid !== undefined && preconditions.uid !== metadata.uid) {
    const why = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw failedPrecondition(resource, metadata.name, why);
  }
  const version = preconditions?.resourceVersion;
  if (version !== undefined && version !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${version}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw failedPrecondition(resource, metadata.name, why);
  }
}

function finalizersAfterDelete(present: readonly string[], policy: DeleteOptions['propagationPolicy']): string[] {
  if (policy === undefined) return [...present];
  const others = present.filter((finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion');
  if (policy === 'Orphan') return [...others, 'orphan'];
  return policy === 'Foreground' ? [...others, 'foregroundDeletion'] : others;
}

/** A Pod that no node has, or that has ended, goes at once. */
function podGraceSeconds(pod: Pod, { gracePeriodSeconds }: DeleteOptions): number {
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (pod.spec.nodeName === undefined || ended) return 0;
  const asked =
    gracePeriodSeconds ?? pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return Math.max(0, asked);
}

/** @returns the same object where it is marked so already: a second deletion can only shorten the grace period */
function markDeleted(object: KubernetesObject, finalizers: string[], graceSeconds: number): KubernetesObject {
  const { metadata } = object;
  const { finalizers: before, ...rest } = metadata;
  const marked = metadata.deletionTimestamp !== undefined;
  const shorter = graceSeconds < (metadata.deletionGracePeriodSeconds ?? 0);
  if (marked && !shorter && isDeepStrictEqual(before ?? [], finalizers)) return object;
  const deletion =
    marked && !shorter
      ? {}
      : {
          deletionTimestamp: timestamp(Date.now() + graceSeconds * 1000),
          ...(object.kind !== 'Namespace' && { deletionGracePeriodSeconds: graceSeconds }),
          ...(metadata.generation !== undefined && { generation: metadata.generation + 1 }),
        };
  const copy: KubernetesObject = {
    ...object,
    metadata: { ...rest, ...deletion, ...(finalizers.length > 0 && { finalizers }) },
  };
  if (object.kind === 'Namespace') copy['status'] = { ...(object as Namespace).status, phase: 'Terminating' };
  return copy;
}

function deletedStatus(resource: Resource, { metadata }: KubernetesObject): StatusBody {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(resource.group === '' ? {} : { group: resource.group }),
      kind: resource.plural,
      uid: metadata.uid,
    },
  };
}
