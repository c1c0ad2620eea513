/** What a handler may be is decided by the contract: the compiler refuses others, and so does the start. */
import fastify from 'fastify';
import t from 'tap';
import ts from 'typescript';
import { routes } from '../../generated/routes.ts';
import type { Handlers } from '../../generated/routes.ts';
import { bindOperations } from '../../src/http/contract/bindings.ts';
import { loadContract, packageFile } from '../../src/http/contract/document.ts';

/** Handlers that compile; each case below changes one place. No case is about the other operations of the contract. */
const handlers = `
  import type { Handlers } from '../../generated/routes.ts';
  import type { Readable } from 'node:stream';
  import type { Container } from '../../src/containers/container.ts';
  declare const text: Readable;
  declare const container: Container;
  declare const others: Omit<
    Handlers,
    'ListContainers' | 'CreateContainer' | 'GetContainer' | 'WaitContainer' | 'LogsContainer' | 'DeleteContainer' | 'GetHealth'
  >;
  export const handlers: Handlers = {
    ...others,
    async ListContainers({ query }) { query.max_page_size satisfies number; return { status: 200, body: { containers: [container] } }; },
    async CreateContainer({ body }) { body.spec.image.reference satisfies string; return { status: 201, body: container }; },
    async GetContainer({ params }) { params.container_id satisfies string; return { status: 200, body: container }; },
    async WaitContainer({ query }) { query.timeout satisfies string; return { status: 200, body: container }; },
    async LogsContainer({ query }) { query.follow satisfies boolean; return { status: 200, body: text }; },
    async DeleteContainer() { return { status: 204 }; },
    async GetHealth() {
      return { status: 200, body: { type: 'k8s-container-service-provider.dcm.io/health', status: 'healthy', path: 'health', version: '1', uptime: 1 } };
    },
  };
`;

const cases: Record<string, { replace: [string, string]; error: RegExp }> = {
  'a handler that is missing': {
    replace: ['async DeleteContainer() { return { status: 204 }; },', ''],
    error: /Property 'DeleteContainer' is missing/,
  },
  'a handler that no operation asks for': {
    replace: ['async GetHealth() {', 'async PauseContainer() {}, async GetHealth() {'],
    error: /'PauseContainer' does not exist in type 'Handlers'/,
  },
  'a status that the operation does not declare': {
    replace: ['status: 201', 'status: 202'],
    error: /Type '202' is not assignable/,
  },
  'a body of another type': {
    replace: ['body: { containers: [container] }', 'body: { items: [container] }'],
    error: /Property 'containers' is missing/,
  },
  'text that is no stream': {
    replace: ['body: text', "body: 'text'"],
    error: /Type 'string' is not assignable to type 'Readable'/,
  },
  'a body that lacks a property': {
    replace: ["version: '1', ", ''],
    error: /Property 'version' is missing/,
  },
  'a body that belongs to another status': {
    replace: ['status: 200, body: container', 'status: 404, body: container'],
    error: /not assignable/,
  },
  'a body where the answer has none': {
    replace: ['{ status: 204 }', '{ status: 204, body: {} }'],
    error: /not assignable/,
  },
  'no body where the answer has one': {
    replace: ['{ status: 201, body: container }', '{ status: 201 }'],
    error: /not assignable/,
  },
  'a query parameter that the operation does not have': {
    replace: ['query.max_page_size', 'query.page_size'],
    error: /Property 'page_size' does not exist/,
  },
  'a path parameter that the operation does not have': {
    replace: ['params.container_id', 'params.id'],
    error: /Property 'id' does not exist/,
  },
  'a read-only field of the body': {
    replace: ['body.spec.image.reference', 'body.status'],
    error: /Property 'status' does not exist/,
  },
};

t.test('the compiler accepts handlers that are as the contract says', (t) => {
  t.same(compile([handlers]), [[]]);
  t.end();
});

t.test('the compiler refuses', (t) => {
  const names = Object.keys(cases);
  const sources = names.map((name) => handlers.replace(...cases[name]!.replace));
  for (const [index, errors] of compile(sources).entries()) {
    const name = names[index]!;
    t.not(sources[index], handlers, `${name}: the case changes the source`);
    t.match(errors.join('\n'), cases[name]!.error, name);
  }
  t.end();
});

t.test(
  'the start is refused, and names every operation without handler and every handler without operation',
  async (t) => {
    const document = await loadContract();
    const none = () => Promise.reject(new Error('not called'));
    const { GetContainer: _read, DeleteContainer: _delete, ...others } = routes;
    const wrong = Object.fromEntries([...Object.keys(others), 'PauseContainer'].map((name) => [name, none]));
    const app = fastify();
    t.teardown(() => app.close());
    await t.rejects(bindOperations(app, document, wrong as unknown as Handlers, {}), {
      message:
        'The handlers are not those of the contract: operation GetContainer has no handler, ' +
        'operation DeleteContainer has no handler, handler PauseContainer has no operation',
    });
  },
);

/** The compiler's errors for each of the sources, with the compiler options of this package. */
function compile(sources: readonly string[]): string[][] {
  const { config } = ts.readConfigFile(packageFile('tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, packageFile('.'));
  const files = new Map(sources.map((source, index) => [packageFile(`test/contract/case-${index}.ts`), source]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    const source = files.get(path);
    return source === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, source, options.target!);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].map((path) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(path))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  );
}
