/** The service and what it imports as one file, made by esbuild. */
import { readFile } from 'node:fs/promises';
import { builtinModules, createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { Metafile, Plugin } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** CommonJS packages ask for these, which an ES module does not have. */
const banner = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __dirname = import.meta.dirname;',
  'const __filename = import.meta.filename;',
].join('\n');

/**
 * Bundles the files, each into one of the same name in `folder`.
 *
 * @param schemaCompiler - text of the module that takes the place of `src/http/contract/schema-compiler.ts`
 * @returns what went into them
 */
export async function bundle(entryPoints: string[], folder: string, schemaCompiler: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Identifiers stay: esbuild gives shortened functions their names back at each run, also those made for every request.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    banner: { js: banner },
    metafile: true,
    logLevel: 'warning',
    plugins: [
      kubeconfigOnly,
      connectionsOnly,
      withoutUnused,
      validatedBefore,
      compiledBefore(schemaCompiler),
      staticFilesBeside,
      builtinsRequired,
    ],
  });
  return metafile;
}

/** Of the Kubernetes client only the kubeconfig is used: its generated API is most of its weight. */
const kubeconfigOnly: Plugin = {
  name: 'kubeconfig-only',
  setup({ onResolve, onLoad }) {
    const config = createRequire(import.meta.url)
      .resolve('@kubernetes/client-node')
      .replace(/index\.js$/, 'config.js');
    onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: config }));
    onResolve({ filter: /\/gen\/index\.js$/ }, ({ importer, path }) =>
      importer === config ? { path, namespace: 'left-out' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: `
        export function createConfiguration() { throw new Error('the generated API is not part of this bundle'); }
        export class ServerConfiguration {}
      `,
    }));
  },
};

/**
 * Of undici only connections are used: its `fetch`, WebSockets, caches and mocks are most of its weight. Whatever else is
 * imported from it fails the build.
 */
const connectionsOnly: Plugin = {
  name: 'connections-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'connections' }));
    // All that is opened here speaks HTTP/1.1.
    onResolve({ filter: /^\.\/client-h2\.js$/ }, ({ path }) => ({ path, namespace: 'left-out-package' }));
    // Bodies other than text and bytes are what connections need it for.
    onResolve({ filter: /^\.\.\/web\// }, ({ importer, path }) =>
      /undici\/lib\/(?:core|dispatcher)\//.test(importer) ? { path, namespace: 'left-out-package' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'connections' }, () => ({
      resolveDir: join(root, 'node_modules/undici/lib'),
      contents: `
        import api from './api/index.js';
        import Dispatcher from './dispatcher/dispatcher.js';
        Object.assign(Dispatcher.prototype, api);
        export { default as Agent } from './dispatcher/agent.js';
        export { default as Pool } from './dispatcher/pool.js';
        export { default as ProxyAgent } from './dispatcher/proxy-agent.js';
        export { default as buildConnector } from './core/connect.js';
        export function request(url, { dispatcher, ...options }) {
          const { origin, pathname, search } = new URL(url);
          return dispatcher.request({ ...options, origin, path: pathname + search });
        }
      `,
    }));
  },
};

/**
 * Packages that others load for what is not done here: Fastify has no schemas to compile and is sent no requests by itself,
 * the documentation's files are not listed, and no proxy before the cluster speaks SOCKS.
 */
const leftOut = [
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'glob',
  'light-my-request',
  'socks',
  'socks-proxy-agent',
];

/** To use one of them is an error that names it. */
const withoutUnused: Plugin = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@\w/-]+$/ }, ({ path }) =>
      leftOut.includes(path) ? { path, namespace: 'left-out-package' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'left-out-package' }, ({ path }) => ({
      contents: `
        const refuse = () => { throw new Error('${path} is not part of this bundle'); };
        module.exports = new Proxy(refuse, { get: () => refuse });
      `,
    }));
  },
};

/**
 * An ES module that imports one of Node's own has all its members read, and those of node:http, read, load what Node has for
 * `fetch` and WebSockets: a tenth of the start. Required, they are read when they are used.
 */
const builtinsRequired: Plugin = {
  name: 'builtins-required',
  setup({ onResolve, onLoad }) {
    const names = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    onResolve({ filter: /^[\w:/]+$/ }, ({ path, kind }) =>
      kind === 'import-statement' && names.has(path) ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/** Schemas are compiled by the build: once, instead of at every start. */
const compiledBefore = (schemaCompiler: string): Plugin => ({
  name: 'compiled-before',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/schema-compiler\.ts$/ }, ({ path }) => ({ path, namespace: 'compiled' }));
    onLoad({ filter: /.*/, namespace: 'compiled' }, () => ({ contents: schemaCompiler, resolveDir: root }));
  },
});

/** The document is validated when it is built in: once, instead of at every start. */
const validatedBefore: Plugin = {
  name: 'validated-before',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@seriousme\/openapi-schema-validator$/ }, ({ path }) => ({ path, namespace: 'validated' }));
    onLoad({ filter: /.*/, namespace: 'validated' }, () => ({
      contents: `
        export class Validator {
          async validate(specification) {
            this.specification = specification;
            this.version = specification.openapi.slice(0, 3);
            return { valid: true };
          }
          resolveRefs() { return this.specification; }
        }
      `,
    }));
  },
};

/** The files of the documentation's page lie beside the bundle, not in the folder above that of their library. */
const staticFilesBeside: Plugin = {
  name: 'static-files-beside',
  setup({ onLoad }) {
    onLoad({ filter: /@fastify\/swagger-ui\/lib\/routes\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace("path.join(__dirname, '..', 'static')", "path.join(__dirname, 'static')");
      if (contents === text) throw new Error(`${path} looks for its files elsewhere than it used to`);
      return { contents, resolveDir: dirname(path) };
    });
  },
};
