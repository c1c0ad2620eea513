/**
 * Keeps a store equal to the cluster's objects of one kind: a list in pages, then a watch from there, taken up again
 * whenever it ends, and a new list when the watch cannot go on.
 */
import type { Logger } from 'pino';

import { backoffMs, spreadMs } from '../../backoff.ts';
import type { Backoff } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import type { VersionRange } from '../../containers/resource-version.ts';
import { sleep } from '../../time.ts';
import { KubernetesApiError, isExpired, isPermissionMissing, retryAfterMs } from '../api/api-error.ts';
import type { CallDescription } from '../api/api-error.ts';
import type { KubernetesApi } from '../api/client.ts';
import { parseWatchEvent, readLines } from '../api/watch-lines.ts';
import type { WatchEvent } from '../api/watch-lines.ts';
import type { Records } from '../objects/container.ts';
import { allContainersSelector } from '../objects/identity.ts';
import type { ObjectStore } from './object-store.ts';
import type { CachedKind, Resources } from '../api/resources.ts';

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
  /** A watch that is refused waits no longer than this, whatever the API server asks: nothing else sees. In milliseconds. */
  maxWatchWaitMs: number;
  /**
   * For how long a refusal for want of a permission may come of an API server that has just started and has not loaded its
   * permissions yet, in milliseconds.
   */
  permissionsLoadMs: number;
}

export const defaultReflectorBounds: ReflectorBounds = {
  pageSize: 200,
  pageDeadlineMs: 30_000,
  watchTimeoutSeconds: 30,
  stallMs: 40_000,
  backoff: { firstMs: 250, maxMs: 10_000 },
  maxWatchWaitMs: 10_000,
  permissionsLoadMs: 10_000,
};

export interface ReflectorOptions<Kind extends CachedKind> {
  api: KubernetesApi;
  resource: Kind;
  namespace: string;
  /**
   * What is kept of an object; absent: nothing is.
   *
   * @param known - what the store has of it
   * @param isWatched - a watch tells of it as it happens; else it is of a list
   */
  project: (object: Resources[Kind], known: Records[Kind] | undefined, isWatched: boolean) => Records[Kind] | undefined;
  store: ObjectStore<Records[Kind]>;
  bounds: ReflectorBounds;
  log: Logger;
  clock: Clock;
  /** Called when a list has taken the place of a watch that could not go on: what came and went between is not known. */
  onGap?: (gap: VersionRange) => void;
}

/** How much one page of a list may weigh, in bytes, since parsing it holds up everything else: about 5 ms. */
const targetPageBytes = 1024 * 1024;
const smallestPage = 20;

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

type ObjectEvent<Kind extends CachedKind> = Extract<WatchEvent<Resources[Kind]>, { uid: string }>;

/**
 * What a failure says of the API server: that nobody answered; that it answered, and so serves, but refuses; or that it
 * serves and what is known is of no use any more, so that only a new list helps.
 */
type Failure = 'unanswered' | 'refused' | 'unusable';

export class Reflector<Kind extends CachedKind> {
  /** Resolves after the first complete list; never rejects. */
  readonly filled: Promise<void>;
  readonly #options: ReflectorOptions<Kind>;
  readonly #stopping = new AbortController();
  #setFilled: () => void = () => undefined;
  #running: Promise<void> | undefined;
  /** Where a watch goes on from; absent: only a list helps. */
  #version: string | undefined;
  /** Where the last watch had come that could not go on, until a list has taken its place. */
  #lostAt: string | undefined;
  /** In a row, by kind. */
  #failures: Record<Failure, number> = { unanswered: 0, refused: 0, unusable: 0 };
  /** Something failed, and no watch has shown since that the API server tells what happens. */
  #isUnproven = false;
  #lastSignOfLife: number;
  /** Since when every attempt was refused for want of a permission, and what was refused last; absent: the last was not. */
  #forbidden: { since: number; call: CallDescription } | undefined;
  /** The wait that is going on because nobody answered. */
  #unansweredWait: AbortController | undefined;
  /** Such a wait was cut short since the last success. */
  #wasRetried = false;
  /** Those who want a new list. */
  #relists: PromiseWithResolvers<undefined>[] = [];
  /** Ends the watch or the wait that is going on. */
  #interrupt = new AbortController();

  constructor(options: ReflectorOptions<Kind>) {
    this.#options = options;
    this.#lastSignOfLife = options.clock.elapsed();
    this.filled = new Promise((resolve) => {
      this.#setFilled = resolve;
    });
  }

  /** When the API server was last heard of, by the monotonic clock; at first, when the reflector was made. */
  get lastSignOfLife(): number {
    return this.#lastSignOfLife;
  }

  /** For how long it has not been known what happens in the cluster, in milliseconds; 0 while a watch is open. */
  get blindMs(): number {
    return this.#hasFailed ? this.#now() - this.#lastSignOfLife : 0;
  }

  /** What the provider may not do, for longer than the API server takes to load its permissions; absent: it may. */
  get forbidden(): CallDescription | undefined {
    if (this.#forbidden === undefined) return undefined;
    const { since, call } = this.#forbidden;
    return this.#now() - since >= this.#options.bounds.permissionsLoadMs ? call : undefined;
  }

  /**
   * To be called when the API server has answered somebody: who waits because it did not answer tries again at once, once
   * in each outage.
   */
  retry(): void {
    if (this.#unansweredWait === undefined || this.#wasRetried) return;
    this.#wasRetried = true;
    this.#failures.unanswered = 0;
    this.#unansweredWait.abort();
  }

  start(): void {
    this.#lastSignOfLife = this.#now();
    this.#running ??= this.#run();
  }

  /** Ends whatever is going on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#interrupt.abort();
    await this.#running;
    for (const { reject } of this.#relists.splice(0)) reject(new Error('the watch caches are stopped'));
  }

  /** Lists anew as soon as may be. Rejects when that list fails, and then the store is as it was. */
  async relist(): Promise<void> {
    if (this.#stopping.signal.aborted) throw new Error('the watch caches are stopped');
    const relist = Promise.withResolvers<undefined>();
    this.#relists.push(relist);
    this.#interrupt.abort();
    await relist.promise;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#interrupt = new AbortController();
      try {
        if (this.#version === undefined || this.#relists.length > 0) {
          const listed = await this.#list();
          // A watch that can go on does, from where it was: what came and went before the list is told by it alone.
          this.#version ??= listed;
        }
        await this.#watch(this.#version);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** Takes over a new list and gives the version that a watch goes on from. */
  async #list(): Promise<string> {
    const relists = this.#relists.splice(0);
    try {
      const begunAt = this.#now();
      const { items, resourceVersion } = await this.#listPages();
      await this.#options.store.replace({ items, version: resourceVersion, begunAt });
      this.#forbidden = undefined;
      this.#setFilled();
      this.#failures = { ...this.#failures, unanswered: 0, refused: 0 };
      if (this.#lostAt !== undefined) this.#options.onGap?.({ after: this.#lostAt, to: resourceVersion });
      this.#lostAt = undefined;
      for (const { resolve } of relists) resolve(undefined);
      return resourceVersion;
    } catch (error) {
      for (const { reject } of relists) reject(error);
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
      this.#lastSignOfLife = this.#now();
      for (const object of page.items) {
        const known = this.#known(object);
        const isSame = known?.resourceVersion === object.metadata?.resourceVersion;
        const item = isSame ? known : this.#project(object, known, false);
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
    const openedAt = this.#now();
    let lines = 0;
    try {
      const signal = AbortSignal.any([this.#stopping.signal, this.#interrupt.signal, stall.signal]);
      const { watchTimeoutSeconds, stallMs } = bounds;
      const timeoutSeconds = this.#isUnproven ? proofSeconds : watchTimeoutSeconds;
      const query = { labelSelector: allContainersSelector, resourceVersion: version, timeoutSeconds };
      const watch = await api.watch(resource, query, { signal, until: performance.now() + stallMs });
      await readLines(watch, (line) => {
        timer.refresh();
        lines++;
        this.#lastSignOfLife = this.#now();
        this.#take(line);
        this.#succeeded();
      });
      if (lines === 0 && this.#now() - openedAt < shortestWatchMs)
        throw new Error('the watch ended as soon as it began');
      this.#lastSignOfLife = this.#now();
      this.#succeeded();
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
    else if (event.type === 'DELETED') {
      store.delete(event.uid, event.resourceVersion, () => this.#project(this.#read(event), undefined, true));
    } else if (!store.confirm(event.uid, event.resourceVersion)) this.#keep(event);
  }

  /** What is no container's object any more, or can no longer be read, goes, as it would with the next list. */
  #keep(event: ObjectEvent<Kind>): void {
    const { store } = this.#options;
    const item = this.#project(this.#read(event), store.get(event.uid), true);
    if (item === undefined) store.delete(event.uid, event.resourceVersion);
    else store.apply(item);
  }

  #read({ read }: ObjectEvent<Kind>): Resources[Kind] {
    try {
      return read();
    } catch (cause) {
      throw new BrokenWatch('the watch told something that is no event', { cause });
    }
  }

  #known({ metadata }: Resources[Kind]): Records[Kind] | undefined {
    return metadata?.uid === undefined ? undefined : this.#options.store.get(metadata.uid);
  }

  /** An object that cannot be read is left out: one of them must not hide all others. */
  #project(object: Resources[Kind], known: Records[Kind] | undefined, isWatched: boolean): Records[Kind] | undefined {
    const { project, resource, log } = this.#options;
    try {
      return project(object, known, isWatched);
    } catch (err) {
      log.warn({ err, resource, object: object.metadata?.name }, 'an object in the cluster cannot be read, left out');
      return undefined;
    }
  }

  #now(): number {
    return this.#options.clock.elapsed();
  }

  get #hasFailed(): boolean {
    return Object.values(this.#failures).some((count) => count > 0);
  }

  #succeeded(): void {
    this.#isUnproven = false;
    this.#failures = { unanswered: 0, refused: 0, unusable: 0 };
    this.#forbidden = undefined;
    this.#wasRetried = false;
  }

  /**
   * Waits before the next attempt, longer with each failure of the kind in a row. Whoever answers serves: what it was
   * waited for before counts no more, and a version that is too old needs no wait at first.
   */
  async #recover(error: unknown): Promise<void> {
    // Whoever stops the reflector or wants a list has interrupted it: that is no failure.
    if (this.#interrupt.signal.aborted) return;
    this.#isUnproven = true;
    const refusal = error instanceof BrokenWatch ? error.cause : error;
    const failure = failureOf(error);
    const isForbidden = error instanceof KubernetesApiError && isPermissionMissing(error);
    this.#forbidden = isForbidden ? { since: this.#forbidden?.since ?? this.#now(), call: error.call } : undefined;
    if (failure !== 'unanswered') this.#failures.unanswered = 0;
    const attempt = ++this.#failures[failure];
    if (failure === 'unusable') {
      this.#lostAt ??= this.#version;
      this.#version = undefined;
    }
    const delayMs = isExpired(refusal) && attempt === 1 ? 0 : Math.min(this.#waitMs(attempt, refusal), this.#loadingMs);
    this.#report(error, attempt, delayMs);
    const wait = new AbortController();
    if (failure === 'unanswered') this.#unansweredWait = wait;
    const ended = AbortSignal.any([this.#stopping.signal, this.#interrupt.signal, wait.signal]);
    await sleep(delayMs, ended, this.#options.clock);
    this.#unansweredWait = undefined;
  }

  #waitMs(attempt: number, refusal: unknown): number {
    const { backoff, maxWatchWaitMs } = this.#options.bounds;
    const askedMs = retryAfterMs(refusal);
    if (askedMs === undefined || !(refusal instanceof KubernetesApiError) || refusal.call.verb !== 'watch') {
      return backoffMs(attempt, backoff, askedMs);
    }
    return Math.min(maxWatchWaitMs, Math.max(backoffMs(attempt, backoff), spreadMs(askedMs, maxWatchWaitMs)));
  }

  /** What is left of the time in which permissions may still be loaded; `Infinity` where none are waited for. */
  get #loadingMs(): number {
    if (this.#forbidden === undefined || this.forbidden !== undefined) return Infinity;
    return this.#forbidden.since + this.#options.bounds.permissionsLoadMs - this.#now();
  }

  #report(err: unknown, attempt: number, delayMs: number): void {
    const { log, namespace, resource } = this.#options;
    const fields = { err, resource, attempt, delayMs: Math.round(delayMs) };
    if (this.forbidden !== undefined) {
      const role = `in the namespace ${namespace}, bound to the provider's ServiceAccount`;
      log.error({ ...fields, ...this.forbidden, namespace, role }, 'a permission in the cluster is missing');
    } else {
      log.warn(fields, 'watching the cluster failed, will retry');
    }
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof BrokenWatch || isExpired(error)) return 'unusable';
  return error instanceof KubernetesApiError && error.isStatus ? 'refused' : 'unanswered';
}

/**
 * The number of objects to ask for next, after `limit` objects came in `bytes` bytes: fewer while they are large.
 *
 * @param largest - what is asked for while objects have an ordinary size
 */
function nextPageSize(limit: number, bytes: number, largest: number): number {
  if (bytes === 0) return limit;
  const fitting = Math.floor((limit * targetPageBytes) / bytes);
  return Math.min(largest, Math.max(Math.min(smallestPage, largest), fitting));
}
