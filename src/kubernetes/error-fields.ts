/** From the fields of Kubernetes objects, as errors name them, to pointers into the request. */
import type { Violation } from '../containers/errors.ts';
import type { ContainerSpec } from '../containers/container.ts';
import { deploymentPointers } from './objects/deployment.ts';
import type { FieldPointers } from './objects/object.ts';
import { servicePointers } from './objects/service.ts';
import type { StatusCause } from './api/resources.ts';

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
