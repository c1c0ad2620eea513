/** A watch as it travels: one event a line. */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { readToEnd } from './answer-body.ts';
import { parseObjects } from './object-json.ts';
import type { Status } from './resources.ts';

/** Longest line, in characters: objects are bounded by what etcd takes, about 1.5 MiB. */
const maxLineLength = 16 * 1024 * 1024;

/**
 * Hands over each line as it comes, without its end, empty ones left out. Resolves at the end of the stream; what stands after
 * the last line end then is a line that was cut off and is dropped.
 *
 * @param body - nobody has read from it; destroyed where this rejects
 * @throws RangeError when a line has more than `maxLength` characters; what `take` throws; what the stream does
 */
export function readLines(body: Readable, take: (line: string) => void, maxLength = maxLineLength): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  let length = 0;
  const read = (chunk: Uint8Array): void => {
    const parts = decoder.write(chunk).split('\n');
    for (const [index, part] of parts.entries()) {
      length += part.length;
      if (length > maxLength) throw new RangeError('a line is too long');
      pieces.push(part);
      if (index === parts.length - 1) break;
      if (length > 0) take(pieces.join(''));
      pieces = [];
      length = 0;
    }
  };
  return readToEnd(body, read);
}

export type WatchEvent<Item> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; uid: string; resourceVersion: string; read: () => Item }
  | { type: 'BOOKMARK'; resourceVersion: string }
  | { type: 'ERROR'; status: Status };

interface WatchLine {
  type?: unknown;
  object?: { metadata?: { uid?: unknown; resourceVersion?: unknown } };
}

/**
 * How an API server begins the line of an object: its own uid and version stand before all in its metadata that has braces,
 * and no text in JSON has a quotation mark that does not end it.
 */
const beginning =
  /^\{"type":"(ADDED|MODIFIED|DELETED)","object":\{[^{}[\]]*"metadata":\{[^{}[\]]*"uid":"([^"\\]+)","resourceVersion":"([^"\\]+)"[,}]/;

/**
 * Absent for a line that is no event. `read` gives the object; of a line that begins as usual, the rest is looked at only then.
 *
 * @throws SyntaxError from `read` where that rest is no JSON
 */
export function parseWatchEvent<Item>(line: string): WatchEvent<Item> | undefined {
  const [, change, ownUid, ownVersion] = beginning.exec(line) ?? [];
  if (change !== undefined) {
    const read = () => (parseObjects(line) as { object: Item }).object;
    return { type: change as 'ADDED', uid: ownUid!, resourceVersion: ownVersion!, read };
  }
  const { type, object } = parse(line) ?? {};
  if (type === 'ERROR') return { type, status: (object ?? {}) as Status };
  const { uid, resourceVersion } = object?.metadata ?? {};
  if (typeof resourceVersion !== 'string' || resourceVersion === '') return undefined;
  if (type === 'BOOKMARK') return { type, resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return undefined;
  if (typeof uid !== 'string') return undefined;
  return { type, uid, resourceVersion, read: () => object as Item };
}

function parse(line: string): WatchLine | null | undefined {
  try {
    return JSON.parse(line) as WatchLine | null;
  } catch {
    return undefined;
  }
}
