/** The schemas of requests as functions. What is built has another module in place of this one, with functions made before. */
import type { ValidateFunction } from 'ajv';
import { createAjv } from './ajv.ts';
import type { Schema } from './document.ts';

/** @param name - tells the schemas of one document apart */
export type CompileSchema = (name: string, schema: Schema) => ValidateFunction;

export function createSchemaCompiler(): CompileSchema {
  const ajv = createAjv();
  return (_name, schema) => ajv.compile(schema);
}
