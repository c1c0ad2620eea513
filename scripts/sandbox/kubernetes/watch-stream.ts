/** One watch: the changes since a version, then those that come, as lines of JSON over one answer that stays open. */
import type { ServerResponse } from 'node:http';
import { expired, type StatusBody } from './api-error.ts';
import { cut } from './cut.ts';
import type { Faults } from './faults.ts';
import { apiVersionOf, type Resource } from './resources.ts';
import { everything, type Predicate } from './selectors.ts';
import { keyOfObject, type Store, type StoredVersion, type StoreEvent } from './store.ts';

export interface WatchQuery {
  resource: Resource;
  /** Empty: all namespaces. */
  namespace: string;
  selects: Predicate;
  /** The version to go on from; absent: all that is there comes first, as ADDED. */
  since?: number;
  /** Whether the objects that are there come first; always so without `since`. */
  sendInitialEvents: boolean;
  bookmarks: boolean;
  timeoutSeconds: number;
}

/** Writes an object for one watch, as JSON: whole, or as a row of a table. */
export type FormatObject = (version: StoredVersion) => string;

const formatWhole: FormatObject = (version) => version.json;

/** What may wait in memory for a client that reads too slowly; past it the watch ends. */
const maximumBacklogBytes = 64 * 1024 * 1024;

export interface WatchOptions {
  store: Store;
  faults: Faults;
  bookmarkMilliseconds: number;
  format?: FormatObject;
}

/** Takes over the answer, whose head has been sent, until the watch's time is up or its client leaves. */
export function startWatch(response: ServerResponse, query: WatchQuery, options: WatchOptions): void {
  const { store, faults, format = formatWhole } = options;
  const { resource, selects } = query;
  let silent = false;
  const send = (type: string, json: string): void => {
    if (silent || response.writableEnded) return;
    if (response.writableLength > maximumBacklogBytes) response.destroy();
    else response.write(`{"type":"${type}","object":${json}}\n`);
  };
  const sendBookmark = (initialEventsEnd = false): void => {
    if (query.bookmarks) send('BOOKMARK', bookmark(resource, store.resourceVersion, initialEventsEnd));
  };

  const deliver = (event: StoreEvent): void => {
    const change = changeFor(event, query.namespace, selects);
    if (change)
      send(
        change.type,
        change.version === event.version && format === formatWhole ? event.version.json : format(change.version),
      );
  };

  const replayed = query.since === undefined ? [] : store.changesSince(resource, query.since);
  if (replayed === undefined) {
    const { status } = expired(`too old resource version: ${query.since ?? 0} (${store.resourceVersion})`);
    response.end(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);
    return;
  }
  if (query.since === undefined) sendPresent(store, query, (version) => send('ADDED', format(version)));
  if (query.sendInitialEvents) sendBookmark(true);
  for (const event of replayed) deliver(event);

  const stopListening = store.listen(resource, deliver);
  const bookmarks = setInterval(() => sendBookmark(), options.bookmarkMilliseconds);
  const end = (): void => {
    sendBookmark();
    if (!silent) response.end();
  };
  const timeout = setTimeout(end, Math.min(query.timeoutSeconds * 1000, 2 ** 31 - 1));
  const untrack = faults.track({
    resource: resource.plural,
    reset: () => cut(response.socket),
    end: () => void response.end(),
    silence: () => void (silent = true),
    fail: (status: StatusBody) => {
      send('ERROR', JSON.stringify(status));
      response.end();
    },
  });
  response.once('close', () => {
    stopListening();
    untrack();
    clearInterval(bookmarks);
    clearTimeout(timeout);
  });
}

function sendPresent(
  store: Store,
  { resource, namespace, selects }: WatchQuery,
  send: (version: StoredVersion) => void,
): void {
  const selected = [...store.versions(resource, namespace)].filter((version) => selects(version.object));
  selected.sort((left, right) => (keyOfObject(left.object) < keyOfObject(right.object) ? -1 : 1));
  for (const version of selected) send(version);
}

/** What a change is to a watch that does not see everything: an object that comes to match is ADDED to it, one that ceases to is DELETED. */
function changeFor(
  event: StoreEvent,
  namespace: string,
  selects: Predicate,
): { type: StoreEvent['type']; version: StoredVersion } | undefined {
  if (namespace !== '' && event.version.object.metadata.namespace !== namespace) return undefined;
  if (selects === everything) return event;
  const matches = event.type !== 'DELETED' && selects(event.version.object);
  const matched = event.previous !== undefined && selects(event.previous.object);
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', version: event.version };
  if (!matched) return undefined;
  return { type: 'DELETED', version: event.type === 'DELETED' ? event.version : event.asDeleted };
}

function bookmark(resource: Resource, resourceVersion: number, initialEventsEnd: boolean): string {
  return JSON.stringify({
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(resourceVersion),
      creationTimestamp: null,
      ...(initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
    },
  });
}
