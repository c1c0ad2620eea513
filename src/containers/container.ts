/** The API resource. Its shape is the contract's; these names keep the rest of the service off the generated paths. */
import type { components } from '../../generated/api.ts';

export type Container = components['schemas']['Container'];
export type ContainerSpec = components['schemas']['ContainerSpec'];
export type ContainerService = components['schemas']['ContainerService'];
export type ContainerEndpoint = components['schemas']['ContainerEndpoint'];
export type ContainerPort = components['schemas']['ContainerPort'];
export type ContainerStatus = components['schemas']['ContainerStatus'];
export type ContainerList = components['schemas']['ContainerList'];
