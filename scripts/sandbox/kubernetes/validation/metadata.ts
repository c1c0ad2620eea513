/** What the API asks of every object's metadata. */
import { isDeepStrictEqual } from 'node:util';
import type { Metadata } from '../objects.ts';
import type { FieldError } from './field-error.ts';
import { forbiddenField, invalidValue, required, tooLong } from './field-error.ts';
import { checkLabelValue, checkQualifiedName } from './names.ts';

/** All annotations of an object together, keys and values. */
const annotationBytes = 256 * 1024;

export function validateMetadata(metadata: Metadata, checkName: (name: string) => string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...checkName(metadata.name).map((why) => invalidValue('metadata.name', metadata.name, why)));
  return [...errors, ...validateMutableMetadata(metadata)];
}

export function validateMetadataUpdate(metadata: Metadata, old: Metadata): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const found = `[]string{${added.map((each) => JSON.stringify(each)).join(', ')}}`;
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${found}`;
      errors.push(forbiddenField('metadata.finalizers', why));
    }
  }
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp'] as const) {
    if (!isDeepStrictEqual(metadata[field], old[field])) {
      errors.push(invalidValue(`metadata.${field}`, metadata[field] ?? null, 'field is immutable'));
    }
  }
  return [...errors, ...validateMutableMetadata(metadata)];
}

function validateMutableMetadata(metadata: Metadata): FieldError[] {
  return [
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(metadata),
    ...(metadata.finalizers ?? []).flatMap((finalizer) =>
      checkQualifiedName(finalizer).map((why) => invalidValue('metadata.finalizers', finalizer, why)),
    ),
  ];
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((why) => invalidValue(field, key, why)),
    ...checkLabelValue(value).map((why) => invalidValue(field, value, why)),
  ]);
}

export function validateAnnotations(annotations: Record<string, string> | undefined, field: string): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) =>
    checkQualifiedName(key.toLowerCase()).map((why) => invalidValue(field, key, why)),
  );
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return bytes > annotationBytes ? [...errors, tooLong(field, annotationBytes)] : errors;
}

function validateOwnerReferences(metadata: Metadata): FieldError[] {
  return (metadata.ownerReferences ?? []).flatMap((owner, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((member) => !owner[member])
      .map((member) => required(`metadata.ownerReferences[${index}].${member}`, 'must not be empty')),
  );
}
