/** Kubernetes objects as they travel: JSON, so that times are strings, typed from the official client's models. */
import type { V1Deployment, V1Lease, V1Namespace, V1Pod, V1Service } from '@kubernetes/client-node';

/** A model of the official client as the API server writes it. */
type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export type Deployment = Wire<V1Deployment>;
export type Pod = Wire<V1Pod>;
export type Service = Wire<V1Service>;
export type Lease = Wire<V1Lease>;
export type Namespace = Wire<V1Namespace>;

/** The kinds of objects that the provider works with, by their resource name. */
export interface Resources {
  deployments: Deployment;
  services: Service;
  pods: Pod;
  leases: Lease;
  namespaces: Namespace;
}
export type Resource = keyof Resources;

/** The kinds that containers are made of: these are watched, and read from memory. */
export type CachedKind = 'deployments' | 'services' | 'pods';

/** How the API server's paths name a kind. */
export interface ResourceDescriptor {
  /** Empty: the core group. */
  group: string;
  version: string;
  plural: string;
  /** What its objects call themselves. */
  kind: string;
  namespaced: boolean;
}

export const resources: { readonly [Kind in Resource]: ResourceDescriptor & { plural: Kind } } = {
  deployments: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
  services: { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true },
  pods: { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
  namespaces: { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false },
};

/** The path of all objects of a kind; of those in the namespace, where objects of the kind have one. */
export function resourcePath({ group, version, plural, namespaced }: ResourceDescriptor, namespace: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}` : `${root}/${plural}`;
}

/** What Kubernetes answers in place of an object, mostly when it refuses. */
export interface Status {
  kind: 'Status';
  code?: number;
  reason?: string;
  message?: string;
  details?: {
    kind?: string;
    name?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: StatusCause[];
  };
}

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}
