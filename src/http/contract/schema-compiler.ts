/** The schemas of requests as functions. What is built has another module in place of this one, with functions made before. */
import type { ValidateFunction } from 'ajv';
import { createAjv } from './ajv.ts';
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
