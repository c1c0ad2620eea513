/** Bindings of a document's operations: where each is served, and the type that its handler must have. */
import { basePath, operationsOf } from '../../src/http/document.ts';
import type { OpenApiDocument, Parameter, ResolvedOperation } from '../../src/http/document.ts';

export function generateRoutes(document: OpenApiDocument): string {
  const operations = operationsOf(document);
  return `
    import type { operations } from './api.ts';

    /** Path that all routes are under. */
    export const basePath = ${JSON.stringify(basePath(document))};

    /** Where each operation is served, and the names of its parameters. \`path\` is as in the document, \`url\` as a router takes it. */
    export const routes = {
      ${operations.map((operation) => `${operation.operationId}: ${JSON.stringify(routeOf(document, operation))},`).join('\n')}
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
      ${operations.map(({ operationId: id }) => `${id}: Answer<operations['${id}']['responses']>;`).join('\n')}
    }

    /** What each operation is called with, validated, with defaults set and read-only fields taken out. */
    export interface Calls {
      ${operations.map((operation) => `${operation.operationId}: ${callType(operation)};`).join('\n')}
    }

    ${operations.map(({ operationId: id }) => `export type ${id}Handler = (call: Calls['${id}']) => Promise<Results['${id}']>;`).join('\n')}

    /** One handler for every operation of the document. */
    export interface Handlers {
      ${operations.map(({ operationId: id }) => `${id}: ${id}Handler;`).join('\n')}
    }
  `;
}

function routeOf(document: OpenApiDocument, operation: ResolvedOperation): object {
  const names = (place: Parameter['in']) => operation.parameters.filter((p) => p.in === place).map((p) => p.name);
  return {
    method: operation.method,
    path: operation.path,
    url: basePath(document) + operation.path.replace(/\{(\w+)\}/g, ':$1'),
    parameters: { path: names('path'), query: names('query') },
  };
}

function callType(operation: ResolvedOperation): string {
  return `{
    params: ${parametersType(operation, 'path')};
    query: ${parametersType(operation, 'query')};
    body: ${bodyType(operation)};
    /** Aborted when the client leaves or the time for the request is up. */
    signal: AbortSignal;
  }`;
}

function parametersType(operation: ResolvedOperation, place: 'path' | 'query'): string {
  const parameters = operation.parameters.filter((parameter) => parameter.in === place);
  if (parameters.length === 0) return 'Record<never, never>';
  const declared = `NonNullable<operations['${operation.operationId}']['parameters']['${place}']>`;
  const fields = parameters.map(({ name, required, schema }) => {
    const present = required === true || schema.default !== undefined;
    return `${name}${present ? '' : '?'}: NonNullable<${declared}['${name}']>;`;
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
