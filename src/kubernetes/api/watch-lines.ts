/** A watch as it travels: one event a line. */
import type { Status } from './resources.ts';

/**
 * Yields each line without its end, empty ones left out. What stands after the last line end is a line that was cut off
 * and is dropped.
 *
 * @throws RangeError when a line has more than `maxLength` characters; what the stream throws
 */
export async function* readLines(bytes: AsyncIterable<Uint8Array>, maxLength: number): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [index, part] of parts.entries()) {
      length += part.length;
      if (length > maxLength) throw new RangeError('a line is too long');
      pieces.push(part);
      if (index === parts.length - 1) break;
      if (length > 0) yield pieces.join('');
      pieces = [];
      length = 0;
    }
  }
}

export type WatchEvent<Item> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Item; uid: string; resourceVersion: string }
  | { type: 'BOOKMARK'; resourceVersion: string }
  | { type: 'ERROR'; status: Status };

interface WatchLine {
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

function parse(line: string): WatchLine | null | undefined {
  try {
    return JSON.parse(line) as WatchLine | null;
  } catch {
    return undefined;
  }
}
