/**
 * Keeps a store equal to the cluster's objects of one kind: a list in pages, then a watch from there, taken up again
 * whenever it ends, and a new list when the watch cannot go on.
 */
import type { Logger } from 'pino';

import { backoffMs } from '../../backoff.ts';
import type { Backoff } from '../../backoff.ts';
import { sleep } from '../../time.ts';
import { KubernetesApiError, isExpired, isPermissionMissing, retryAfterMs } from '../api/api-error.ts';
import type { KubernetesApi } from '../api/client.ts';
import type { Records } from '../objects/container.ts';
import { allContainersSelector } from '../objects/identity.ts';
import type { ObjectStore } from './object-store.ts';
import type { CachedKind, Resources } from '../api/resources.ts';
import { nextPageSize } from './page-size.ts';
import { parseWatchEvent } from './watch-event.ts';

export interface ReflectorBounds {
  /** Objects a page: the memory that its text takes while it is read stays with the process. */
  pageSize: number;
  /** How long one page may take, in milliseconds. */
  pageDeadlineMs: number;
  /** After this long the API server ends a watch, with a bookmark: a sign of life even where nothing happens. */
  watchTimeoutSeconds: number;
  /** A watch that is silent for longer than this is dropped: longer than `watchTimeoutSeconds`. */
  stallMs: number;
  backoff: Backoff;
}

export const defaultReflectorBounds: ReflectorBounds = {
  pageSize: 200,
  pageDeadlineMs: 30_000,
  watchTimeoutSeconds: 30,
  stallMs: 40_000,
  backoff: { firstMs: 250, maxMs: 10_000 },
};

export interface ReflectorOptions<Kind extends CachedKind> {
  api: KubernetesApi;
  resource: Kind;
  namespace: string;
  /** What is kept of an object; `known` is what the store has of it. Absent: nothing is kept. */
  project: (object: Resources[Kind], known: Records[Kind] | undefined) => Records[Kind] | undefined;
  store: ObjectStore<Records[Kind]>;
  bounds: ReflectorBounds;
  log: Logger;
}

/** A watch that ends sooner, and empty, counts as failed: it must not be taken up again and again without a wait. */
const shortestWatchMs = 500;

/**
 * How long the first watch after a failure lasts: where nothing happens, only its regular end shows that the API
 * server is back. That it was accepted does not: it may be silent for good.
 */
const proofSeconds = 1;

/** The watch told what cannot be used: only a new list helps. */
class BrokenWatch extends Error {
  override readonly name = 'BrokenWatch';
}

interface Waiter {
  resolve: () => void;
  reject: (reason: unknown) => void;
}

export class Reflector<Kind extends CachedKind> {
  /** Resolves after the first complete list; never rejects. */
  readonly filled: Promise<void>;
  readonly #options: ReflectorOptions<Kind>;
  readonly #stopping = new AbortController();
  #setFilled: () => void = () => undefined;
  #running: Promise<void> | undefined;
  /** Where a watch goes on from; absent: only a list helps. */
  #version: string | undefined;
  #failures = 0;
  #lastSignOfLife = performance.now();
  /** Those who want a new list. */
  #waiters: Waiter[] = [];
  /** Ends the watch or the wait that is going on. */
  #interrupt = new AbortController();

  constructor(options: ReflectorOptions<Kind>) {
    this.#options = options;
    this.filled = new Promise((resolve) => {
      this.#setFilled = resolve;
    });
  }

  /** When the API server was last heard of, by `performance.now()`; at first, when the reflector was made. */
  get lastSignOfLife(): number {
    return this.#lastSignOfLife;
  }

  start(): void {
    this.#lastSignOfLife = performance.now();
    this.#running ??= this.#run();
  }

  /** Ends whatever is going on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#interrupt.abort();
    await this.#running;
    for (const { reject } of this.#waiters.splice(0)) reject(new Error('the watch caches are stopped'));
  }

  /** Lists anew as soon as may be. Rejects when that list fails, and then the store is as it was. */
  async relist(): Promise<void> {
    if (this.#stopping.signal.aborted) throw new Error('the watch caches are stopped');
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#interrupt.abort();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#interrupt = new AbortController();
      try {
        if (this.#version === undefined || this.#waiters.length > 0) this.#version = await this.#list();
        await this.#watch(this.#version);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** Takes over a new list and gives the version that a watch goes on from. */
  async #list(): Promise<string> {
    const waiters = this.#waiters.splice(0);
    try {
      const begunAt = performance.now();
      const { items, resourceVersion } = await this.#listPages();
      await this.#options.store.replace({ items, version: resourceVersion, begunAt });
      this.#setFilled();
      for (const { resolve } of waiters) resolve();
      return resourceVersion;
    } catch (error) {
      for (const { reject } of waiters) reject(error);
      throw error;
    }
  }

  async #listPages(): Promise<{ items: Records[Kind][]; resourceVersion: string }> {
    const { api, resource, bounds } = this.#options;
    const { signal } = this.#stopping;
    const items: Records[Kind][] = [];
    let limit = bounds.pageSize;
    let resourceVersion: string | undefined;
    let continueToken: string | undefined;
    do {
      const query = { labelSelector: allContainersSelector, limit, ...(continueToken && { continueToken }) };
      const page = await api.list(resource, query, { signal, until: performance.now() + bounds.pageDeadlineMs });
      this.#lastSignOfLife = performance.now();
      for (const object of page.items) {
        const known = this.#known(object);
        const isSame = known?.resourceVersion === object.metadata?.resourceVersion;
        const item = isSame ? known : this.#project(object, known);
        if (item !== undefined) items.push(item);
      }
      resourceVersion ??= page.resourceVersion;
      limit = nextPageSize(limit, page.bytes, bounds.pageSize);
      continueToken = page.continueToken;
    } while (continueToken !== undefined);
    return { items, resourceVersion };
  }

  /** Follows one watch until the API server ends it. Throws when it broke, was silent for too long, or is to end. */
  async #watch(version: string): Promise<void> {
    const { api, resource, bounds } = this.#options;
    const stall = new AbortController();
    const timer = setTimeout(() => stall.abort(new Error('the watch is silent')), bounds.stallMs);
    const openedAt = performance.now();
    let isEmpty = true;
    try {
      const signal = AbortSignal.any([this.#stopping.signal, this.#interrupt.signal, stall.signal]);
      const { watchTimeoutSeconds, stallMs } = bounds;
      const timeoutSeconds = this.#failures === 0 ? watchTimeoutSeconds : proofSeconds;
      const query = { labelSelector: allContainersSelector, resourceVersion: version, timeoutSeconds };
      for await (const line of await api.watch(resource, query, { signal, until: openedAt + stallMs })) {
        timer.refresh();
        isEmpty = false;
        this.#lastSignOfLife = performance.now();
        this.#take(line);
        this.#failures = 0;
      }
      if (isEmpty && performance.now() - openedAt < shortestWatchMs)
        throw new Error('the watch ended as soon as it began');
      this.#lastSignOfLife = performance.now();
      this.#failures = 0;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(line: string): void {
    const { resource, store } = this.#options;
    const event = parseWatchEvent<Resources[Kind]>(line);
    if (event === undefined) throw new BrokenWatch('the watch told something that is no event');
    if (event.type === 'ERROR') {
      const { code = 500 } = event.status;
      const cause = new KubernetesApiError({ verb: 'watch', resource }, code, event.status);
      throw new BrokenWatch('the watch told of an error', { cause });
    }
    this.#version = event.resourceVersion;
    if (event.type === 'BOOKMARK') store.advance(event.resourceVersion);
    else if (event.type === 'DELETED') store.delete(event.uid, event.resourceVersion);
    else this.#keep(event);
  }

  /** What is no container's object any more, or can no longer be read, goes, as it would with the next list. */
  #keep({ object, uid, resourceVersion }: { object: Resources[Kind]; uid: string; resourceVersion: string }): void {
    const item = this.#project(object, this.#known(object));
    if (item === undefined) this.#options.store.delete(uid, resourceVersion);
    else this.#options.store.apply(item);
  }

  #known({ metadata }: Resources[Kind]): Records[Kind] | undefined {
    return metadata?.uid === undefined ? undefined : this.#options.store.get(metadata.uid);
  }

  /** An object that cannot be read is left out: one of them must not hide all others. */
  #project(object: Resources[Kind], known: Records[Kind] | undefined): Records[Kind] | undefined {
    const { project, resource, log } = this.#options;
    try {
      return project(object, known);
    } catch (err) {
      log.warn({ err, resource, object: object.metadata?.name }, 'an object in the cluster cannot be read, left out');
      return undefined;
    }
  }

  /** Waits before the next attempt, longer with each failure in a row. A version that is too old needs no wait at first. */
  async #recover(error: unknown): Promise<void> {
    // Whoever stops the reflector or wants a list has interrupted it: that is no failure.
    if (this.#interrupt.signal.aborted) return;
    this.#failures++;
    const refusal = error instanceof BrokenWatch ? error.cause : error;
    const expired = isExpired(refusal);
    if (expired || error instanceof BrokenWatch) this.#version = undefined;
    const { backoff } = this.#options.bounds;
    const delayMs = expired && this.#failures === 1 ? 0 : backoffMs(this.#failures, backoff, retryAfterMs(refusal));
    this.#report(error, delayMs);
    const signal = AbortSignal.any([this.#stopping.signal, this.#interrupt.signal]);
    await sleep(delayMs, signal);
  }

  #report(err: unknown, delayMs: number): void {
    const { log, namespace, resource } = this.#options;
    const fields = { err, resource, attempt: this.#failures, delayMs: Math.round(delayMs) };
    if (err instanceof KubernetesApiError && isPermissionMissing(err)) {
      log.error({ ...fields, ...err.call, namespace }, 'a permission in the cluster is missing');
    } else {
      log.warn(fields, 'watching the cluster failed, will retry');
    }
  }
}
