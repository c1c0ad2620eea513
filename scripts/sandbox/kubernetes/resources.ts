/** The resources that the sandbox serves, and what tells them apart. */

export interface Resource {
  /** Empty for the core group. */
  group: string;
  version: string;
  /** The name in paths, such as `deployments`. */
  plural: string;
  singular: string;
  kind: string;
  shortNames: string[];
  /** Groups of resources that kubectl knows, such as `all`. */
  categories: string[];
  namespaced: boolean;
  /** The class of client-node that describes the kind's fields. */
  model: string;
  subresources: ('status' | 'scale' | 'finalize' | 'log')[];
}

const core = { group: '', version: 'v1', namespaced: true, shortNames: [], categories: [], subresources: [] };
const apps = { ...core, group: 'apps', categories: ['all'] };

export const namespaces: Resource = {
  ...core,
  plural: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  model: 'V1Namespace',
  subresources: ['status', 'finalize'],
};
export const pods: Resource = {
  ...core,
  plural: 'pods',
  singular: 'pod',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  model: 'V1Pod',
  subresources: ['status', 'log'],
};
export const services: Resource = {
  ...core,
  plural: 'services',
  singular: 'service',
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  model: 'V1Service',
  subresources: ['status'],
};
export const events: Resource = {
  ...core,
  plural: 'events',
  singular: 'event',
  kind: 'Event',
  shortNames: ['ev'],
  model: 'CoreV1Event',
};
export const serviceAccounts: Resource = {
  ...core,
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  model: 'V1ServiceAccount',
};
export const configMaps: Resource = {
  ...core,
  plural: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  model: 'V1ConfigMap',
};
export const secrets: Resource = {
  ...core,
  plural: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  model: 'V1Secret',
};
export const deployments: Resource = {
  ...apps,
  plural: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  shortNames: ['deploy'],
  model: 'V1Deployment',
  subresources: ['status', 'scale'],
};
export const replicaSets: Resource = {
  ...apps,
  plural: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  model: 'V1ReplicaSet',
  subresources: ['status', 'scale'],
};

export const leases: Resource = {
  ...core,
  group: 'coordination.k8s.io',
  plural: 'leases',
  singular: 'lease',
  kind: 'Lease',
  model: 'V1Lease',
};

export const allResources: readonly Resource[] = [
  namespaces,
  pods,
  services,
  events,
  serviceAccounts,
  configMaps,
  secrets,
  deployments,
  replicaSets,
  leases,
];

export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** As error messages name it: `deployments.apps`, `pods`. */
export function qualifiedResource(resource: Resource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** As error messages name it: `Deployment.apps`, `Pod`. */
export function qualifiedKind(resource: Resource): string {
  return resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
}

export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return allResources.find(
    (resource) => resource.group === group && resource.version === version && resource.plural === plural,
  );
}

/** Finds a resource by the kind that objects carry, for the use of tests that hold nothing but the object. */
export function findResourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return allResources.find((resource) => apiVersionOf(resource) === apiVersion && resource.kind === kind);
}
