/** The OpenAPI document as data: loading it, and the few things that are asked of its operations and schemas. */
import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** A JSON schema as OpenAPI 3.0 has it; a reference where `$ref` is set. */
export interface Schema {
  $ref?: string;
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  additionalProperties?: boolean | Schema;
  default?: unknown;
  readOnly?: boolean;
  [keyword: string]: unknown;
}

export interface MediaType {
  schema: Schema;
  example?: unknown;
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  schema: Schema;
}

export interface Response {
  $ref?: string;
  description: string;
  headers?: Record<string, { required?: boolean; schema: Schema }>;
  content?: Record<string, MediaType>;
}

export interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses: Record<string, Response>;
  security?: object[];
}

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string };
  servers?: { url: string }[];
  paths: Record<string, Record<string, unknown>>;
  components?: Record<string, Record<string, unknown>>;
}

/** One operation with its place in the document and all references in its parameters and responses followed. */
export interface ResolvedOperation {
  operationId: string;
  /** Upper case. */
  method: string;
  /** As in the document: `/containers/{container_id}`, without the server's base path. */
  path: string;
  parameters: Parameter[];
  /** Body by media type, references followed; absent where the operation takes none. */
  requestBody?: { required: boolean; content: Record<string, MediaType> };
  /** By status, or `default`. */
  responses: Record<string, Response>;
  /** It asks for no credentials, whatever the others do. */
  isOpen: boolean;
}

const httpMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** Path of a file of this package, from sources and from a build alike. */
export function packageFile(path: string): string {
  const packageJson = findPackageJSON(import.meta.url);
  if (packageJson === undefined) throw new Error('package.json was not found above the sources');
  return join(dirname(packageJson), path);
}

let contract: Promise<OpenApiDocument> | undefined;

/** The contract of our own API, which is read and parsed once: whoever asks has the same document. */
export function loadContract(): Promise<OpenApiDocument> {
  return (contract ??= readContract());
}

/** A build has parsed it already. */
async function readContract(): Promise<OpenApiDocument> {
  const parsed = await readFile(packageFile('openapi/openapi.json'), 'utf8').catch(() => undefined);
  if (parsed !== undefined) return JSON.parse(parsed) as OpenApiDocument;
  return parseDocument(await readFile(packageFile('openapi/openapi.yaml'), 'utf8'));
}

export function parseDocument(text: string): OpenApiDocument {
  return parse(text) as OpenApiDocument;
}

/** Path that all paths of the document are under, without a trailing slash: `/api/v1alpha1`. */
export function basePathOf(document: OpenApiDocument): string {
  const url = document.servers?.[0]?.url ?? '';
  return new URL(url, 'http://localhost').pathname.replace(/\/$/, '');
}

/**
 * A path of the document as the router takes it: `/containers/{container_id}` becomes `/containers/:container_id`. Where a
 * custom method follows (AEP-136), as in `/containers/{container_id}:wait`, the parameter takes what may stand in an id and
 * nothing else: two parameters without a pattern at one place would clash, and what does not match it reaches the other.
 */
export function routerUrl(path: string): string {
  return path.replace(/\{(\w+)\}(:?)/g, (_, name: string, colon: string) =>
    colon === '' ? `:${name}` : `:${name}(^[a-z0-9-]+)::`,
  );
}

/**
 * A copy of a part of the document in which every `$ref` is replaced by what it names. The document has no recursion.
 *
 * @param inlined - what was inlined before, by its reference: it is shared, so that nobody may change it
 */
export function inlineReferences<T>(document: OpenApiDocument, part: T, inlined = new Map<string, unknown>()): T {
  if (Array.isArray(part)) return part.map((item: unknown) => inlineReferences(document, item, inlined)) as T;
  if (typeof part !== 'object' || part === null) return part;
  if ('$ref' in part && typeof part.$ref === 'string') {
    if (!inlined.has(part.$ref))
      inlined.set(part.$ref, inlineReferences(document, follow(document, part.$ref), inlined));
    return inlined.get(part.$ref) as T;
  }
  const members = Object.entries(part).map(([key, value]) => [
    key,
    inlineReferences<unknown>(document, value, inlined),
  ]);
  return Object.fromEntries(members) as T;
}

function follow(document: OpenApiDocument, reference: string): unknown {
  let target: unknown = document;
  for (const segment of reference.replace(/^#\//, '').split('/')) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    target = (target as Record<string, unknown> | undefined)?.[key];
  }
  if (target === undefined) throw new Error(`the document has no ${reference}`);
  return target;
}

/** All operations, in the order of the document. */
export function operationsOf(document: OpenApiDocument): ResolvedOperation[] {
  const inlined = new Map<string, unknown>();
  return Object.entries(document.paths).flatMap(([path, item]) =>
    httpMethods
      .filter((method) => method in item)
      .map((method) => {
        const inline: Inline = <T extends object>(part: T): T => inlineReferences(document, part, inlined);
        return resolveOperation(inline, method, path, item as unknown as Record<string, Operation>);
      }),
  );
}

type Inline = <T extends object>(part: T) => T;

function resolveOperation(
  inline: Inline,
  method: string,
  path: string,
  item: Record<string, Operation>,
): ResolvedOperation {
  const operation = inline(item[method]!);
  const shared = inline((item['parameters'] ?? []) as unknown as Parameter[]);
  return {
    operationId: operation.operationId,
    method: method.toUpperCase(),
    path,
    parameters: [...shared, ...(operation.parameters ?? [])],
    ...(operation.requestBody && {
      requestBody: { required: operation.requestBody.required ?? false, content: operation.requestBody.content },
    }),
    responses: operation.responses,
    isOpen: operation.security?.length === 0,
  };
}

/**
 * A copy of an inlined schema for requests, where read-only properties do not count: they are neither described nor
 * required any more. In an open object they so become unknown fields, which are accepted whatever they hold.
 */
export function withoutReadOnly(schema: Schema): Schema {
  const { properties = {}, required, ...rest } = schema;
  const kept = Object.entries(properties).filter(([, property]) => !property.readOnly);
  const keptRequired = required?.filter((name) => !properties[name]?.readOnly) ?? [];
  return {
    ...rest,
    ...(schema.items && { items: withoutReadOnly(schema.items) }),
    ...(schema.properties && {
      properties: Object.fromEntries(kept.map(([name, property]) => [name, withoutReadOnly(property)])),
    }),
    ...(keptRequired.length > 0 && { required: keptRequired }),
  };
}

/** Where the read-only properties of an inlined schema are, as lists of property names; those within arrays are not found. */
export function readOnlyPaths(schema: Schema, prefix: readonly string[] = []): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    property.readOnly ? [[...prefix, name]] : readOnlyPaths(property, [...prefix, name]),
  );
}
