/** What the registry asks of a kind: the rules by which its objects are filled in, checked and replaced. */
import type { KubernetesObject } from '../objects.ts';
import type { FieldError } from '../validation/field-error.ts';

export interface Kind {
  /** What is wrong with a name; nothing where it will do. */
  checkName: (name: string) => string[];
  /** Sets the fields that the API server sets where they are absent. Alters the object. */
  setDefaults: (object: KubernetesObject) => void;
  /** Sets what a new object has whatever was sent: its first status above all. Alters the object. */
  prepareForCreate: (object: KubernetesObject) => void;
  /** Carries over what an update may not change, the status above all. Alters the object. */
  prepareForUpdate: (object: KubernetesObject, old: KubernetesObject) => void;
  validate: (object: KubernetesObject) => FieldError[];
  validateUpdate: (object: KubernetesObject, old: KubernetesObject) => FieldError[];
  /** Whether `metadata.generation` counts the changes of the spec. */
  countsGenerations: boolean;
  /** Whether a deletion answers with the object where nothing keeps it; a `Status` else. */
  returnsDeleted: boolean;
}
