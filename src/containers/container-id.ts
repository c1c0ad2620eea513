/** The identity of a container. */
import { randomUUID } from 'node:crypto';

/** 1 to 63 lower-case letters, digits and inner hyphens: a DNS label. */
const containerIdPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function isContainerId(text: string): boolean {
  return containerIdPattern.test(text);
}

/** An id for a container whose client did not choose one. */
export function randomContainerId(): string {
  return randomUUID();
}

/** The path of the resource, as AEP-122 wants it: relative to the API's base path, without a leading slash. */
export function containerPath(id: string): string {
  return `containers/${id}`;
}
