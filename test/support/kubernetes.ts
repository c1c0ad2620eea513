/**
 * A Kubernetes API to test against, with a namespace of its own: the sandbox's, started for the test, or the cluster that
 * the kubeconfig in `SP_TEST_KUBECONFIG` names.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request as send } from 'undici';
import {
  startKubernetesApi,
  type KubernetesApiOptions,
  type SandboxKubernetes,
} from '../../scripts/sandbox/kubernetes/api.ts';

export interface ClusterResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The parsed JSON; the text where it is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asked for
  body: any;
}

export interface WatchEvent {
  type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it watches
  object: any;
}

export interface ClusterWatch extends AsyncDisposable {
  status: number;
  /** The next event; nothing once the stream has ended. Rejects when nothing comes for 20 seconds. */
  next(): Promise<WatchEvent | undefined>;
  /** Skips events until one will do. */
  until(wanted: (event: WatchEvent) => boolean): Promise<WatchEvent>;
}

export interface TestCluster extends AsyncDisposable {
  /** Path of a kubeconfig file. */
  kubeconfig: string;
  /** Made for this test, and deleted when the cluster is disposed of. */
  namespace: string;
  isSandbox: boolean;
  /** Absent on a real cluster. */
  sandbox?: SandboxKubernetes;
  /** One request; a body is sent as JSON unless the headers say what it is. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ClusterResponse>;
  /** Opens a watch; the path has the query in it. */
  watch(path: string): Promise<ClusterWatch>;
}

/** @param options - of the sandbox's API; a real cluster is as it is */
export function openCluster(options: KubernetesApiOptions = {}): Promise<TestCluster> {
  const external = process.env['SP_TEST_KUBECONFIG'];
  return external ? openKubeconfig(external) : openSandbox(options);
}

export type SandboxCluster = TestCluster & { sandbox: SandboxKubernetes };

/** The sandbox's API, whatever the environment names. */
export async function openSandbox(options: KubernetesApiOptions = {}): Promise<SandboxCluster> {
  const sandbox = await startKubernetesApi(options);
  try {
    const { url: server, certificateAuthority: ca } = sandbox;
    const cluster = await openNamespace(await sandbox.writeKubeconfig(), { server, ...(ca !== undefined && { ca }) });
    const dispose = async (): Promise<void> => {
      await cluster[Symbol.asyncDispose]();
      await sandbox.close();
    };
    return { ...cluster, isSandbox: true, sandbox, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** A namespace of its own in the cluster that the kubeconfig names. */
export async function openKubeconfig(kubeconfig: string): Promise<TestCluster> {
  return openNamespace(kubeconfig, await readKubeconfig(kubeconfig));
}

async function openNamespace(kubeconfig: string, { server, token, ...tls }: Access): Promise<TestCluster> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const agent = new Agent({ bodyTimeout: 0, connect: tls });
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    extra: Record<string, string> = {},
  ): Promise<ClusterResponse> => {
    const response = await send(`${server}${path}`, {
      method,
      dispatcher: agent,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...extra },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.statusCode, headers: response.headers, body: parse(await response.body.text()) };
  };
  const created = await call('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  if (created.status !== 201) {
    await agent.destroy();
    throw new Error(`the test namespace could not be created: ${JSON.stringify(created.body)}`);
  }
  return {
    kubeconfig,
    namespace,
    isSandbox: false,
    request: call,
    watch: (path) => openWatch(`${server}${path}`, agent, headers),
    [Symbol.asyncDispose]: async () => {
      // A test may have left a fault behind that meets this; the sandbox goes all the same.
      await call('DELETE', `/api/v1/namespaces/${namespace}`).catch(() => undefined);
      await agent.destroy();
    },
  };
}

/** How an API server is reached; certificates and keys are PEM. */
interface Access {
  /** Without a trailing slash. */
  server: string;
  token?: string;
  ca?: string;
  cert?: string;
  key?: string;
}

async function readKubeconfig(kubeconfig: string): Promise<Access> {
  // Takes longer to load than all else here, and the sandbox needs none of it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (!cluster) throw new Error(`${kubeconfig} names no current cluster`);
  const pem = (data: string | undefined): string | undefined => data && Buffer.from(data, 'base64').toString();
  const [ca, cert, key] = [cluster.caData, user?.certData, user?.keyData].map(pem);
  const server = cluster.server.replace(/\/$/, '');
  const token = user?.token;
  return { server, ...(token && { token }), ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** How long a watch may say nothing before the test gives up. */
const silenceMilliseconds = 20_000;

async function openWatch(url: string, agent: Agent, headers: Record<string, string>): Promise<ClusterWatch> {
  const response = await send(url, { dispatcher: agent, headers });
  const lines = readLines(response.body);
  const next = async (): Promise<WatchEvent | undefined> => {
    const line = await withTimeout(lines.next(), `nothing came from ${url}`);
    return line.done ? undefined : (JSON.parse(line.value) as WatchEvent);
  };
  return {
    status: response.statusCode,
    next,
    until: async (wanted) => {
      for (;;) {
        const event = await next();
        if (!event) throw new Error(`the watch of ${url} ended before the event came`);
        if (wanted(event)) return event;
      }
    },
    [Symbol.asyncDispose]: async () => {
      response.body.on('error', () => undefined).destroy();
      await lines.return(undefined);
    },
  };
}

async function* readLines(body: AsyncIterable<Buffer>): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  return undefined;
}

async function withTimeout<Value>(promise: Promise<Value>, message: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), silenceMilliseconds);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again until the answer will do; rejects with the last answer after `milliseconds`. */
export async function eventually<Value>(
  ask: () => Value | Promise<Value>,
  wanted: (value: Value) => boolean,
  milliseconds = 60_000,
): Promise<Value> {
  const deadline = Date.now() + milliseconds;
  let value = await ask();
  // Less often in a long wait, which is not to take the processor from what is awaited.
  for (let pauseMs = 10; !wanted(value); pauseMs = Math.min(1.5 * pauseMs, 100)) {
    if (Date.now() > deadline) throw new Error(`still not so after ${milliseconds} ms: ${JSON.stringify(value)}`);
    await delay(pauseMs);
    value = await ask();
  }
  return value;
}
