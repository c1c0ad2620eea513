/** Made from openapi/openapi.yaml by `npm run generate`. Not to be edited. */

import createFetchClient from 'openapi-fetch';
import type { Client as FetchClient, ClientOptions as FetchClientOptions } from 'openapi-fetch';
import type { components, operations, paths } from './api.ts';

export type { components, operations, paths };
export type Schemas = components['schemas'];

/** What `CreateContainer` takes: read-only fields left out. */
export type CreateContainerBody = NonNullable<
  operations['CreateContainer']['requestBody']
>['content']['application/json'];

/** What `UpdateContainer` takes: read-only fields left out. */
export type UpdateContainerBody = NonNullable<
  operations['UpdateContainer']['requestBody']
>['content']['application/merge-patch+json'];

export type Client = FetchClient<paths>;

export interface ClientOptions extends FetchClientOptions {
  /** URL of the provider without the path of the API: `http://127.0.0.1:8080`. */
  baseUrl: string;
}

/**
 * A client of the API of this document: Kubernetes container service provider v1alpha1.
 *
 * Every call resolves to `{ data, error, response }`: `data` on success, else `error` with the problem document, whose
 * `type` is a name or a URI as the provider is configured. It rejects only when no answer came. Text is read with
 * `parseAs: 'text'`, or as it comes with `parseAs: 'stream'`.
 */
export function createClient(options: ClientOptions): Client {
  return createFetchClient<paths>({ ...options, baseUrl: options.baseUrl.replace(/\/+$/, '') + '/api/v1alpha1' });
}
