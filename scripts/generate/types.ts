/** Types of a document's schemas and operations. */
import openapiTS, { astToString } from 'openapi-typescript';
import type { OpenAPI3 } from 'openapi-typescript';
import { inlineReferences, withoutReadOnly } from '../../src/http/contract/document.ts';
import type { OpenApiDocument, Operation } from '../../src/http/contract/document.ts';

/** A request body is typed without its read-only properties, as it is validated without them. */
export async function generateTypes(document: OpenApiDocument): Promise<string> {
  const changed = structuredClone(document);
  for (const item of Object.values(changed.paths)) {
    for (const operation of Object.values(item) as Partial<Operation>[]) {
      for (const content of Object.values(operation.requestBody?.content ?? {})) {
        content.schema = withoutReadOnly(inlineReferences(document, content.schema));
      }
    }
  }
  return astToString(await openapiTS(changed as unknown as OpenAPI3, { silent: true, defaultNonNullable: false }));
}
