/** The provider in a process of its own, as it ships, with a probe in it and its output in a file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import ts from 'typescript';
import { Client } from 'undici';
import { nodeOptions as shippedNodeOptions } from '../build/node-options.ts';
import { findFreePort } from '../free-port.ts';
import type { Reading } from './probe.ts';

export interface ProviderProcessOptions {
  kubeconfig: string;
  namespace: string;
  natsUrl: string;
  registrationUrl: string;
  /** More variables, which win over ours. */
  env?: Record<string, string>;
  /** Run what `npm run build` made, as it ships, rather than the sources. */
  built?: boolean;
  /** Where the build is, if not in `dist/`. */
  folder?: string;
  /** Options for Node, before the file. */
  nodeOptions?: readonly string[];
  /** Measure the event loop's delay from the moment when it listens. */
  measureDelay?: boolean;
}

export interface ProviderProcess extends AsyncDisposable {
  /** Without the path of the API. */
  url: string;
  port: number;
  pid: number;
  /** From the start of the process until it took connections, in milliseconds. */
  listeningAfterMs: number;
  /** From the start of the process until `GET` on the list was answered 200: the caches are filled. */
  readyAfterMs: number;
  /** @param options.collect - after a garbage collection */
  read(options?: { collect?: boolean }): Promise<Reading>;
  resetDelay(): Promise<void>;
  /** Number of open file descriptors, sockets among them. */
  openFiles(): Promise<number>;
  /** All that it wrote to standard output and standard error so far. */
  output(): Promise<string>;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

const root = join(import.meta.dirname, '../..');
const patienceMs = 120_000;

/** Resolves once it is ready: its caches are filled; rejects with its output when it ends before that, or takes more than two minutes. */
export async function startProviderProcess(options: ProviderProcessOptions): Promise<ProviderProcess> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'provider-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const probeFile = join(folder, 'probe.mjs');
  await writeFile(probeFile, await probeAsJavaScript());
  const outputFile = join(folder, 'output');
  const output = stack.use(await open(outputFile, 'w'));
  const port = await findFreePort();
  const socketPath = join(folder, 'probe');
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeOptions(options), '--import', probeFile, mainFile(options)], {
    env: { ...shippedEnvironment(options), ...environment(options, port, socketPath) },
    stdio: ['ignore', output.fd, output.fd],
  });
  const exit = once(child, 'close') as Promise<[code: number | null]>;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exit)[0];
  };
  stack.defer(async () => {
    await end('SIGKILL');
  });

  const url = `http://127.0.0.1:${port}`;
  const until = async (what: string, holds: () => Promise<boolean>): Promise<number> => {
    while (!(await holds().catch(() => false))) {
      const failed = child.exitCode !== null || performance.now() - startedAt > patienceMs;
      if (failed)
        throw new Error(`the provider did not ${what}:\n${(await readFile(outputFile, 'utf8')).slice(-5_000)}`);
      await delay(2);
    }
    return performance.now() - startedAt;
  };
  const listeningAfterMs = await until(
    'listen',
    async () => (await fetch(`${url}/api/v1alpha1/containers/x/y`)).status === 404,
  );
  const probe = stack.adopt(new Client('http://localhost', { socketPath, pipelining: 0 }), (client) =>
    client.destroy(),
  );
  const ask = async (method: 'GET' | 'DELETE', path: string): Promise<Reading> => {
    const { body } = await probe.request({ method, path });
    return (await body.json()) as Reading;
  };
  if (options.measureDelay) await ask('DELETE', '/delay');
  const list = `${url}/api/v1alpha1/containers?max_page_size=1`;
  const readyAfterMs = await until('become ready', async () => (await fetch(list)).status === 200);

  const parts = stack.move();
  return {
    url,
    port,
    pid: child.pid!,
    listeningAfterMs,
    readyAfterMs,
    read: ({ collect = false } = {}) => ask('GET', collect ? '/collected' : '/'),
    resetDelay: async () => {
      await ask('DELETE', '/delay');
    },
    openFiles: async () => (await readdir(`/proc/${child.pid!}/fd`)).length,
    output: () => readFile(outputFile, 'utf8'),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Node's support for TypeScript, once loaded, takes memory of its own that what ships does not take. */
async function probeAsJavaScript(): Promise<string> {
  const source = await readFile(join(import.meta.dirname, 'probe.ts'), 'utf8');
  return ts.transpile(source, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2024 });
}

function nodeOptions({ built = false, nodeOptions: more = [] }: ProviderProcessOptions): string[] {
  return [...(built ? shippedNodeOptions : []), ...more];
}

function mainFile({ built = false, folder = join(root, 'dist') }: ProviderProcessOptions): string {
  return built ? join(folder, 'main.js') : join(root, 'src/main.ts');
}

/** Its compile cache is warm from the second start on, as it is where `npm start` ran before and in the image. */
function shippedEnvironment(options: ProviderProcessOptions): Record<string, string> {
  return options.built ? { NODE_COMPILE_CACHE: join(dirname(mainFile(options)), 'compile-cache') } : {};
}

/** The environment without what configures a provider, and a provider as it is configured by default. */
function environment(
  { kubeconfig, namespace, natsUrl, registrationUrl, env }: ProviderProcessOptions,
  port: number,
  socketPath: string,
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SP|DCM)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    SP_NAME: 'k8s-container-provider',
    SP_ENDPOINT: 'http://provider.example:8080',
    DCM_REGISTRATION_URL: registrationUrl,
    SP_K8S_NAMESPACE: namespace,
    SP_K8S_KUBECONFIG: kubeconfig,
    SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
    SP_NATS_URL: natsUrl,
    SP_SERVER_ADDRESS: `127.0.0.1:${port}`,
    PROBE_SOCKET: socketPath,
    ...env,
  };
}
