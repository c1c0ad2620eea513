/** Calls to the Kubernetes API: JSON in and out over the pooled connections, each with a deadline. */
import type { Readable } from 'node:stream';
import { request } from 'undici';
import type { Dispatcher } from 'undici';

import { parseRetryAfter } from '../../backoff.ts';
import { noMetrics } from '../../telemetry/telemetry.ts';
import type { Metrics } from '../../telemetry/telemetry.ts';
import { callWithin, orAborted, sleep } from '../../time.ts';
import { KubernetesApiError, KubernetesConnectionError, isKubernetesError } from './api-error.ts';
import type { CallDescription } from './api-error.ts';
import type { Access, ClusterConnection } from './connection.ts';
import { readText } from './answer-body.ts';
import { parseObjects } from './object-json.ts';
import { resourcePath, resources } from './resources.ts';
import type { Resource, Resources, Status } from './resources.ts';

/** Limits of one call. */
export interface CallLimits {
  /** Ends the call with the signal's reason. */
  signal?: AbortSignal;
  /** When the call ends with a `KubernetesConnectionError`, by `performance.now()`. Absent: 10 s from now. */
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

export interface Selectors {
  labelSelector?: string;
  fieldSelector?: string;
}

export interface ListQuery extends Selectors {
  limit?: number;
  continueToken?: string;
}

/** As of PodLogOptions. */
export interface LogQuery {
  container: string;
  tailLines: number;
  sinceSeconds?: number;
  previous: boolean;
  timestamps: boolean;
  follow: boolean;
}

/** What is asked of the API server; `KubernetesClient` asks it over HTTP. */
export type KubernetesApi = Pick<KubernetesClient, keyof KubernetesClient>;

const defaultCallMs = 10_000;
/** How often a read is tried before its error is given back. */
const maxReadAttempts = 3;
/** Longest answer, in bytes: objects are bounded by what etcd takes, about 1.5 MiB. */
const maxAnswerBytes = 16 * 1024 * 1024;
/** Of a page of a list: what is asked for next depends on how much the last one weighed. */
const maxListBytes = 128 * 1024 * 1024;

/** Unknown and doubled fields are errors, not dropped. */
const strict = { fieldValidation: 'Strict' };
const timeIsUp = 'the time for the call is up';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Query = Record<string, string | number | boolean | undefined>;

/** What a request says beside its path. */
interface Content {
  query?: Query;
  body?: unknown;
  /** Of the body; absent: JSON. */
  contentType?: string;
}

/**
 * All methods throw `KubernetesApiError` or `KubernetesConnectionError`, or the signal's reason once it is aborted.
 */
export class KubernetesClient {
  readonly #connection: ClusterConnection;
  readonly #namespace: string;
  readonly #metrics: Metrics;
  readonly #onAnswer: () => void;

  /** @param onAnswer - called with each answer of the API server, a refusal too; errors of the server's side are none */
  constructor(
    connection: ClusterConnection,
    namespace: string,
    metrics = noMetrics,
    onAnswer: () => void = () => undefined,
  ) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#metrics = metrics;
    this.#onAnswer = onAnswer;
  }

  /** One page, asked for once. The list is consistent: it has all that was written before. */
  async list<Kind extends Resource>(
    resource: Kind,
    { continueToken, ...selection }: ListQuery,
    limits: CallLimits,
  ): Promise<ListPage<Resources[Kind]>> {
    const call: CallDescription = { verb: 'list', resource };
    const query = { ...selection, continue: continueToken };
    const { value, bytes } = await this.#exchange(call, 'GET', this.#path(resource), { query, ...limits });
    const page = readPage(call, resource, value);
    if (page.continueToken !== undefined && page.continueToken === continueToken) {
      throw new KubernetesConnectionError(call, 'the list does not go on, its continue token is the same again');
    }
    return { ...page, bytes };
  }

  /** All objects that a selector finds, in one answer: only for selectors that find few. Tried again as reads may be. */
  async listAll<Kind extends Resource>(
    resource: Kind,
    labelSelector: string,
    { signal, until = performance.now() + defaultCallMs }: CallLimits,
  ): Promise<Resources[Kind][]> {
    const limits = { until, ...(signal && { signal }) };
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.list(resource, { labelSelector }, limits)).items;
      } catch (error) {
        const delayMs = readAgainAfter(error);
        if (attempt === maxReadAttempts || delayMs === undefined || performance.now() + delayMs >= until) throw error;
        await sleep(delayMs, signal);
        signal?.throwIfAborted();
      }
    }
  }

  /** One attempt. @throws `KubernetesApiError` 404 where there is no object of this name */
  async get<Kind extends Resource>(resource: Kind, name: string, limits: CallLimits): Promise<Resources[Kind]> {
    const call: CallDescription = { verb: 'get', resource };
    const { value } = await this.#exchange(call, 'GET', this.#pathOf(resource, name), limits);
    return readObject(call, resource, value);
  }

  /**
   * One attempt: a write whose answer is lost may have been done. Unknown fields are refused.
   *
   * @param options.dryRun - everything is checked, nothing is made, and the object as it would be is answered
   */
  async create<Kind extends Resource>(
    resource: Kind,
    object: Resources[Kind],
    limits: CallLimits,
    { dryRun = false }: { dryRun?: boolean } = {},
  ): Promise<Resources[Kind]> {
    const call: CallDescription = { verb: 'create', resource };
    const query = dryRun ? { ...strict, dryRun: 'All' } : strict;
    const options = { query, body: object, ...limits };
    const { value } = await this.#exchange(call, 'POST', this.#path(resource), options);
    return readObject(call, resource, value);
  }

  /**
   * One attempt, which may have been done although its answer is lost. Unknown fields are refused.
   *
   * @param object - where its metadata has a `resourceVersion`, a `KubernetesApiError` 409 says that it is no longer that
   */
  async update<Kind extends Resource>(
    resource: Kind,
    object: Resources[Kind],
    limits: CallLimits,
  ): Promise<Resources[Kind]> {
    const call: CallDescription = { verb: 'update', resource };
    const path = this.#pathOf(resource, object.metadata?.name ?? '');
    const { value } = await this.#exchange(call, 'PUT', path, { query: strict, body: object, ...limits });
    return readObject(call, resource, value);
  }

  /**
   * Merges `change` into the object (RFC 7396). One attempt, which may have been done although its answer is lost.
   *
   * @param change - where its metadata has a `resourceVersion`, a `KubernetesApiError` 409 says that it is no longer that
   * @param options.dryRun - everything is checked, nothing is changed, and the object as it would be is answered
   */
  async patch<Kind extends Resource>(
    resource: Kind,
    name: string,
    change: object,
    limits: CallLimits,
    { dryRun = false }: { dryRun?: boolean } = {},
  ): Promise<Resources[Kind]> {
    const call: CallDescription = { verb: 'patch', resource };
    const query = dryRun ? { ...strict, dryRun: 'All' } : strict;
    const options = { query, body: change, contentType: 'application/merge-patch+json', ...limits };
    const { value } = await this.#exchange(call, 'PATCH', this.#pathOf(resource, name), options);
    return readObject(call, resource, value);
  }

  /**
   * One attempt. Deletes only the object with this uid, and in this version, where they are given; what it owns follows in the
   * background.
   */
  async delete(
    resource: Resource,
    { name, ...preconditions }: { name: string; uid?: string; resourceVersion?: string },
    limits: CallLimits,
  ): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions };
    await this.#exchange({ verb: 'delete', resource }, 'DELETE', this.#pathOf(resource, name), { body, ...limits });
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
    query: Selectors & { resourceVersion: string; timeoutSeconds: number },
    { signal, until = performance.now() + defaultCallMs }: CallLimits,
  ): Promise<Readable> {
    const call: CallDescription = { verb: 'watch', resource };
    const content = { query: { ...query, watch: 'true', allowWatchBookmarks: 'true' } };
    return withinLimits(call, { signal, until }, async (bounded) => {
      const response = await this.#send(call, 'GET', this.#path(resource), { ...content, signal: bounded });
      if (response.statusCode >= 300) throw await readRefusal(call, response);
      return response.body;
    });
  }

  /**
   * Opens the log of a Pod's container and resolves once the API server has answered. The text is taken from the connection
   * as it is read from the stream, which has the connection for itself until it is at its end.
   *
   * @param until - bounds only the time until the answer begins
   */
  async log(
    pod: string,
    query: LogQuery,
    { signal, until = performance.now() + defaultCallMs }: CallLimits,
  ): Promise<Readable> {
    const call: CallDescription = { verb: 'get', resource: 'pods/log' };
    return withinLimits(call, { signal, until }, async (bounded) => {
      const path = `${this.#pathOf('pods', pod)}/log`;
      const response = await this.#send(call, 'GET', path, { query: { ...query }, signal: bounded });
      if (response.statusCode >= 300) throw await readRefusal(call, response);
      return response.body;
    });
  }

  #path(resource: Resource): string {
    return resourcePath(resources[resource], this.#namespace);
  }

  #pathOf(resource: Resource, name: string): string {
    return `${this.#path(resource)}/${encodeURIComponent(name)}`;
  }

  /** One request and its whole answer. */
  async #exchange(
    call: CallDescription,
    method: Method,
    path: string,
    { signal, until = performance.now() + defaultCallMs, ...content }: CallLimits & Content,
  ): Promise<{ value: unknown; bytes: number }> {
    return withinLimits(call, { signal, until }, async (bounded) => {
      const response = await this.#send(call, method, path, { ...content, signal: bounded });
      if (response.statusCode >= 300) throw await readRefusal(call, response);
      const text = await readText(response.body, call.verb === 'list' ? maxListBytes : maxAnswerBytes);
      return { value: parse(call, text), bytes: text.length };
    });
  }

  /** Sends with fresh credentials, and once more with new ones when the API server does not take them. */
  async #send(
    call: CallDescription,
    method: Method,
    path: string,
    content: Content & { signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const access = this.#connection.current ?? (await orAborted(this.#connection.access(), content.signal));
    const response = await this.#sendAs(access, method, path, content);
    if (response.statusCode !== 401) return response;
    const refusal = await readRefusal(call, response);
    this.#connection.forget(access);
    const renewed = await orAborted(this.#connection.access(), content.signal);
    if (renewed.headers.authorization === access.headers.authorization && renewed.dispatcher === access.dispatcher) {
      throw refusal;
    }
    return this.#sendAs(renewed, method, path, content);
  }

  /** One request, told of once its answer begins. */
  async #sendAs(
    { dispatcher, headers }: Access,
    method: Method,
    path: string,
    { query, body, contentType = 'application/json', signal }: Content & { signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { server, host } = this.#connection;
    const startedAt = performance.now();
    let status: number | undefined;
    try {
      const response = await request(`${server}${path}${queryString(query)}`, {
        method,
        dispatcher,
        signal,
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': 'k8s-container-service-provider',
          ...(body !== undefined && { 'content-type': contentType }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        headersTimeout: 0,
        bodyTimeout: 0,
        // By default the connection is closed after a DELETE with a body.
        reset: false,
      });
      status = response.statusCode;
      if (status < 500) this.#onAnswer();
      return response;
    } finally {
      const seconds = (performance.now() - startedAt) / 1_000;
      this.#metrics.clusterCallEnded({ method, host, seconds, ...(status !== undefined && { status }) });
    }
  }
}

function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** What the exchange gives until the moment; what it fails with in our own words. */
async function withinLimits<T>(
  call: CallDescription,
  { signal, until }: { signal: AbortSignal | undefined; until: number },
  exchange: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await callWithin({ ms: until - performance.now(), message: timeIsUp, signal }, exchange);
  } catch (error) {
    throw describeFailure(call, error, signal);
  }
}

/** How long to wait before a read is tried again, in milliseconds; absent: trying again will not help. */
function readAgainAfter(error: unknown): number | undefined {
  if (error instanceof KubernetesConnectionError) return 50 + Math.random() * 100;
  if (!(error instanceof KubernetesApiError)) return undefined;
  if (error.status !== 429 && error.status < 500) return undefined;
  return error.retryAfterSeconds === undefined ? 100 + Math.random() * 200 : error.retryAfterSeconds * 1000;
}

async function readRefusal(call: CallDescription, response: Dispatcher.ResponseData): Promise<KubernetesApiError> {
  const text = await readText(response.body, maxAnswerBytes);
  const askedMs = parseRetryAfter(response.headers['retry-after']?.toString());
  const seconds = askedMs === undefined ? undefined : Math.ceil(askedMs / 1_000);
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
    return parseObjects(text);
  } catch (cause) {
    throw new KubernetesConnectionError(call, 'the answer is not JSON', { cause });
  }
}

/** Whatever else may stand where an API server is expected says 200 as well, a proxy's page for signing in above all. */
function readObject<Kind extends Resource>(call: CallDescription, resource: Kind, value: unknown): Resources[Kind] {
  const { kind } = resources[resource];
  if (!isObjectOf(value, kind)) throw new KubernetesConnectionError(call, `the answer is not a ${kind}`);
  return value as Resources[Kind];
}

function isObjectOf(value: unknown, kind: string): boolean {
  const object = value as { kind?: unknown; metadata?: { name?: unknown; uid?: unknown } | null } | null;
  const { name, uid } = object?.metadata ?? {};
  return object?.kind === kind && typeof name === 'string' && typeof uid === 'string';
}

function readPage<Kind extends Resource>(
  call: CallDescription,
  resource: Kind,
  value: unknown,
): Omit<ListPage<Resources[Kind]>, 'bytes'> {
  const kind = `${resources[resource].kind}List`;
  const page = value as {
    kind?: unknown;
    items?: unknown;
    metadata?: { resourceVersion?: string; continue?: string };
  } | null;
  const items = page?.items ?? [];
  if (
    page?.kind !== kind ||
    page.metadata?.resourceVersion === undefined ||
    !isArrayOfObjects<Resources[Kind]>(items)
  ) {
    throw new KubernetesConnectionError(call, `the answer is not a ${kind}`);
  }
  const { resourceVersion, continue: continueToken } = page.metadata;
  return { items, resourceVersion, ...(continueToken && { continueToken }) };
}

function isArrayOfObjects<Item extends object>(value: unknown): value is Item[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
}

/** Errors of the connection in our own words, with their cause; the caller's own signal wins. */
function describeFailure(call: CallDescription, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isKubernetesError(error)) return error;
  return new KubernetesConnectionError(call, 'no answer', { cause: error });
}
