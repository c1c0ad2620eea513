/** What the build compiles answers as what the sources compile at their start does. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import t from 'tap';
import { formatSchemaCompiler } from '../../scripts/build/validators.ts';
import { InvalidArgumentError, maxViolations } from '../../src/containers/errors.ts';
import { loadContract, operationsOf } from '../../src/http/contract/document.ts';
import type { ResolvedOperation } from '../../src/http/contract/document.ts';
import { copyOf } from '../../scripts/fuzz/near-valid.ts';
import { compileRequestValidation } from '../../src/http/contract/request-validation.ts';
import type { ArrivedRequest } from '../../src/http/contract/request-validation.ts';
import type { CompileSchema } from '../../src/http/contract/schema-compiler.ts';
import { containerSpecs } from '../support/container-specs.ts';

const document = await loadContract();
const built = evaluate(formatSchemaCompiler(document)).createSchemaCompiler();

function evaluate(text: string): { createSchemaCompiler: () => CompileSchema } {
  const module = { exports: {} };
  // As a bundle does it.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function('module', 'exports', 'require', text) as (...scope: unknown[]) => void;
  run(module, module.exports, createRequire(import.meta.url));
  return module.exports as { createSchemaCompiler: () => CompileSchema };
}

function compileBoth(operation: ResolvedOperation) {
  return [compileRequestValidation(operation), compileRequestValidation(operation, undefined, built)] as const;
}

type Sent = Partial<Pick<ArrivedRequest, 'params' | 'query' | 'body'>> & { headers?: NodeJS.Dict<string[]> };

/** What a request comes to: its parts as the handler gets them, or what is wrong with it. */
function outcome(validate: ReturnType<typeof compileRequestValidation>, sent: Sent): unknown {
  const { params = {}, query = {}, headers = {}, body } = copyOf(sent) as Sent;
  try {
    return validate({ params, query, body, raw: { headersDistinct: headers } });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return error.violations;
  }
}

const spec = fc.sample(containerSpecs(), { seed: 1, numRuns: 1 })[0]!;

const requests: Record<string, Sent> = {
  nothing: {},
  'what is valid': { params: { container_id: 'web-1' }, query: { max_page_size: '10' }, body: { spec } },
  'no member that is required': { params: { container_id: '' }, body: {} },
  'other types': { query: { id: ['a', 'b'], validate_only: 'yes', max_page_size: 'x' }, body: { spec: 5 } },
  'values out of bounds': {
    params: { container_id: 'A_' },
    query: { max_page_size: '1001', page_token: '', timeout: '', status: ['RUNNING', 'GONE'] },
    body: { spec: { ...spec, resources: { cpu: { min: 0, max: '1q' }, memory: { min: 'MB', max: 3 } } } },
  },
  'more that is wrong than is told': {
    body: { spec: { ...spec, process: { args: Array.from({ length: 10_000 }, () => 0) } } },
  },
  'a list where each member is wrong': {
    headers: { 'idempotency-key': ['a', 'b'] },
    body: { spec: { ...spec, network: { ports: [{ container_port: 0 }, { visibility: 'all' }, null] } } },
  },
};

for (const operation of operationsOf(document)) {
  const [fromSource, fromBuild] = compileBoth(operation);
  for (const [name, sent] of Object.entries(requests)) {
    t.test(`${operation.operationId} takes ${name} for the same`, (t) => {
      t.same(outcome(fromBuild, sent), outcome(fromSource, sent));
      t.end();
    });
  }
}

t.test('any body is taken for the same', (t) => {
  const create = operationsOf(document).find(({ operationId }) => operationId === 'CreateContainer')!;
  const [fromSource, fromBuild] = compileBoth(create);
  const specs = fc
    .tuple(containerSpecs(), fc.anything())
    .map(([valid, anything]) => ({ ...valid, resources: anything }));
  fc.assert(
    fc.property(fc.oneof(containerSpecs(), specs, fc.jsonValue()), (spec) => {
      t.same(outcome(fromBuild, { body: { spec } }), outcome(fromSource, { body: { spec } }));
    }),
  );
  t.end();
});

t.test('a schema that the build did not see is named', (t) => {
  t.throws(() => built('GetContainer body', {}), { message: 'no schema was compiled as GetContainer body' });
  t.end();
});

t.test('looks for no more violations than are told', (t) => {
  const validate = built('CreateContainer body', {});
  const args = Array.from({ length: 10_000 }, () => 0);
  t.notOk(validate({ spec: { ...spec, process: { args } } }));
  t.equal(validate.errors!.length, 2 * maxViolations);
  t.end();
});
