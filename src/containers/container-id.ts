/** The identity of a container. */
import { randomUUID } from 'node:crypto';

/** An id for a container whose client did not choose one. */
export function randomContainerId(): string {
  return randomUUID();
}

/** The path of the resource, as AEP-122 wants it: relative to the API's base path, without a leading slash. */
export function containerPath(id: string): string {
  return `containers/${id}`;
}
