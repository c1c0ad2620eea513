/** The API resource and its identity. Its shape is the contract's; these names keep the rest of the service off the generated paths. */
import type { components } from '../../generated/api.ts';

export type Container = components['schemas']['Container'];
export type ContainerSpec = components['schemas']['ContainerSpec'];
export type ContainerService = components['schemas']['ContainerService'];
export type ContainerEndpoint = components['schemas']['ContainerEndpoint'];
export type ContainerPort = components['schemas']['ContainerPort'];
export type ContainerStatus = components['schemas']['ContainerStatus'];
export type ContainerList = components['schemas']['ContainerList'];

/** Whether a container may have this id: 1 to 63 lower-case letters, digits and hyphens, none of these at an end. */
export function isContainerId(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** The path of the resource, as AEP-122 wants it: relative to the API's base path, without a leading slash. */
export function containerPath(id: string): string {
  return `containers/${id}`;
}
