/** Kubernetes objects as they travel: JSON, so that times are strings, typed from the official client's models. */
import type { V1Deployment, V1Pod, V1Service } from '@kubernetes/client-node';

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

/** The kinds of objects that the provider works with, by their resource name. */
export interface Resources {
  deployments: Deployment;
  services: Service;
  pods: Pod;
}
export type Resource = keyof Resources;

/** Where the namespaced resources of a kind live under the API server's address. */
export const apiPaths: Record<Resource, string> = {
  deployments: '/apis/apps/v1',
  services: '/api/v1',
  pods: '/api/v1',
};

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
