/** Lists: whole, or in pages that all show the state of the first one. */
import { ApiError, badRequest, expired, invalidOptions } from './api-error.ts';
import { apiVersionOf, type Resource } from './resources.ts';
import { everything, type Predicate } from './selectors.ts';
import { forbiddenField, notSupported } from './validation/field-error.ts';
import { keyOfObject, type Store, type StoredVersion } from './store.ts';

export interface ListQuery {
  resource: Resource;
  /** Empty: all namespaces. */
  namespace: string;
  selects: Predicate;
  /** 0: no limit. */
  limit: number;
  /** Empty: the first page. */
  continueToken: string;
  /** As in the query parameter; empty where absent. */
  resourceVersion: string;
  /** `Exact`, `NotOlderThan` or empty. */
  resourceVersionMatch: string;
}

export interface ListPage {
  versions: StoredVersion[];
  resourceVersion: string;
  continueToken?: string;
  remaining?: number;
}

interface Token {
  /** The version of the list; -1: whatever is there now. */
  rv: number;
  /** The key of the last object of the page before. */
  after: string;
}

interface Snapshot {
  resourceVersion: number;
  /** All of the resource, by key: walks with different selectors may share it. */
  sorted: readonly StoredVersion[];
}

/** Walks that may be under way at once; the oldest is forgotten first, and its tokens expire. */
const keptSnapshots = 256;

export class Lists {
  readonly #store: Store;
  readonly #snapshots = new Map<string, Snapshot>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Lets all tokens expire that were given out. */
  compact(): void {
    this.#snapshots.clear();
  }

  /** @throws ApiError 400 for a token or version that makes no sense, 410 for one that has expired, 504 for a future one */
  page(query: ListQuery): ListPage {
    const token = query.continueToken === '' ? undefined : parseToken(query.continueToken);
    checkVersion(query, this.#store.resourceVersion, token);
    const snapshot = token === undefined || token.rv === -1 ? this.#take(query) : this.#recall(query, token);
    const { sorted } = snapshot;
    const resourceVersion = String(snapshot.resourceVersion);
    const start = token === undefined ? 0 : indexAfter(sorted, token.after);
    const { versions, end } = select(sorted, start, query);
    const last = versions.at(-1);
    if (end === undefined || !last) return { versions, resourceVersion };
    this.#keep(query, snapshot);
    const continueToken = formatToken({ rv: snapshot.resourceVersion, after: keyOfObject(last.object) });
    const remaining = query.selects === everything ? { remaining: sorted.length - end } : {};
    return { versions, resourceVersion, continueToken, ...remaining };
  }

  /** What is there now; without what the query does not select where a page holds the rest. */
  #take({ resource, namespace, selects, limit }: ListQuery): Snapshot {
    const { resourceVersion } = this.#store;
    const all = [...this.#store.versions(resource, namespace)];
    const selected = all.filter(({ object }) => selects(object));
    return { resourceVersion, sorted: sortByKey(limit === 0 || selected.length <= limit ? selected : all) };
  }

  #recall(query: ListQuery, token: Token): Snapshot {
    const kept = this.#snapshots.get(snapshotKey(query, token.rv));
    if (kept) return kept;
    const error = expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    );
    error.continueToken = formatToken({ rv: -1, after: token.after });
    throw error;
  }

  #keep(query: ListQuery, snapshot: Snapshot): void {
    const key = snapshotKey(query, snapshot.resourceVersion);
    if (this.#snapshots.has(key)) return;
    this.#snapshots.set(key, snapshot);
    if (this.#snapshots.size <= keptSnapshots) return;
    const [oldest] = this.#snapshots.keys();
    if (oldest !== undefined) this.#snapshots.delete(oldest);
  }
}

/**
 * What a query selects from `start` on, as far as its limit goes.
 *
 * @returns `end`: where what is selected goes on; absent where nothing more is
 */
function select(
  sorted: readonly StoredVersion[],
  start: number,
  { selects, limit }: ListQuery,
): { versions: StoredVersion[]; end?: number } {
  const versions: StoredVersion[] = [];
  for (let index = start; index < sorted.length; index++) {
    const version = sorted[index]!;
    if (!selects(version.object)) continue;
    if (limit > 0 && versions.length === limit) return { versions, end: index };
    versions.push(version);
  }
  return { versions };
}

/** The envelope around the objects' own JSON, which each version keeps. */
export function formatList(resource: Resource, page: ListPage): string {
  const metadata = JSON.stringify({
    resourceVersion: page.resourceVersion,
    ...(page.continueToken !== undefined && { continue: page.continueToken }),
    ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
  });
  const items = page.versions.map((version) => version.itemJson).join(',');
  return `{"kind":"${resource.kind}List","apiVersion":"${apiVersionOf(resource)}","metadata":${metadata},"items":[${items}]}\n`;
}

function snapshotKey({ resource, namespace }: ListQuery, resourceVersion: number): string {
  return `${resource.plural}/${namespace}/${resourceVersion}`;
}

function sortByKey(versions: StoredVersion[]): StoredVersion[] {
  return versions
    .map((version) => ({ version, key: keyOfObject(version.object) }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(({ version }) => version);
}

function indexAfter(sorted: readonly StoredVersion[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const version = sorted[middle];
    if (version && keyOfObject(version.object) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

function checkVersion(query: ListQuery, current: number, token?: Token): void {
  const { resourceVersion, resourceVersionMatch } = query;
  checkVersionMatch(resourceVersion, resourceVersionMatch);
  if (resourceVersion === '') return;
  if (!/^\d+$/.test(resourceVersion)) {
    const quoted = JSON.stringify(resourceVersion);
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`,
    );
  }
  if (token !== undefined && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const asked = Number(resourceVersion);
  if (asked > current) throw tooLarge(asked, current);
  if (resourceVersionMatch === 'Exact' && asked !== current) {
    throw expired(`The resourceVersion for the provided list is too old.`);
  }
}

function checkVersionMatch(resourceVersion: string, match: string): void {
  if (match === '') return;
  const field = 'resourceVersionMatch';
  if (resourceVersion === '') {
    const why = 'resourceVersionMatch is forbidden unless resourceVersion is provided';
    throw invalidOptions('ListOptions', forbiddenField(field, why));
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalidOptions('ListOptions', notSupported(field, match, ['Exact', 'NotOlderThan', '']));
  }
  if (match === 'Exact' && resourceVersion === '0') {
    const why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
    throw invalidOptions('ListOptions', forbiddenField(field, why));
  }
}

function tooLarge(asked: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

function formatToken({ rv, after }: Token): string {
  const start = `${after}\u0000`;
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
}

function parseToken(text: string): Token {
  try {
    const json = JSON.parse(Buffer.from(text, 'base64url').toString()) as {
      v?: unknown;
      rv?: unknown;
      start?: unknown;
    };
    if (json.v === 'meta.k8s.io/v1' && typeof json.rv === 'number' && typeof json.start === 'string') {
      return { rv: json.rv, after: json.start.replace(/\u0000$/, '') };
    }
  } catch {
    // Told below, like every other token that was not ours.
  }
  throw badRequest('invalid continue token: continue key is not valid: it is not a token that a list gave');
}
