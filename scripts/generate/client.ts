/** The client that is typed from the document. */
import { basePathOf, operationsOf } from '../../src/http/contract/document.ts';
import type { OpenApiDocument, ResolvedOperation } from '../../src/http/contract/document.ts';

export function generateClient(document: OpenApiDocument): string {
  return `
    import createFetchClient from 'openapi-fetch';
    import type { Client as FetchClient, ClientOptions as FetchClientOptions } from 'openapi-fetch';
    import type { components, operations, paths } from './api.ts';

    export type { components, operations, paths };
    export type Schemas = components['schemas'];
    ${operationsOf(document)
      .filter(({ requestBody }) => requestBody)
      .map(bodyType)
      .join('\n')}
    export type Client = FetchClient<paths>;

    export interface ClientOptions extends FetchClientOptions {
      /** URL of the provider without the path of the API: \`http://127.0.0.1:8080\`. */
      baseUrl: string;
    }

    /**
     * A client of the API of this document: ${document.info.title} ${document.info.version}.
     *
     * Every call resolves to \`{ data, error, response }\`: \`data\` on success, else \`error\` with the problem document, whose
     * \`type\` is a name or a URI as the provider is configured. It rejects only when no answer came. Text is read with
     * \`parseAs: 'text'\`, or as it comes with \`parseAs: 'stream'\`.
     */
    export function createClient(options: ClientOptions): Client {
      return createFetchClient<paths>({ ...options, baseUrl: options.baseUrl.replace(/\\/+$/, '') + ${JSON.stringify(basePathOf(document))} });
    }
  `;
}

function bodyType({ operationId, requestBody }: ResolvedOperation): string {
  const [mediaType] = Object.keys(requestBody!.content);
  return `
    /** What \`${operationId}\` takes: read-only fields left out. */
    export type ${operationId}Body = NonNullable<operations['${operationId}']['requestBody']>['content']['${mediaType}'];
  `;
}
