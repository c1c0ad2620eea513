/** Where the cluster is and how to get in: the kubeconfig, one pool of connections, and credentials that stay fresh. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

import { within } from '../../time.ts';
import { CredentialsPlugins, explainFailure } from './credentials-plugins.ts';
import type { CredentialsPlugin } from './credentials-plugins.ts';
import { parseKubeconfig } from './kubeconfig.ts';

/** How long credentials are good for, in milliseconds. */
export interface CredentialsBounds {
  /** They are looked up again after this; tokens are rotated long before they expire. */
  lifetimeMs: number;
  /** When they are refused sooner than this after kubeconfig and plugin were last asked, these are not asked at once again. */
  minAgeMs: number;
  /** How long a credentials plugin may take; then it is ended. */
  pluginMs: number;
}

const defaultBounds: CredentialsBounds = { lifetimeMs: 10_000, minAgeMs: 1_000, pluginMs: 30_000 };
/**
 * Requests at once. More are served no sooner, since the API server takes its time for each, and hold up everybody else
 * there, the provider's own probe of the cluster included: how long that takes under load goes with this number.
 */
export const maxConnections = 16;

export interface Access {
  dispatcher: Dispatcher;
  headers: Record<string, string>;
}

/** `obtainedAt` is by `performance.now()`; `generation` counts how often the kubeconfig was read. */
type Credentials = Access & { obtainedAt: number; generation: number; tls: TlsOptions };

/** One cluster as one user. Everything that talks to it shares the connections. */
export class ClusterConnection {
  /** Address of the API server, without a trailing slash. */
  readonly server: string;
  /** Its host and port. */
  readonly host: string;
  readonly #load: () => KubeConfig;
  readonly #bounds: CredentialsBounds;
  readonly #plugins = new CredentialsPlugins();
  #config: KubeConfig;
  #generation = 1;
  #loadedAt = performance.now();
  #current: Credentials | undefined;
  #pending: Promise<Credentials> | undefined;
  #isClosed = false;

  constructor(load: () => KubeConfig, bounds: CredentialsBounds) {
    this.#load = load;
    this.#bounds = bounds;
    this.#config = this.#plugins.watch(load());
    this.server = serverOf(this.#config);
    this.host = new URL(this.server).host;
  }

  /**
   * Headers and connections for one call. Concurrent callers share one look at the credentials, so that a plugin runs once.
   *
   * @throws when a credentials file or plugin fails
   */
  async access(): Promise<Access> {
    const { current } = this;
    if (current !== undefined) return current;
    this.#pending ??= this.#obtain().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  /** The same, as long as the last look at the credentials is good; else absent. */
  get current(): Access | undefined {
    const current = this.#current;
    return current && performance.now() - current.obtainedAt < this.#bounds.lifetimeMs ? current : undefined;
  }

  /**
   * For when the API server does not know us any more: the next call reads kubeconfig, tokens and plugins anew.
   *
   * @throws when the kubeconfig cannot be used, or is of another server by now, whose credentials are not for this one
   */
  forget(refused: Access): void {
    const current = this.#current;
    const isOfLastLoad = (refused as Credentials).generation === this.#generation;
    if (!current || !isOfLastLoad || performance.now() - this.#loadedAt < this.#bounds.minAgeMs) return;
    const config = this.#load();
    if (serverOf(config) !== this.server) {
      throw new Error('the kubeconfig leads to another server now, to which only a restart goes');
    }
    this.#config = this.#plugins.watch(config);
    this.#generation++;
    this.#loadedAt = performance.now();
    this.#current = { ...current, obtainedAt: -Infinity };
  }

  /** Ends all connections, those in use too, and plugins that run. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#plugins.end();
    await this.#current?.dispatcher.destroy();
  }

  async #obtain(): Promise<Credentials> {
    const options: RequestOptions = {};
    const generation = this.#generation;
    const bound = { ms: this.#bounds.pluginMs, message: 'obtaining credentials took too long' };
    await within(this.#config.applyToHTTPSOptions(options), bound)
      .finally(() => this.#plugins.end())
      .catch((error: unknown) => {
        throw explainFailure(error, this.#config.getCurrentUser()?.exec as CredentialsPlugin | undefined);
      });
    // What may fail comes first: connections that were closed are used no more.
    const headers = { ...authorizationHeaders(options), ...(await tokenHeaders(this.#config)) };
    if (this.#isClosed) throw new Error('the connections to the cluster are closed');
    const tls = tlsOptions(options);
    const previous = this.#current;
    const isUnchanged = isDeepStrictEqual(previous?.tls, tls);
    const dispatcher = previous && isUnchanged ? previous.dispatcher : makeDispatcher(this.#config, tls);
    if (previous && !isUnchanged) void previous.dispatcher.close();
    this.#current = { dispatcher, headers, obtainedAt: performance.now(), generation, tls };
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
  for (const file of [caFile, tokenFileOf(config)]) {
    if (file !== undefined) readFileSync(file);
  }
  return config;
}

function loadFile(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    const { cluster, user } = parseKubeconfig(readFileSync(path, 'utf8'), resolve(dirname(path)));
    config.loadFromClusterAndUser(cluster, user);
    const tokenFile = tokenFileOf(config);
    if (tokenFile !== undefined) readFileSync(tokenFile);
  } catch (cause) {
    throw new Error(`The kubeconfig ${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
  return config;
}

/** The official client reads such a file again after a minute of the machine's clock, which may be set. */
async function tokenHeaders(config: KubeConfig): Promise<Record<string, string>> {
  const tokenFile = tokenFileOf(config);
  return tokenFile === undefined ? {} : { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` };
}

function tokenFileOf(config: KubeConfig): string | undefined {
  const provider = config.getCurrentUser()?.authProvider as { config?: { tokenFile?: string } } | undefined;
  return provider?.config?.tokenFile;
}

function currentCluster(config: KubeConfig) {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('its current context does not name a cluster of it');
  return cluster;
}

/** Without a trailing slash. */
function serverOf(config: KubeConfig): string {
  return currentCluster(config).server.replace(/\/+$/, '');
}

type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

function tlsOptions({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: RequestOptions): TlsOptions {
  const options = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** How long a connection may take to be there, in milliseconds; those who wait for it may give up sooner. */
const connectMs = 5_000;

function makeDispatcher(config: KubeConfig, tls: TlsOptions): Dispatcher {
  const pool = { connections: maxConnections, pipelining: 1, allowH2: false, keepAliveTimeout: 60_000 } as const;
  const connect = { keepAlive: true, keepAliveInitialDelay: 30_000, timeout: connectMs };
  const { proxyUrl } = currentCluster(config);
  if (proxyUrl === undefined) return new Agent({ ...pool, connect: { ...connect, ...(tls as object) } });
  return new ProxyAgent({
    ...pool,
    uri: proxyUrl,
    proxyTls: connect,
    requestTls: { ...connect, ...(tls as object) },
    // A proxy that takes a connection and says nothing would keep it for five minutes.
    clientFactory: (url, options) => new Pool(url, { ...options, headersTimeout: connectMs }),
  });
}

function authorizationHeaders({ headers, auth }: RequestOptions): Record<string, string> {
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  const entries = Object.entries((headers ?? {}) as Record<string, string>);
  return { ...basic, ...Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value.trim()])) };
}
