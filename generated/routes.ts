/** Made from openapi/openapi.yaml by `npm run generate`. Not to be edited. */

import type { Readable } from 'node:stream';
import type { operations } from './api.ts';

/** Path that all routes are under. */
export const basePath = '/api/v1alpha1';

/** Where each operation is served, as the router takes it: below `basePath`, parameters as `:name`. */
export const routes = {
  ListContainers: { method: 'GET', url: '/containers' },
  CreateContainer: { method: 'POST', url: '/containers' },
  GetHealth: { method: 'GET', url: '/containers/health' },
  GetContainer: { method: 'GET', url: '/containers/:container_id' },
  DeleteContainer: { method: 'DELETE', url: '/containers/:container_id' },
  UpdateContainer: { method: 'PATCH', url: '/containers/:container_id' },
  RestartContainer: { method: 'POST', url: '/containers/:container_id(^[a-z0-9-]+)::restart' },
  WaitContainer: { method: 'GET', url: '/containers/:container_id(^[a-z0-9-]+)::wait' },
  LogsContainer: { method: 'GET', url: '/containers/:container_id(^[a-z0-9-]+)::logs' },
} as const;

export type OperationId = keyof typeof routes;

/** Text is a stream of it. */
type Content<Response> = Response extends { content: infer Media }
  ? 'text/plain' extends keyof Media
    ? Readable
    : Media[keyof Media]
  : undefined;

/** One answer of an operation: a status that the document declares, with the body that it has there, and headers. */
type Answer<Responses> = {
  [Status in keyof Responses & number]: Content<Responses[Status]> extends undefined
    ? { status: Status; headers?: Record<string, string>; body?: never }
    : { status: Status; headers?: Record<string, string>; body: Content<Responses[Status]> };
}[keyof Responses & number];

/**
 * One handler for every operation of the document. It is called with a request that is valid, with defaults set and
 * read-only fields taken out, and answers what the document declares; everything else is thrown.
 */
export interface Handlers {
  ListContainers: (call: {
    params: Record<never, never>;
    query: {
      max_page_size: NonNullable<NonNullable<operations['ListContainers']['parameters']['query']>['max_page_size']>;
      page_token?: NonNullable<NonNullable<operations['ListContainers']['parameters']['query']>['page_token']>;
      filter?: NonNullable<NonNullable<operations['ListContainers']['parameters']['query']>['filter']>;
    };
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['ListContainers']['responses']>>;
  CreateContainer: (call: {
    params: Record<never, never>;
    query: {
      id?: NonNullable<NonNullable<operations['CreateContainer']['parameters']['query']>['id']>;
      validate_only: NonNullable<NonNullable<operations['CreateContainer']['parameters']['query']>['validate_only']>;
    };
    headers: {
      'Idempotency-Key'?: NonNullable<
        NonNullable<operations['CreateContainer']['parameters']['header']>['Idempotency-Key']
      >;
    };
    body: operations['CreateContainer']['requestBody']['content']['application/json'];
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['CreateContainer']['responses']>>;
  GetHealth: (call: {
    params: Record<never, never>;
    query: Record<never, never>;
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['GetHealth']['responses']>>;
  GetContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['GetContainer']['parameters']['path']>['container_id']>;
    };
    query: Record<never, never>;
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['GetContainer']['responses']>>;
  DeleteContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['DeleteContainer']['parameters']['path']>['container_id']>;
    };
    query: Record<never, never>;
    headers: {
      'Idempotency-Key'?: NonNullable<
        NonNullable<operations['DeleteContainer']['parameters']['header']>['Idempotency-Key']
      >;
    };
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['DeleteContainer']['responses']>>;
  UpdateContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['UpdateContainer']['parameters']['path']>['container_id']>;
    };
    query: {
      validate_only: NonNullable<NonNullable<operations['UpdateContainer']['parameters']['query']>['validate_only']>;
    };
    headers: {
      'If-Match'?: NonNullable<NonNullable<operations['UpdateContainer']['parameters']['header']>['If-Match']>;
    };
    body: operations['UpdateContainer']['requestBody']['content']['application/merge-patch+json'];
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['UpdateContainer']['responses']>>;
  RestartContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['RestartContainer']['parameters']['path']>['container_id']>;
    };
    query: Record<never, never>;
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['RestartContainer']['responses']>>;
  WaitContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['WaitContainer']['parameters']['path']>['container_id']>;
    };
    query: {
      status: NonNullable<NonNullable<operations['WaitContainer']['parameters']['query']>['status']>;
      timeout: NonNullable<NonNullable<operations['WaitContainer']['parameters']['query']>['timeout']>;
    };
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['WaitContainer']['responses']>>;
  LogsContainer: (call: {
    params: {
      container_id: NonNullable<NonNullable<operations['LogsContainer']['parameters']['path']>['container_id']>;
    };
    query: {
      tail_lines: NonNullable<NonNullable<operations['LogsContainer']['parameters']['query']>['tail_lines']>;
      since?: NonNullable<NonNullable<operations['LogsContainer']['parameters']['query']>['since']>;
      previous: NonNullable<NonNullable<operations['LogsContainer']['parameters']['query']>['previous']>;
      timestamps: NonNullable<NonNullable<operations['LogsContainer']['parameters']['query']>['timestamps']>;
      follow: NonNullable<NonNullable<operations['LogsContainer']['parameters']['query']>['follow']>;
    };
    headers: Record<never, never>;
    body: undefined;
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }) => Promise<Answer<operations['LogsContainer']['responses']>>;
}
