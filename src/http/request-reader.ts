/** Reads the parts of a request as the contract describes them: all that is wrong with them is found at once. */
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import { InvalidArgumentError } from '../containers/errors.ts';
import type { Fault } from '../containers/errors.ts';
import { parseInteger } from '../containers/units.ts';
import { readOnlyPaths, withoutReadOnly } from './document.ts';
import type { Parameter, ResolvedOperation, Schema } from './document.ts';
import { faultOf, firstOfEachPlace, inDocumentOrder } from './faults.ts';

/** As they arrived: parameters are strings, or arrays of strings where one was given more than once. */
export interface RequestParts {
  params: unknown;
  query: unknown;
  body: unknown;
}

export interface ReadRequest {
  params: Record<string, unknown>;
  query: Record<string, unknown>;
  body: unknown;
}

/** Rules that the schema cannot say. They see every request, whether or not its schema holds. */
export type Rules = (parts: RequestParts) => Fault[];

/** How many faults are looked at; a body within the limit could have tens of thousands, and take seconds to tell. */
const MAX_FAULTS = 1_000;

/**
 * A function that reads the requests of one operation: parameters typed and with their defaults, unknown ones dropped, the
 * body as it was sent but for read-only members, which are taken out.
 *
 * The function throws InvalidArgumentError with all faults, those of parameters first.
 */
export function compileRequestReader(
  operation: ResolvedOperation,
  rules?: Rules,
): (parts: RequestParts) => ReadRequest {
  const ajv = createAjv();
  const readParams = compileParameters(ajv, operation, 'path');
  const readQuery = compileParameters(ajv, operation, 'query');
  const readBody = compileBody(ajv, operation);
  return (parts) => {
    const faults: Fault[] = [];
    const params = readParams(parts.params, faults);
    const query = readQuery(parts.query, faults);
    const broken = (rules?.(parts) ?? []).slice(0, MAX_FAULTS);
    const { body, faults: bodyFaults } = readBody(
      parts.body,
      broken.filter((fault) => fault.pointer !== undefined),
    );
    const all = [...faults, ...broken.filter((fault) => fault.parameter !== undefined), ...bodyFaults];
    if (all.length > 0) throw invalid(firstOfEachPlace(all).slice(0, MAX_FAULTS));
    return { params, query, body };
  };
}

/** Strict, never coercing, all errors with their schemas; knows the annotations that OpenAPI and this project add. */
export function createAjv(): Ajv {
  const ajv = new Ajv({ strict: true, allErrors: true, verbose: true });
  ajv.addVocabulary(['example', 'x-aep-resource', 'x-expects']);
  ajvFormats.default(ajv);
  return ajv;
}

function invalid(faults: readonly Fault[]): InvalidArgumentError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const detail =
    faults.length < MAX_FAULTS ? `The request has ${count}.` : `The request has at least ${count}, which are listed.`;
  return new InvalidArgumentError(detail, faults);
}

type ReadParameters = (raw: unknown, faults: Fault[]) => Record<string, unknown>;

function compileParameters(ajv: Ajv, operation: ResolvedOperation, place: Parameter['in']): ReadParameters {
  const readers = operation.parameters
    .filter((parameter) => parameter.in === place)
    .map((p) => compileParameter(ajv, p));
  if (readers.length === 0) return () => ({});
  return (raw, faults) => {
    const values: Record<string, unknown> = {};
    for (const { name, read } of readers) {
      const value = read((raw as Record<string, unknown> | undefined)?.[name], faults);
      if (value !== undefined) values[name] = value;
    }
    return values;
  };
}

function compileParameter(ajv: Ajv, { name, schema, required }: Parameter) {
  const validate = ajv.compile(schema);
  const read = (raw: unknown, faults: Fault[]): unknown => {
    if (raw === undefined) {
      if (required) faults.push({ detail: 'is required', parameter: name });
      return schema.default;
    }
    if (Array.isArray(raw)) {
      faults.push({ detail: 'must be given once', parameter: name });
      return undefined;
    }
    // Only plain digits are integers: what cannot be one stays text, which the schema refuses.
    const value = schema.type === 'integer' && typeof raw === 'string' ? (parseInteger(raw) ?? raw) : raw;
    if (!validate(value)) faults.push(...errorsOf(validate).map(({ detail }) => ({ detail, parameter: name })));
    return value;
  };
  return { name, read };
}

type ReadBody = (body: unknown, ruleFaults: readonly Fault[]) => { body?: unknown; faults: readonly Fault[] };

function compileBody(ajv: Ajv, operation: ResolvedOperation): ReadBody {
  const declared = operation.requestBody?.content['application/json']?.schema;
  if (!declared) return () => ({ faults: [] });
  const required = operation.requestBody?.required ?? false;
  const schema = withoutReadOnly(declared);
  const validate = ajv.compile(schema);
  const ignored = readOnlyPaths(declared);
  return (body, ruleFaults) => {
    if (body === undefined) return { faults: required ? [{ detail: 'is required', pointer: '' }] : [] };
    const schemaFaults = validate(body) ? [] : errorsOf(validate);
    if (schemaFaults.length > 0 || ruleFaults.length > 0) {
      return { faults: inDocumentOrder(firstOfEachPlace([...schemaFaults, ...ruleFaults]), body, schema) };
    }
    for (const path of ignored) removeMember(body, path);
    return { body: keepDeclared(body, schema), faults: [] };
  };
}

function errorsOf(validate: ValidateFunction) {
  return (validate.errors ?? []).slice(0, MAX_FAULTS).map(faultOf);
}

function removeMember(body: unknown, path: readonly string[]): void {
  let parent = body as Record<string, unknown> | undefined;
  for (const name of path.slice(0, -1)) parent = parent?.[name] as Record<string, unknown> | undefined;
  if (parent) Reflect.deleteProperty(parent, path.at(-1)!);
}

/** Drops the unknown members of a body whose schema does not say that it is open; deeper ones are of the client's concern. */
function keepDeclared(body: unknown, schema: Schema): unknown {
  const { additionalProperties, properties } = schema;
  if (additionalProperties !== undefined || !properties) return body;
  const names = Object.keys(properties).filter((name) => Object.hasOwn(body as object, name));
  return Object.fromEntries(names.map((name) => [name, (body as Record<string, unknown>)[name]]));
}
