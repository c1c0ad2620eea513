/** Validates the parts of a request as the contract describes them, in one pass: all that is wrong is found at once. */
import type { ValidateFunction } from 'ajv';
import { InvalidArgumentError, maxViolations } from '../../containers/errors.ts';
import type { Violation } from '../../containers/errors.ts';
import { hasInexactNumbers, isObject, parseExactly } from '../../containers/json.ts';
import { parseInteger } from '../../containers/units.ts';
import { readOnlyPaths, withoutReadOnly } from './document.ts';
import type { Parameter, ResolvedOperation, Schema } from './document.ts';
import { createSchemaCompiler } from './schema-compiler.ts';
import type { CompileSchema } from './schema-compiler.ts';
import { violationOf, firstOfEachPlace, inDocumentOrder, ofOwnType } from './violations.ts';

export interface RequestParts {
  params: unknown;
  query: unknown;
  /** By the names that the contract gives them. */
  headers: unknown;
  body: unknown;
}

/** A request as it arrived: parameters are strings, or arrays of strings where one was given more than once. */
export interface ArrivedRequest {
  params: unknown;
  query: unknown;
  body: unknown;
  /** The text of the body where its numbers are not all in `body` as they were written. */
  exactBody?: string | undefined;
  raw: { headersDistinct: NodeJS.Dict<string[]> };
}

/** Rules that the schema cannot say. They see every request as it arrived, whether or not its schema holds. */
export type Rules = (request: ArrivedRequest) => Violation[];

/** One part of a request, as its schema has it. What is wrong with it is added to `violations`. */
type Reader<Part = ArrivedRequest> = (request: Part, violations: Violation[], broken: readonly Violation[]) => unknown;

/**
 * The one function that validates the requests of an operation. What it gives has parameters typed, with their defaults
 * and without unknown ones, and the body as it was sent but for read-only members; these are taken out of the body that
 * arrived before anything looks at it. Numbers that the schema does not describe keep their digits and their form.
 *
 * It throws an InvalidArgumentError with the violations of all parts, broken rules included, those of parameters first.
 */
export function compileRequestValidation(
  operation: ResolvedOperation,
  rules?: Rules,
  compile = createSchemaCompiler(),
): (request: ArrivedRequest) => RequestParts {
  const readParams = compileParameters(compile, operation, 'path', ({ params }) => params);
  const readQuery = compileParameters(compile, operation, 'query', ({ query }) => query);
  const readHeaders = compileParameters(compile, operation, 'header', ({ raw }) => raw.headersDistinct);
  const readBody = compileBody(compile, operation);
  const readOnly = readOnlyPaths(bodySchemaOf(operation) ?? {});
  return (request) => {
    removeMembers(request.body, readOnly);
    const broken = (rules?.(request) ?? []).slice(0, maxViolations);
    const violations: Violation[] = [];
    const params = readParams(request, violations, broken);
    const query = readQuery(request, violations, broken);
    const headers = readHeaders(request, violations, broken);
    violations.push(...broken.filter(({ parameter }) => parameter !== undefined));
    const body = readBody(request, violations, broken);
    if (violations.length > 0) throw new InvalidArgumentError(undefined, firstOfEachPlace(violations));
    // A request may wait for long: what it holds meanwhile, it holds once.
    if (body !== undefined) Object.assign(request, { body, exactBody: undefined });
    return { params, query, headers, body };
  };
}

/**
 * Gives the body of a text as a request with it would be read. It throws an InvalidArgumentError with all that is wrong with it,
 * and by the rules.
 */
export type BodyValidation = (text: string, rules: (body: unknown) => readonly Violation[]) => unknown;

/** The validation of the body of an operation alone. */
export function compileBodyValidation(operation: ResolvedOperation, compile = createSchemaCompiler()): BodyValidation {
  const read = compileBody(compile, operation);
  const readOnly = readOnlyPaths(bodySchemaOf(operation) ?? {});
  return (text, rules) => {
    const body: unknown = JSON.parse(text);
    removeMembers(body, readOnly);
    const violations: Violation[] = [];
    const exact = hasInexactNumbers(text) && { exactBody: text };
    const value = read({ body, ...exact }, violations, rules(body).slice(0, maxViolations));
    if (violations.length > 0) throw new InvalidArgumentError(undefined, violations);
    return value;
  };
}

/** @param sentIn - the parameters of that place by name; those of headers in lower case, each a list of its values */
function compileParameters(
  compile: CompileSchema,
  { operationId, parameters }: ResolvedOperation,
  place: Parameter['in'],
  sentIn: (request: ArrivedRequest) => unknown,
): Reader {
  const declared = parameters.filter((parameter) => parameter.in === place);
  if (declared.length === 0) return () => ({});
  const readers = declared.map((parameter) => ({
    name: parameter.name,
    sentName: place === 'header' ? parameter.name.toLowerCase() : parameter.name,
    // The lines of a header are one value (RFC 9110, section 5.3).
    valuesOf: (sent: string[]) => (place === 'header' && sent.length > 1 ? [sent.join(', ')] : sent),
    read: compileParameter((schema) => compile(`${operationId} ${place} ${parameter.name}`, schema), parameter),
  }));
  return (request, violations) => {
    const sent = (sentIn(request) ?? {}) as Record<string, string | string[] | undefined>;
    const values: Record<string, unknown> = {};
    for (const { name, sentName, valuesOf, read } of readers) {
      const value = read(valuesOf([sent[sentName] ?? []].flat()), violations);
      if (value !== undefined) values[name] = value;
    }
    return values;
  };
}

function compileParameter(compile: (schema: Schema) => ValidateFunction, { name, schema, required }: Parameter) {
  const validate = compile(schema);
  const typeOf = (text: string, { type }: Schema) => {
    // Only plain digits are integers: what cannot be one stays text, which the schema refuses.
    if (type === 'integer') return parseInteger(text) ?? text;
    return type === 'boolean' && /^(?:true|false)$/.test(text) ? text === 'true' : text;
  };
  return (sent: readonly string[], violations: Violation[]): unknown => {
    if (sent.length === 0) {
      if (required) violations.push({ detail: 'is required', parameter: name });
      return schema.default;
    }
    if (schema.type !== 'array' && sent.length > 1) {
      violations.push({ detail: 'must be given once', parameter: name });
      return undefined;
    }
    const value =
      schema.type === 'array' ? sent.map((text) => typeOf(text, schema.items ?? {})) : typeOf(sent[0]!, schema);
    if (!validate(value)) violations.push(...errorsOf(validate).map(({ detail }) => ({ detail, parameter: name })));
    return value;
  };
}

function compileBody(
  compile: CompileSchema,
  operation: ResolvedOperation,
): Reader<Pick<ArrivedRequest, 'body' | 'exactBody'>> {
  const declared = bodySchemaOf(operation);
  if (!declared) return () => undefined;
  const schema = withoutReadOnly(declared);
  const readOnly = readOnlyPaths(declared);
  const validate = compile(`${operation.operationId} body`, schema);
  const readExactly = (text: string) => {
    const exact = withNumbersOf(schema, parseExactly(text));
    removeMembers(exact, readOnly);
    return exact;
  };
  return ({ body, exactBody }, violations, broken) => {
    if (body === undefined) {
      if (operation.requestBody?.required) violations.push({ detail: 'is required', pointer: '' });
      return undefined;
    }
    const found = [
      ...(validate(body) ? [] : errorsOf(validate)),
      ...broken.filter(({ pointer }) => pointer !== undefined),
    ];
    if (found.length === 0) return keepDeclared(exactBody === undefined ? body : readExactly(exactBody), schema);
    violations.push(...inDocumentOrder(firstOfEachPlace(found), body, schema));
    return undefined;
  };
}

function bodySchemaOf({ requestBody }: ResolvedOperation): Schema | undefined {
  return Object.values(requestBody?.content ?? {})[0]?.schema;
}

function errorsOf(validate: ValidateFunction) {
  return ofOwnType(validate.errors ?? [])
    .slice(0, maxViolations)
    .map(violationOf);
}

function removeMembers(body: unknown, paths: readonly (readonly string[])[]): void {
  for (const path of paths) {
    let parent = body;
    for (const name of path.slice(0, -1)) parent = isObject(parent) ? parent[name] : undefined;
    if (isObject(parent)) Reflect.deleteProperty(parent, path.at(-1)!);
  }
}

/** A valid value, altered so that numbers which the schema describes are numbers: of all others it has the text. */
function withNumbersOf(schema: Schema | undefined, value: unknown): unknown {
  if (schema === undefined) return value;
  if (JSON.isRawJSON(value)) return (schema.type ?? schema.oneOf) ? Number(value.rawJSON) : value;
  if (Array.isArray(value)) return value.map((item) => withNumbersOf(schema.items, item));
  if (!isObject(value)) return value;
  const { properties = {}, additionalProperties: others } = schema;
  for (const name of Object.keys(value)) {
    const described = Object.hasOwn(properties, name) ? properties[name] : others;
    if (typeof described === 'object') value[name] = withNumbersOf(described, value[name]);
  }
  return value;
}

/** Drops the unknown members of a body whose schema does not say that it is open; deeper ones are of the client's concern. */
function keepDeclared(body: unknown, schema: Schema): unknown {
  const { additionalProperties, properties } = schema;
  if (additionalProperties !== undefined || !properties) return body;
  const names = Object.keys(properties).filter((name) => Object.hasOwn(body as object, name));
  return Object.fromEntries(names.map((name) => [name, (body as Record<string, unknown>)[name]]));
}
