/**
 * The objects, by resource, namespace and name, with one counter of versions over all of them and a bounded history of
 * changes from which watches resume. It knows nothing of what an object means.
 */
import type { KubernetesObject } from './objects.ts';
import { allResources, type Resource } from './resources.ts';

/** One version of an object. Its JSON is made once, however many lists and watches send it. */
export class StoredVersion {
  readonly object: KubernetesObject;
  readonly resourceVersion: number;
  #json: string | undefined;

  constructor(object: KubernetesObject, resourceVersion: number) {
    this.object = object;
    this.resourceVersion = resourceVersion;
  }

  get json(): string {
    this.#json ??= JSON.stringify(this.object);
    return this.#json;
  }

  /** As an item of a list, which does not repeat its kind and version. */
  get itemJson(): string {
    const { apiVersion, kind } = this.object;
    const head = `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},`;
    return this.json.startsWith(head) ? `{${this.json.slice(head.length)}` : this.json;
  }
}

export class StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: Resource;
  /** What the object is after the change; for a deletion its last state under the deletion's version. */
  readonly version: StoredVersion;
  /** What the object was before; absent for ADDED. */
  readonly previous: StoredVersion | undefined;
  #asDeleted: StoredVersion | undefined;

  constructor(type: StoreEvent['type'], resource: Resource, version: StoredVersion, previous?: StoredVersion) {
    this.type = type;
    this.resource = resource;
    this.version = version;
    this.previous = previous;
  }

  /** The former state under the change's version: what a watch is told to which the object has ceased to belong. */
  get asDeleted(): StoredVersion {
    const { object } = this.previous ?? this.version;
    const { resourceVersion } = this.version;
    this.#asDeleted ??= new StoredVersion(
      { ...object, metadata: { ...object.metadata, resourceVersion: String(resourceVersion) } },
      resourceVersion,
    );
    return this.#asDeleted;
  }
}

export type StoreListener = (event: StoreEvent) => void;

interface Table {
  byKey: Map<string, StoredVersion>;
  byNamespace: Map<string, Map<string, StoredVersion>>;
  /** Oldest first; `resourceVersion` rises strictly. */
  history: StoreEvent[];
  /** Changes up to this version are no longer known. */
  historyFloor: number;
  listeners: Set<StoreListener>;
}

export interface StoreOptions {
  /** How many changes of each resource are kept for watches to resume from; twice as many are held at most. */
  historyLimit: number;
}

export class Store {
  readonly #tables = new Map<Resource, Table>();
  readonly #dependents = new Map<string, Map<string, { resource: Resource; key: string }>>();
  readonly #historyLimit: number;
  #version = 1;

  constructor(options: StoreOptions) {
    this.#historyLimit = options.historyLimit;
    for (const resource of allResources) {
      this.#tables.set(resource, {
        byKey: new Map(),
        byNamespace: new Map(),
        history: [],
        historyFloor: 0,
        listeners: new Set(),
      });
    }
  }

  /** The version of the last change. */
  get resourceVersion(): number {
    return this.#version;
  }

  get(resource: Resource, namespace: string, name: string): StoredVersion | undefined {
    return this.#table(resource).byKey.get(keyOf(namespace, name));
  }

  /** @param namespace - empty: all namespaces. In no particular order. */
  versions(resource: Resource, namespace = ''): Iterable<StoredVersion> {
    const table = this.#table(resource);
    return namespace === '' ? table.byKey.values() : (table.byNamespace.get(namespace)?.values() ?? []);
  }

  count(resource: Resource, namespace = ''): number {
    const table = this.#table(resource);
    return namespace === '' ? table.byKey.size : (table.byNamespace.get(namespace)?.size ?? 0);
  }

  /** The objects that name an owner of this uid. */
  dependentsOf(uid: string): { resource: Resource; version: StoredVersion }[] {
    const found: { resource: Resource; version: StoredVersion }[] = [];
    for (const { resource, key } of this.#dependents.get(uid)?.values() ?? []) {
      const version = this.#table(resource).byKey.get(key);
      if (version) found.push({ resource, version });
    }
    return found;
  }

  /** Adds the object, or replaces the one of its name, and tells the watches. The object must be the caller's to give away. */
  put(resource: Resource, object: KubernetesObject): StoredVersion {
    const table = this.#table(resource);
    const key = keyOfObject(object);
    const previous = table.byKey.get(key);
    const version = this.#nextVersion(object);
    table.byKey.set(key, version);
    const namespace = object.metadata.namespace ?? '';
    const inNamespace = table.byNamespace.get(namespace);
    if (inNamespace) inNamespace.set(key, version);
    else table.byNamespace.set(namespace, new Map([[key, version]]));
    this.#indexOwners(resource, key, previous?.object, object);
    this.#record(table, new StoreEvent(previous ? 'MODIFIED' : 'ADDED', resource, version, previous));
    return version;
  }

  remove(resource: Resource, namespace: string, name: string): StoredVersion | undefined {
    const table = this.#table(resource);
    const key = keyOf(namespace, name);
    const previous = table.byKey.get(key);
    if (!previous) return undefined;
    table.byKey.delete(key);
    const inNamespace = table.byNamespace.get(namespace);
    inNamespace?.delete(key);
    if (inNamespace?.size === 0) table.byNamespace.delete(namespace);
    this.#indexOwners(resource, key, previous.object, undefined);
    const version = this.#nextVersion({ ...previous.object, metadata: { ...previous.object.metadata } });
    this.#record(table, new StoreEvent('DELETED', resource, version, previous));
    return version;
  }

  /** Calls back with every change of the resource, in order, until the returned function is called. */
  listen(resource: Resource, listener: StoreListener): () => void {
    const { listeners } = this.#table(resource);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** The changes after a version, or nothing where they are no longer known. */
  changesSince(resource: Resource, resourceVersion: number): StoreEvent[] | undefined {
    const { history, historyFloor } = this.#table(resource);
    if (resourceVersion < historyFloor) return undefined;
    let low = 0;
    let high = history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((history[middle]?.version.resourceVersion ?? 0) > resourceVersion) high = middle;
      else low = middle + 1;
    }
    return history.slice(low);
  }

  /** Forgets the history: every version that was given out before has expired. */
  compact(): void {
    this.#version += 1;
    for (const table of this.#tables.values()) {
      table.history = [];
      table.historyFloor = this.#version;
    }
  }

  #table(resource: Resource): Table {
    const table = this.#tables.get(resource);
    if (!table) throw new Error(`the store has no table for ${resource.plural}`);
    return table;
  }

  #nextVersion(object: KubernetesObject): StoredVersion {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    return new StoredVersion(object, this.#version);
  }

  #record(table: Table, event: StoreEvent): void {
    table.history.push(event);
    if (table.history.length > 2 * this.#historyLimit) {
      const dropped = table.history.splice(0, table.history.length - this.#historyLimit);
      table.historyFloor = dropped.at(-1)?.version.resourceVersion ?? table.historyFloor;
    }
    for (const listener of table.listeners) listener(event);
  }

  #indexOwners(resource: Resource, key: string, before?: KubernetesObject, after?: KubernetesObject): void {
    const oldOwners = before?.metadata.ownerReferences;
    const newOwners = after?.metadata.ownerReferences;
    if (oldOwners === newOwners) return;
    const id = `${resource.plural}/${key}`;
    for (const { uid } of oldOwners ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(id);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
    for (const { uid } of newOwners ?? []) {
      const dependents = this.#dependents.get(uid);
      if (dependents) dependents.set(id, { resource, key });
      else this.#dependents.set(uid, new Map([[id, { resource, key }]]));
    }
  }
}

/** Sorts as the API server's storage does: by namespace, then by name. */
export function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

export function keyOfObject(object: KubernetesObject): string {
  return keyOf(object.metadata.namespace ?? '', object.metadata.name);
}
