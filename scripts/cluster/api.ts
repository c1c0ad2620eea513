/** Plain JSON requests to a Kubernetes API server, as whoever a kubeconfig names: for tests that look at the cluster itself. */
import type { RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';

/** Only what every object has; tests say the rest. */
export interface KubernetesObject {
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

export interface WatchEvent<T = KubernetesObject> {
  type: string;
  object: T;
}

/** An answer that is not a success. */
export class ApiError extends Error {
  readonly status: number;
  /** Kubernetes' machine-readable word, e.g. `AlreadyExists`; empty where the body is no Status object. */
  readonly reason: string;

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: ${status} ${body.slice(0, 500)}`);
    this.status = status;
    this.reason = readReason(body);
  }
}

export type PatchType = 'merge' | 'strategic-merge' | 'json';

const requestTimeoutMs = 30_000;

export class ClusterApi implements AsyncDisposable {
  readonly server: string;
  /** PEM of the authority that the server's certificate is checked against; absent where the kubeconfig has none. */
  readonly authority: string | undefined;
  readonly #agent: Agent;
  readonly #headers: Record<string, string>;

  private constructor(server: string, authority: string | undefined, agent: Agent, headers: Record<string, string>) {
    this.server = server;
    this.authority = authority;
    this.#agent = agent;
    this.#headers = headers;
  }

  static async fromKubeconfig(path: string): Promise<ClusterApi> {
    // Takes longer to load than all else here, and few that import this need it.
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(path);
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error(`${path} names no current cluster`);
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, passphrase, rejectUnauthorized, servername } = options;
    const connect = { ca, cert, key, passphrase, rejectUnauthorized, servername };
    const defined = Object.fromEntries(Object.entries(connect).filter(([, value]) => value !== undefined));
    return new ClusterApi(
      cluster.server.replace(/\/$/, ''),
      ca?.toString(),
      new Agent({ connect: defined, allowH2: false }),
      Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)])),
    );
  }

  get<T = KubernetesObject>(path: string): Promise<T> {
    return this.#send<T>('GET', path);
  }

  create<T = KubernetesObject>(path: string, body: object): Promise<T> {
    return this.#send<T>('POST', path, body);
  }

  replace<T = KubernetesObject>(path: string, body: object): Promise<T> {
    return this.#send<T>('PUT', path, body);
  }

  patch<T = KubernetesObject>(path: string, body: object, type: PatchType = 'merge'): Promise<T> {
    return this.#send<T>('PATCH', path, body, `application/${type}-patch+json`);
  }

  delete<T = KubernetesObject>(path: string, options?: object): Promise<T> {
    return this.#send<T>('DELETE', path, options);
  }

  /** The items of a list, e.g. `list('/api/v1/pods?labelSelector=a%3Db')`. */
  async list<T = KubernetesObject>(path: string): Promise<T[]> {
    return (await this.#send<{ items: T[] }>('GET', path)).items;
  }

  /**
   * What is there, and then what becomes of it, until the signal; a watch that the server ends is taken up again where it
   * was.
   *
   * @param path - of a list, with a query: `/api/v1/pods?labelSelector=a%3Db`
   */
  async *watch<T extends KubernetesObject>(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    let resourceVersion = '';
    try {
      while (!signal.aborted) {
        const response = await request(`${this.server}${path}&watch=true&resourceVersion=${resourceVersion}`, {
          dispatcher: this.#agent,
          headers: { ...this.#headers, accept: 'application/json' },
          bodyTimeout: 0,
          signal,
        });
        if (response.statusCode >= 300)
          throw new ApiError('GET', path, response.statusCode, await response.body.text());
        for await (const line of createInterface({ input: response.body })) {
          const event = JSON.parse(line) as WatchEvent<T>;
          if (event.type === 'ERROR') throw new Error(`the watch of ${path} failed: ${line}`);
          ({ resourceVersion } = event.object.metadata);
          yield event;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** The text of an answer of any type, e.g. of `/readyz`. */
  async text(path: string): Promise<string> {
    const { status, body } = await this.#exchange('GET', path);
    if (status >= 300) throw new ApiError('GET', path, status, body);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #send<T>(method: string, path: string, content?: object, type = 'application/json'): Promise<T> {
    const { status, body } = await this.#exchange(method, path, content, type);
    if (status >= 300) throw new ApiError(method, path, status, body);
    return JSON.parse(body) as T;
  }

  async #exchange(
    method: string,
    path: string,
    content?: object,
    type = 'application/json',
  ): Promise<{ status: number; body: string }> {
    const response = await request(`${this.server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { ...this.#headers, accept: 'application/json', ...(content && { 'content-type': type }) },
      body: content ? JSON.stringify(content) : null,
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    return { status: response.statusCode, body: await response.body.text() };
  }
}

function readReason(body: string): string {
  try {
    return (JSON.parse(body) as { reason?: string }).reason ?? '';
  } catch {
    return '';
  }
}
