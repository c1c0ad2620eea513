/** Namespaces, and the kinds about which the sandbox has no rules beyond their metadata. */
import type { KubernetesObject, Namespace } from '../objects.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../validation/names.ts';
import type { Kind } from './kind.ts';

export const plainKind: Kind = {
  checkName: checkDns1123Subdomain,
  setDefaults: () => undefined,
  prepareForCreate: () => undefined,
  prepareForUpdate: () => undefined,
  validate: () => [],
  validateUpdate: () => [],
  countsGenerations: false,
  returnsDeleted: false,
};

/** What is written into `stringData` is never given back but as `data`. */
export const secretKind: Kind = {
  ...plainKind,
  setDefaults(object) {
    object['type'] ??= 'Opaque';
    object['data'] = { ...(object['data'] as object | undefined), ...encodedStrings(object) };
    Reflect.deleteProperty(object, 'stringData');
  },
};

function encodedStrings(object: KubernetesObject): Record<string, string> {
  const strings = Object.entries((object['stringData'] as Record<string, string> | undefined) ?? {});
  return Object.fromEntries(strings.map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
}

export const namespaceKind: Kind = {
  ...plainKind,
  checkName: checkDns1123Label,
  setDefaults(object) {
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  prepareForCreate(object) {
    const namespace = object as Namespace;
    namespace.spec = { finalizers: ['kubernetes'] };
    namespace.status = { phase: 'Active' };
  },
  prepareForUpdate(object, old) {
    object['spec'] = old['spec'];
    object['status'] = old['status'];
  },
};
