/** Bindings of a document's operations: where each is served, and the type that its handler must have. */
import { basePathOf, operationsOf, routerUrl } from '../../src/http/contract/document.ts';
import type { OpenApiDocument, Parameter, ResolvedOperation } from '../../src/http/contract/document.ts';

export function generateRoutes(document: OpenApiDocument): string {
  const operations = operationsOf(document);
  return `
    import type { Readable } from 'node:stream';
    import type { operations } from './api.ts';

    /** Path that all routes are under. */
    export const basePath = ${JSON.stringify(basePathOf(document))};

    /** Where each operation is served, as the router takes it: below \`basePath\`, parameters as \`:name\`. */
    export const routes = {
      ${operations.map(({ operationId, method, path }) => `${operationId}: ${JSON.stringify({ method, url: routerUrl(path) })},`).join('\n')}
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
      ${operations.map((operation) => `${operation.operationId}: (call: ${callType(operation)}) => Promise<Answer<operations['${operation.operationId}']['responses']>>;`).join('\n')}
    }
  `;
}

function callType(operation: ResolvedOperation): string {
  return `{
    params: ${parametersType(operation, 'path')};
    query: ${parametersType(operation, 'query')};
    headers: ${parametersType(operation, 'header')};
    body: ${bodyType(operation)};
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
    /** Has one thing told when the signal is aborted, or would be if it was asked for; at once where that was before. */
    onAbort(abortable: { abort(reason: Error): void }): void;
    /** Lets the answer take as long as it does. */
    outlast(): void;
    /** Names the container of a request whose client does not, for the log. */
    chose(containerId: string): void;
  }`;
}

function parametersType(operation: ResolvedOperation, place: Parameter['in']): string {
  const parameters = operation.parameters.filter((parameter) => parameter.in === place);
  if (parameters.length === 0) return 'Record<never, never>';
  const declared = `NonNullable<operations['${operation.operationId}']['parameters']['${place}']>`;
  const fields = parameters.map(({ name, required, schema }) => {
    const present = required === true || schema.default !== undefined;
    return `${JSON.stringify(name)}${present ? '' : '?'}: NonNullable<${declared}[${JSON.stringify(name)}]>;`;
  });
  return `{ ${fields.join(' ')} }`;
}

function bodyType(operation: ResolvedOperation): string {
  if (!operation.requestBody) return 'undefined';
  const types = Object.keys(operation.requestBody.content).map((mediaType) => `'${mediaType}'`);
  const declared = `operations['${operation.operationId}']['requestBody']`;
  return operation.requestBody.required
    ? `${declared}['content'][${types.join(' | ')}]`
    : `NonNullable<${declared}>['content'][${types.join(' | ')}] | undefined`;
}
