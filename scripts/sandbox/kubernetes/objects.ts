/** The shapes of the API's objects as they are on the wire and in the store. A stored object is never altered: a write replaces it. */
import type {
  V1DeploymentSpec,
  V1DeploymentStatus,
  V1NamespaceSpec,
  V1NamespaceStatus,
  V1ObjectMeta,
  V1PodSpec,
  V1PodStatus,
  V1ReplicaSetSpec,
  V1ReplicaSetStatus,
  V1ServiceSpec,
  V1ServiceStatus,
} from '@kubernetes/client-node';

/** A type of client-node as it is in JSON, where dates are strings. */
export type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export type JsonObject = Record<string, unknown>;

export type Metadata = Omit<Wire<V1ObjectMeta>, 'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'> & {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
};

/** Any object that is in the store. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  [field: string]: unknown;
}

/** An object as a client sends it, decoded: only the fields that its kind has, but nothing filled in yet. */
export interface ObjectInput {
  apiVersion?: string;
  kind?: string;
  metadata?: Wire<V1ObjectMeta>;
  [field: string]: unknown;
}

interface Of<Spec, Status> {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec: Spec;
  status?: Status;
  [field: string]: unknown;
}

export type Deployment = Of<Wire<V1DeploymentSpec>, Wire<V1DeploymentStatus>>;
export type ReplicaSet = Of<Wire<V1ReplicaSetSpec>, Wire<V1ReplicaSetStatus>>;
export type Pod = Of<Wire<V1PodSpec>, Wire<V1PodStatus>>;
export type Service = Of<Wire<V1ServiceSpec>, Wire<V1ServiceStatus>>;
export type Namespace = Of<Wire<V1NamespaceSpec>, Wire<V1NamespaceStatus>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The time as the API writes it: RFC 3339 in whole seconds. */
export function timestamp(milliseconds: number = Date.now()): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
