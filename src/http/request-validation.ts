/** Validates the parts of a request as the contract describes them: all that is wrong with them is found at once. */
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import type { FastifySchema, FastifySchemaCompiler } from 'fastify';
import { InvalidArgumentError } from '../containers/errors.ts';
import type { Fault } from '../containers/errors.ts';
import { parseInteger } from '../containers/units.ts';
import { readOnlyPaths, withoutReadOnly } from './document.ts';
import type { Parameter, ResolvedOperation, Schema } from './document.ts';
import { faultOf, firstOfEachPlace, inDocumentOrder } from './faults.ts';

/** Parameters are strings, or arrays of strings where one was given more than once, until they are found valid. */
export interface RequestParts {
  params: unknown;
  query: unknown;
  body: unknown;
}

/** Rules that the schema cannot say. They see every request, whether or not its schema holds. */
export type Rules = (parts: RequestParts) => Fault[];

/** What Fastify validates the requests of one operation with. */
export interface RequestValidation {
  schema: FastifySchema;
  /**
   * Types parameters and gives them their defaults, drops unknown ones; leaves the body as it was sent but for read-only
   * members, which are taken out.
   */
  validatorCompiler: FastifySchemaCompiler<FastifySchema>;
  /**
   * To be called with a request that went through Fastify's validation, which stops at the first part that is not valid.
   *
   * @throws InvalidArgumentError with the faults of all parts, broken rules included, those of parameters first
   */
  requireValid(request: RequestParts & { validationError?: Error }): void;
}

/** How many faults are looked at; a body within the limit could have tens of thousands, and take seconds to tell. */
const MAX_FAULTS = 1_000;

export function compileRequestValidation(operation: ResolvedOperation, rules?: Rules): RequestValidation {
  const ajv = createAjv();
  const params = compileParameters(ajv, operation, 'path');
  const querystring = compileParameters(ajv, operation, 'query');
  const body = compileBody(ajv, operation);
  const parts = { params, querystring, body };
  return {
    schema: Object.fromEntries(
      Object.entries(parts).flatMap(([part, compiled]) => (compiled ? [[part, compiled.schema]] : [])),
    ),
    validatorCompiler: ({ httpPart }) => {
      const { read } = parts[httpPart as keyof typeof parts]!;
      return (data: unknown) => {
        const { value, faults } = read(data, []);
        return faults.length > 0 ? { error: invalid(faults) } : { value };
      };
    },
    requireValid(request) {
      const broken = (rules?.(request) ?? []).slice(0, MAX_FAULTS);
      if (request.validationError === undefined && broken.length === 0) return;
      const faults = [
        ...(params?.read(request.params, []).faults ?? []),
        ...(querystring?.read(request.query, []).faults ?? []),
        ...broken.filter((fault) => fault.parameter !== undefined),
        ...(body?.read(
          request.body,
          broken.filter((fault) => fault.pointer !== undefined),
        ).faults ?? []),
      ];
      throw invalid(firstOfEachPlace(faults).slice(0, MAX_FAULTS));
    },
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

/** One part of a request. */
interface Part {
  schema: Schema;
  /** `value` counts only where there are no faults. `broken` are rules that the part breaks beside its schema. */
  read: (raw: unknown, broken: readonly Fault[]) => { value?: unknown; faults: readonly Fault[] };
}

/** Undefined where the operation has no such parameters. */
function compileParameters(ajv: Ajv, { parameters }: ResolvedOperation, place: Parameter['in']): Part | undefined {
  const declared = parameters.filter((parameter) => parameter.in === place);
  if (declared.length === 0) return undefined;
  const readers = declared.map((parameter) => compileParameter(ajv, parameter));
  return {
    schema: { type: 'object', properties: Object.fromEntries(declared.map(({ name, schema }) => [name, schema])) },
    read(raw) {
      const faults: Fault[] = [];
      const value: Record<string, unknown> = {};
      for (const { name, read } of readers) {
        const parameter = read((raw as Record<string, unknown> | undefined)?.[name], faults);
        if (parameter !== undefined) value[name] = parameter;
      }
      return { value, faults };
    },
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

/** Undefined where the operation takes no body. */
function compileBody(ajv: Ajv, { requestBody }: ResolvedOperation): Part | undefined {
  const declared = requestBody?.content['application/json']?.schema;
  if (!declared) return undefined;
  const schema = withoutReadOnly(declared);
  const validate = ajv.compile(schema);
  const ignored = readOnlyPaths(declared);
  return {
    schema,
    read(body, broken) {
      if (body === undefined) return { faults: requestBody.required ? [{ detail: 'is required', pointer: '' }] : [] };
      const schemaFaults = validate(body) ? [] : errorsOf(validate);
      if (schemaFaults.length > 0 || broken.length > 0) {
        return { faults: inDocumentOrder(firstOfEachPlace([...schemaFaults, ...broken]), body, schema) };
      }
      for (const path of ignored) removeMember(body, path);
      return { value: keepDeclared(body, schema), faults: [] };
    },
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
