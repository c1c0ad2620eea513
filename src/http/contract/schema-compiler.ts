/** The schemas of requests as functions. What is built has another module in place of this one, with functions made before. */
import { Ajv } from 'ajv';
import type { Options, ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import { maxViolations } from '../../containers/errors.ts';
import type { Schema } from './document.ts';

/** @param name - tells the schemas of one document apart */
export type CompileSchema = (name: string, schema: Schema) => ValidateFunction;

const compiled = new Map<string, ValidateFunction>();

/** Equal schemas share a function, as they do in what is built. */
export function createSchemaCompiler(): CompileSchema {
  const ajv = createAjv();
  return (_name, schema) => {
    const text = JSON.stringify(schema);
    const known = compiled.get(text) ?? ajv.compile(schema);
    compiled.set(text, known);
    return known;
  };
}

/**
 * Strict, never coercing, all errors with their schemas; knows the annotations that OpenAPI and this project add. It takes
 * schemas for valid, which the build has made sure of: to compile the schema of schemas would be half of the service's start.
 */
export function createAjv(code: Options['code'] = {}): Ajv {
  const known = { meta: false, validateSchema: false } as const;
  // Types are not demanded: what a client may send in place of an object, and is ignored, has none.
  const strict = { strict: true, strictTypes: false } as const;
  const ajv = new Ajv({
    ...strict,
    allErrors: true,
    verbose: true,
    ...known,
    code: { ...code, process: endLoopsInTime },
  });
  ajv.addVocabulary(['example', 'x-aep-resource', 'x-expects']);
  ajvFormats.default(ajv);
  return ajv;
}

/** What Ajv finds at one place at most, such as a pattern and a length. */
const errorsOfOnePlace = 2;

/**
 * Has a validation that Ajv generated look at no more items and members once it has found more than is told. Each error takes
 * microseconds, and a body within its limit has room for a hundred thousand.
 */
export function endLoopsInTime(code: string): string {
  const found = maxViolations * errorsOfOnePlace;
  return code.replace(/\bfor\s*\((?:let|const) [^{}]*?\)\s*\{/g, `$&if(errors>=${found})break;`);
}
