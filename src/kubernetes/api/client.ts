/** Calls to the Kubernetes API: JSON in and out over the pooled connections, each with a deadline. */
import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import type { Dispatcher } from 'undici';

import { orAborted } from './abort.ts';
import { KubernetesApiError, KubernetesConnectionError, isKubernetesError } from './api-error.ts';
import type { CallDescription } from './api-error.ts';
import type { Access, ClusterConnection } from './connection.ts';
import { apiPaths } from './resources.ts';
import type { Resource, Resources, Status } from './resources.ts';
import { readLines } from './read-lines.ts';

/** Limits of one call. */
export interface CallLimits {
  /** Ends the call with the signal's reason. */
  signal?: AbortSignal;
  /** When the call ends with a `KubernetesConnectionError`, in milliseconds since the epoch. Absent: 10 s from now. */
  until?: number;
}

/** One page of a list. */
export interface ListPage<Item> {
  items: Item[];
  resourceVersion: string;
  /** Absent on the last page. */
  continueToken?: string;
  /** Size of the answer, in bytes. */
  bytes: number;
}

export interface ListQuery {
  labelSelector: string;
  limit?: number;
  continueToken?: string;
}

/** What is asked of the API server; `KubernetesClient` asks it over HTTP. */
export type KubernetesApi = Pick<KubernetesClient, 'list' | 'listAll' | 'create' | 'delete' | 'watch' | 'version'>;

const defaultCallMs = 10_000;
/** How often a read is tried before its error is given back. */
const maxReadAttempts = 3;
/** Longest line of a watch, in characters: objects are bounded by what etcd takes, about 1.5 MiB. */
const maxLineLength = 16 * 1024 * 1024;

type Query = Record<string, string | number | undefined>;

/**
 * All methods throw `KubernetesApiError` or `KubernetesConnectionError`, or the signal's reason once it is aborted.
 */
export class KubernetesClient {
  readonly #connection: ClusterConnection;
  readonly #namespace: string;

  constructor(connection: ClusterConnection, namespace: string) {
    this.#connection = connection;
    this.#namespace = namespace;
  }

  /** One page, asked for once. The list is consistent: it has all that was written before. */
  async list<Kind extends Resource>(
    resource: Kind,
    { labelSelector, limit, continueToken }: ListQuery,
    limits: CallLimits,
  ): Promise<ListPage<Resources[Kind]>> {
    const call: CallDescription = { verb: 'list', resource };
    const query = { labelSelector, limit, continue: continueToken };
    const { value, bytes } = await this.#exchange(call, 'GET', this.#path(resource), { query, ...limits });
    return { ...readPage<Resources[Kind]>(call, value), bytes };
  }

  /** All objects that a selector finds, in one answer: only for selectors that find few. Tried again as reads may be. */
  async listAll<Kind extends Resource>(
    resource: Kind,
    labelSelector: string,
    { signal, until = Date.now() + defaultCallMs }: CallLimits,
  ): Promise<Resources[Kind][]> {
    const limits = { until, ...(signal && { signal }) };
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.list(resource, { labelSelector }, limits)).items;
      } catch (error) {
        const delayMs = readAgainAfter(error);
        if (attempt === maxReadAttempts || delayMs === undefined || Date.now() + delayMs >= until) throw error;
        await wait(delayMs, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }

  /** One attempt: a write whose answer is lost may have been done. Unknown fields are refused. */
  async create<Kind extends Resource>(
    resource: Kind,
    object: Resources[Kind],
    limits: CallLimits,
  ): Promise<Resources[Kind]> {
    const query = { fieldValidation: 'Strict' };
    const call: CallDescription = { verb: 'create', resource };
    const { value } = await this.#exchange(call, 'POST', this.#path(resource), { query, body: object, ...limits });
    return value as Resources[Kind];
  }

  /** One attempt. Deletes only the object with this uid, where one is given; what it owns follows in the background. */
  async delete(resource: Resource, { name, uid }: { name: string; uid?: string }, limits: CallLimits): Promise<void> {
    const preconditions = uid !== undefined && { preconditions: { uid } };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions };
    const path = `${this.#path(resource)}/${encodeURIComponent(name)}`;
    await this.#exchange({ verb: 'delete', resource }, 'DELETE', path, { body, ...limits });
  }

  /** Asks for the server's version, which needs no permission in a namespace; the answer does not matter. */
  async version(limits: CallLimits): Promise<void> {
    await this.#exchange({ verb: 'get', resource: 'version' }, 'GET', '/version', limits);
  }

  /**
   * Opens a watch and resolves once the API server has answered; its lines are read from what it resolves to, and end
   * when the server ends the watch.
   *
   * @param until - bounds only the time until the answer begins
   */
  async watch(
    resource: Resource,
    query: { labelSelector: string; resourceVersion: string; timeoutSeconds: number },
    { signal, until = Date.now() + defaultCallMs }: CallLimits,
  ): Promise<AsyncIterable<string>> {
    const call: CallDescription = { verb: 'watch', resource };
    const deadline = new Deadline(until, signal);
    try {
      const response = await this.#send(call, 'GET', this.#path(resource), {
        query: { ...query, watch: 'true', allowWatchBookmarks: 'true' },
        signal: deadline.signal,
      });
      if (response.statusCode >= 300) throw await readRefusal(call, response);
      return readLines(response.body, maxLineLength);
    } catch (error) {
      throw describeFailure(call, error, signal);
    } finally {
      deadline.clear();
    }
  }

  #path(resource: Resource): string {
    return `${apiPaths[resource]}/namespaces/${encodeURIComponent(this.#namespace)}/${resource}`;
  }

  /** One request and its whole answer. */
  async #exchange(
    call: CallDescription,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { query, body, signal, until = Date.now() + defaultCallMs }: CallLimits & { query?: Query; body?: unknown },
  ): Promise<{ value: unknown; bytes: number }> {
    const deadline = new Deadline(until, signal);
    try {
      const response = await this.#send(call, method, path, {
        signal: deadline.signal,
        ...(query && { query }),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (response.statusCode >= 300) throw await readRefusal(call, response);
      const text = await response.body.text();
      return { value: parse(call, text), bytes: text.length };
    } catch (error) {
      throw describeFailure(call, error, signal);
    } finally {
      deadline.clear();
    }
  }

  /** Sends with fresh credentials, and once more with new ones when the API server does not take them. */
  async #send(
    call: CallDescription,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: { query?: Query; body?: string; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const access = await orAborted(this.#connection.access(), options.signal);
    const response = await this.#sendAs(access, method, path, options);
    if (response.statusCode !== 401) return response;
    const refusal = await readRefusal(call, response);
    this.#connection.forget(access);
    const renewed = await orAborted(this.#connection.access(), options.signal);
    if (renewed.headers.authorization === access.headers.authorization && renewed.dispatcher === access.dispatcher) {
      throw refusal;
    }
    return this.#sendAs(renewed, method, path, options);
  }

  #sendAs(
    { dispatcher, headers }: Access,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { query, body, signal }: { query?: Query; body?: string; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const url = `${this.#connection.server}${path}${queryString(query)}`;
    return request(url, {
      method,
      dispatcher,
      signal,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'k8s-container-service-provider',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }
}

function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** How long to wait before a read is tried again, in milliseconds; absent: trying again will not help. */
function readAgainAfter(error: unknown): number | undefined {
  if (error instanceof KubernetesConnectionError) return 50 + Math.random() * 100;
  if (!(error instanceof KubernetesApiError)) return undefined;
  if (error.status !== 429 && error.status < 500) return undefined;
  return error.retryAfterSeconds === undefined ? 100 + Math.random() * 200 : error.retryAfterSeconds * 1000;
}

async function readRefusal(call: CallDescription, response: Dispatcher.ResponseData): Promise<KubernetesApiError> {
  const text = await response.body.text();
  const header = response.headers['retry-after'];
  const seconds = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : undefined;
  return new KubernetesApiError(call, response.statusCode, statusOf(text), seconds);
}

/** The Status in an answer; absent where a proxy or something else answered. */
function statusOf(text: string): Status | undefined {
  try {
    const body = JSON.parse(text) as Partial<Status> | null;
    return body?.kind === 'Status' ? (body as Status) : undefined;
  } catch {
    return undefined;
  }
}

function parse(call: CallDescription, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubernetesConnectionError(call, 'the answer is not JSON', { cause });
  }
}

function readPage<Item>(call: CallDescription, value: unknown): Omit<ListPage<Item>, 'bytes'> {
  const page = value as { items?: Item[] | null; metadata?: { resourceVersion?: string; continue?: string } } | null;
  if (page?.metadata?.resourceVersion === undefined || page.items === undefined) {
    throw new KubernetesConnectionError(call, 'the answer is not a list');
  }
  const { resourceVersion, continue: continueToken } = page.metadata;
  return { items: page.items ?? [], resourceVersion, ...(continueToken && { continueToken }) };
}

/** A signal that is aborted at a time, or with the caller's own. */
class Deadline {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(until: number, callers: AbortSignal | undefined) {
    const controller = new AbortController();
    this.signal = callers ? AbortSignal.any([callers, controller.signal]) : controller.signal;
    const abort = () => controller.abort(new Error('the time for the call is up'));
    this.#timer = setTimeout(abort, Math.max(0, until - Date.now()));
  }

  /** Takes the time away; the caller's own signal stays. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Errors of the connection in our own words, with their cause; the caller's own signal wins. */
function describeFailure(call: CallDescription, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isKubernetesError(error)) return error;
  return new KubernetesConnectionError(call, 'no answer', { cause: error });
}
