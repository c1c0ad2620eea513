/** Made from openapi/openapi.yaml by `npm run generate`. Not to be edited. */

import type { operations } from './api.ts';

/** Path that all routes are under. */
export const basePath = '/api/v1alpha1';

/** Where each operation is served, and the names of its parameters. `path` is as in the document, `url` as a router takes it. */
export const routes = {
  ListContainers: {
    method: 'GET',
    path: '/containers',
    url: '/api/v1alpha1/containers',
    parameters: { path: [], query: ['max_page_size', 'page_token'] },
  },
  CreateContainer: {
    method: 'POST',
    path: '/containers',
    url: '/api/v1alpha1/containers',
    parameters: { path: [], query: ['id'] },
  },
  GetHealth: {
    method: 'GET',
    path: '/containers/health',
    url: '/api/v1alpha1/containers/health',
    parameters: { path: [], query: [] },
  },
  GetContainer: {
    method: 'GET',
    path: '/containers/{container_id}',
    url: '/api/v1alpha1/containers/:container_id',
    parameters: { path: ['container_id'], query: [] },
  },
  DeleteContainer: {
    method: 'DELETE',
    path: '/containers/{container_id}',
    url: '/api/v1alpha1/containers/:container_id',
    parameters: { path: ['container_id'], query: [] },
  },
} as const;

export type OperationId = keyof typeof routes;

type Content<Response> = Response extends { content: infer Media } ? Media[keyof Media] : undefined;

/** One answer of an operation: a status that the document declares, with the body that it has there. */
type Answer<Responses> = {
  [Status in keyof Responses & number]: Content<Responses[Status]> extends undefined
    ? { status: Status; body?: never }
    : { status: Status; body: Content<Responses[Status]> };
}[keyof Responses & number];

/** What each operation may answer. Everything else is thrown. */
export interface Results {
  ListContainers: Answer<operations['ListContainers']['responses']>;
  CreateContainer: Answer<operations['CreateContainer']['responses']>;
  GetHealth: Answer<operations['GetHealth']['responses']>;
  GetContainer: Answer<operations['GetContainer']['responses']>;
  DeleteContainer: Answer<operations['DeleteContainer']['responses']>;
}

/** What each operation is called with, validated, with defaults set and read-only fields taken out. */
export interface Calls {
  ListContainers: {
    params: Record<never, never>;
    query: {
      max_page_size: NonNullable<NonNullable<operations['ListContainers']['parameters']['query']>['max_page_size']>;
      page_token?: NonNullable<NonNullable<operations['ListContainers']['parameters']['query']>['page_token']>;
    };
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  };
  CreateContainer: {
    params: Record<never, never>;
    query: { id?: NonNullable<NonNullable<operations['CreateContainer']['parameters']['query']>['id']> };
    body: operations['CreateContainer']['requestBody']['content']['application/json'];
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  };
  GetHealth: {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  };
  GetContainer: {
    params: {
      container_id: NonNullable<NonNullable<operations['GetContainer']['parameters']['path']>['container_id']>;
    };
    query: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  };
  DeleteContainer: {
    params: {
      container_id: NonNullable<NonNullable<operations['DeleteContainer']['parameters']['path']>['container_id']>;
    };
    query: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  };
}

export type ListContainersHandler = (call: Calls['ListContainers']) => Promise<Results['ListContainers']>;
export type CreateContainerHandler = (call: Calls['CreateContainer']) => Promise<Results['CreateContainer']>;
export type GetHealthHandler = (call: Calls['GetHealth']) => Promise<Results['GetHealth']>;
export type GetContainerHandler = (call: Calls['GetContainer']) => Promise<Results['GetContainer']>;
export type DeleteContainerHandler = (call: Calls['DeleteContainer']) => Promise<Results['DeleteContainer']>;

/** One handler for every operation of the document. */
export interface Handlers {
  ListContainers: ListContainersHandler;
  CreateContainer: CreateContainerHandler;
  GetHealth: GetHealthHandler;
  GetContainer: GetContainerHandler;
  DeleteContainer: DeleteContainerHandler;
}
