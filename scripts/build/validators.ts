/** What validates requests, made once by the build instead of at every start. */
import standaloneCode from 'ajv/dist/standalone/index.js';
import { createAjv, endLoopsInTime } from '../../src/http/contract/schema-compiler.ts';
import { operationsOf } from '../../src/http/contract/document.ts';
import type { OpenApiDocument } from '../../src/http/contract/document.ts';
import { compileRequestValidation } from '../../src/http/contract/request-validation.ts';

/**
 * A CommonJS module in place of `src/http/contract/schema-compiler.ts`, which has a function for each schema that the requests of the
 * document's operations are validated with, and asks for packages that a bundle has to have.
 */
export function formatSchemaCompiler(document: OpenApiDocument): string {
  const ajv = createAjv({ source: true });
  const names: Record<string, string> = {};
  for (const operation of operationsOf(document)) {
    compileRequestValidation(operation, undefined, (name, schema) => {
      ajv.addSchema(schema, name);
      names[name] = name;
      return ajv.getSchema(name)!;
    });
  }
  // Ajv does this to what it runs, and not to what it gives away.
  const code = endLoopsInTime(standaloneCode.default(ajv, names));
  return `${code}
    const compiled = module.exports;
    module.exports = {
      createSchemaCompiler: () => (name) => {
        if (!Object.hasOwn(compiled, name)) throw new Error('no schema was compiled as ' + name);
        return compiled[name];
      },
    };
  `;
}
