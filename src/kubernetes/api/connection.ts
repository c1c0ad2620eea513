/** Where the cluster is and how to get in: the kubeconfig, one pool of connections, and credentials that stay fresh. */
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { parse } from 'yaml';

/** How long credentials are good for, in milliseconds. */
export interface CredentialsBounds {
  /** They are looked up again after this; tokens are rotated long before they expire. */
  lifetimeMs: number;
  /** When they are refused sooner than this, they are not looked up again at once. */
  minAgeMs: number;
}

const defaultBounds: CredentialsBounds = { lifetimeMs: 10_000, minAgeMs: 1_000 };
/** How long a credentials plugin may take. */
const pluginDeadlineMs = 30_000;
/** Three watches, and requests enough for a provider that is never more than busy. */
const maxConnections = 64;

export interface Access {
  dispatcher: Dispatcher;
  headers: Record<string, string>;
}

type Credentials = Access & { obtainedAt: number; tlsKey: string };

/** One cluster as one user. Everything that talks to it shares the connections. */
export class ClusterConnection {
  /** Address of the API server, without a trailing slash. */
  readonly server: string;
  readonly #load: () => KubeConfig;
  readonly #bounds: CredentialsBounds;
  #config: KubeConfig;
  #current: Credentials | undefined;
  #pending: Promise<Credentials> | undefined;

  constructor(load: () => KubeConfig, bounds: CredentialsBounds) {
    this.#load = load;
    this.#bounds = bounds;
    this.#config = load();
    this.server = currentCluster(this.#config).server.replace(/\/+$/, '');
  }

  /**
   * Headers and connections for one call. Concurrent callers share one look at the credentials, so that a plugin runs once.
   *
   * @throws when a credentials file or plugin fails
   */
  async access(): Promise<Access> {
    const current = this.#current;
    if (current && Date.now() - current.obtainedAt < this.#bounds.lifetimeMs) return current;
    this.#pending ??= this.#obtain().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  /** For when the API server does not know us any more: the next call reads kubeconfig, tokens and plugins anew. */
  forget(refused: Access): void {
    const current = this.#current;
    if (current !== refused || Date.now() - current.obtainedAt < this.#bounds.minAgeMs) return;
    this.#config = this.#load();
    this.#current = { ...current, obtainedAt: 0 };
  }

  /** Ends all connections, those in use too. */
  async close(): Promise<void> {
    await this.#current?.dispatcher.destroy();
  }

  async #obtain(): Promise<Credentials> {
    const options: RequestOptions = {};
    await withDeadline(this.#config.applyToHTTPSOptions(options), pluginDeadlineMs);
    const tls = tlsOptions(options);
    const tlsKey = JSON.stringify(tls, (_key, value: unknown) => value?.toString());
    const previous = this.#current;
    const unchanged = previous?.tlsKey === tlsKey;
    const dispatcher = unchanged ? previous.dispatcher : makeDispatcher(this.#config, tls);
    if (previous && !unchanged) void previous.dispatcher.close();
    this.#current = { dispatcher, headers: authorizationHeaders(options), obtainedAt: Date.now(), tlsKey };
    return this.#current;
  }
}

/**
 * Reads how to reach the cluster.
 *
 * @param path - of a kubeconfig file; absent: the service account of the Pod that this process runs in
 * @throws Error that names the file, when it cannot be read or does not lead to a cluster
 */
export function openConnection(path: string | undefined, bounds = defaultBounds): ClusterConnection {
  return new ClusterConnection(() => (path === undefined ? loadServiceAccount() : loadFile(path)), bounds);
}

function loadServiceAccount(): KubeConfig {
  if (!process.env.KUBERNETES_SERVICE_HOST || !process.env.KUBERNETES_SERVICE_PORT) {
    throw new Error('No kubeconfig is given and this process does not run in a cluster');
  }
  const config = new KubeConfig();
  config.loadFromCluster();
  const { caFile } = currentCluster(config);
  const tokenFile = (config.getCurrentUser()?.authProvider as { config: { tokenFile: string } }).config.tokenFile;
  for (const file of [caFile, tokenFile]) {
    if (file !== undefined) readFileSync(file);
  }
  return config;
}

function loadFile(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
    useTokenFile(config, path);
    const { server, proxyUrl } = currentCluster(config);
    new URL(server);
    if (proxyUrl?.startsWith('socks')) throw new Error('proxies of the SOCKS protocol are not supported');
  } catch (cause) {
    throw new Error(`The kubeconfig ${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
  // The official client refuses plain HTTP without this.
  config.clusters = config.clusters.map((cluster) =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  return config;
}

/**
 * The official client overlooks `tokenFile` of a kubeconfig's user. It wins over `token`, as it does for kubectl, and is
 * read again as the token of a service account is.
 */
function useTokenFile(config: KubeConfig, path: string): void {
  const { users } = parse(readFileSync(path, 'utf8')) as { users?: { name: string; user?: { tokenFile?: string } }[] };
  const current = config.getCurrentUser()?.name;
  const named = users?.find(({ name }) => name === current)?.user?.tokenFile;
  if (!named) return;
  const tokenFile = resolve(dirname(path), named);
  readFileSync(tokenFile);
  config.users = config.users.map(({ token, ...user }) =>
    user.name === current
      ? { ...user, authProvider: { name: 'tokenFile', config: { tokenFile } } }
      : { ...user, ...(token !== undefined && { token }) },
  );
}

function currentCluster(config: KubeConfig) {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('its current context does not name a cluster of it');
  return cluster;
}

type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

function tlsOptions({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: RequestOptions): TlsOptions {
  const options = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function makeDispatcher(config: KubeConfig, tls: TlsOptions): Dispatcher {
  const pool = { connections: maxConnections, pipelining: 1, allowH2: false, keepAliveTimeout: 60_000 } as const;
  const connect = { keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 5_000 };
  const { proxyUrl } = currentCluster(config);
  if (proxyUrl === undefined) return new Agent({ ...pool, connect: { ...connect, ...(tls as object) } });
  return new ProxyAgent({ ...pool, uri: proxyUrl, requestTls: tls as object, connect });
}

async function withDeadline(promise: Promise<void>, deadlineMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('obtaining credentials took too long')), deadlineMs);
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function authorizationHeaders({ headers, auth }: RequestOptions): Record<string, string> {
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  const entries = Object.entries((headers ?? {}) as Record<string, string>);
  return { ...basic, ...Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value.trim()])) };
}
