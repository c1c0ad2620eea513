/** The store's objects for tests that need to make, change or look at them without HTTP: the same rules apply. */
import { badRequest } from './api-error.ts';
import { decodeObject } from './decode.ts';
import type { JsonObject, KubernetesObject, ObjectInput } from './objects.ts';
import { mergePatch } from './patch.ts';
import type { DeleteOptions, Registry } from './registry.ts';
import { allResources, apiVersionOf, findResourceOfKind, type Resource } from './resources.ts';

/** An object's place: the plural name of its resource, its namespace (`default` where absent), its name. */
export interface ObjectPlace {
  resource: string;
  namespace?: string;
  name: string;
}

export class SandboxObjects {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Creates the object; `metadata.namespace` is `default` where absent. @throws ApiError */
  create(object: { apiVersion: string; kind: string; metadata: object }): KubernetesObject {
    const resource = findResourceOfKind(object.apiVersion, object.kind);
    if (!resource) throw badRequest(`no kind "${object.kind}" is registered for version "${object.apiVersion}"`);
    const input = decode(resource, object);
    const namespace = resource.namespaced ? (input.metadata?.namespace ?? 'default') : '';
    return this.#registry.create(resource, namespace, input).object;
  }

  /** Applies a JSON merge patch; the status is changed with `subresource` only. @throws ApiError */
  patch(place: ObjectPlace, patch: JsonObject, subresource?: 'status'): KubernetesObject {
    const { resource, namespace } = resolve(place);
    const change = (present: KubernetesObject): ObjectInput => decode(resource, mergePatch(present, patch));
    const options = subresource === undefined ? {} : { subresource };
    return this.#registry.update(resource, namespace, place.name, change, options).object;
  }

  /** @throws ApiError */
  delete(place: ObjectPlace, options: DeleteOptions = {}): void {
    const { resource, namespace } = resolve(place);
    this.#registry.delete(resource, namespace, place.name, options);
  }

  /** @returns nothing where there is no such object */
  get(place: ObjectPlace): KubernetesObject | undefined {
    const { resource, namespace } = resolve(place);
    return this.#registry.store.get(resource, namespace, place.name)?.object;
  }

  /** @param namespace - absent: of all namespaces */
  list(plural: string, namespace = ''): KubernetesObject[] {
    const { resource } = resolve({ resource: plural, name: '' });
    return [...this.#registry.store.versions(resource, namespace)].map((version) => version.object);
  }
}

function resolve(place: ObjectPlace): { resource: Resource; namespace: string } {
  const resource = allResources.find((each) => each.plural === place.resource);
  if (!resource) throw badRequest(`the sandbox has no resource "${place.resource}"`);
  return { resource, namespace: resource.namespaced ? (place.namespace ?? 'default') : '' };
}

function decode(resource: Resource, json: unknown): ObjectInput {
  return decodeObject(resource, json, apiVersionOf(resource)).object;
}
