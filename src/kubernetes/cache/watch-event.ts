/** One line of a watch. */
import type { Status } from '../api/resources.ts';

export type WatchEvent<Item> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Item; uid: string; resourceVersion: string }
  | { type: 'BOOKMARK'; resourceVersion: string }
  | { type: 'ERROR'; status: Status };

interface Line {
  type?: unknown;
  object?: { metadata?: { uid?: unknown; resourceVersion?: unknown } };
}

/** Absent for a line that is no event. */
export function parseWatchEvent<Item>(line: string): WatchEvent<Item> | undefined {
  const { type, object } = parse(line) ?? {};
  if (type === 'ERROR') return { type, status: (object ?? {}) as Status };
  const { uid, resourceVersion } = object?.metadata ?? {};
  if (typeof resourceVersion !== 'string' || resourceVersion === '') return undefined;
  if (type === 'BOOKMARK') return { type, resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return undefined;
  if (typeof uid !== 'string') return undefined;
  return { type, object: object as Item, uid, resourceVersion };
}

function parse(line: string): Line | null | undefined {
  try {
    return JSON.parse(line) as Line | null;
  } catch {
    return undefined;
  }
}
