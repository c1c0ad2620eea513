/**
 * The `Idempotency-Key` of a create or a delete (draft-ietf-httpapi-idempotency-key-header): what a client sends so that it
 * may send the same request again. Nothing is stored but digests, with the container itself.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ContainerSpec } from './container.ts';
import { isObject } from './json.ts';

/** What a container keeps of the request that made it. Hexadecimal. */
export interface IdempotencyRecord {
  /** SHA-256 of the key. */
  keyDigest: string;
  /** HMAC-SHA256 of id and spec, keyed by the key: without the key nothing can be guessed from it. */
  requestDigest: string;
}

/** What the record of a container says about a request with a key. */
export type IdempotencyMatch = 'same-request' | 'other-request' | 'other-key';

/** Completes "The header Idempotency-Key …". */
export const idempotencyKeyRule =
  'must be 1 to 255 printable ASCII characters, bare or as one quoted string, given once';

const quoted = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
const bare = /^[!#-~][ -~]*$/;

/**
 * The key of a header's value, which is the same bare and as a string of RFC 8941; absent where it is neither, or is
 * empty or longer than 255 characters.
 */
export function parseIdempotencyKey(value: string): string | undefined {
  // Before it is trimmed, which takes away spaces that are not ASCII.
  if (/[^\t -~]/.test(value)) return undefined;
  const text = value.trim();
  const inner = quoted.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  const key = inner ?? (bare.test(text) ? text : undefined);
  return key !== undefined && key.length >= 1 && key.length <= 255 ? key : undefined;
}

/** The id of a container whose client chose a key and no id: a UUID of version 8 (RFC 9562), the same on every replica. */
export function containerIdOfKey(key: string): string {
  const bytes = createHash('sha256').update('dcm.project/container-id\0').update(key).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** What tells a delete of this container with this key: SHA-256, hexadecimal. */
export function digestOfDelete(key: string, id: string): string {
  return createHash('sha256').update(`dcm.project/delete\0${id}\0`).update(key).digest('hex');
}

/** @param spec - as it was sent, without its read-only members */
export function idempotencyRecord(key: string, id: string, spec: ContainerSpec): IdempotencyRecord {
  return {
    keyDigest: createHash('sha256').update(key).digest('hex'),
    requestDigest: createHmac('sha256', key).update(canonicalJson({ id, spec })).digest('hex'),
  };
}

/** @param kept - of the container that has the id; absent where it was made without a key */
export function matchIdempotency(kept: IdempotencyRecord | undefined, asked: IdempotencyRecord): IdempotencyMatch {
  if (kept === undefined || !isEqual(kept.keyDigest, asked.keyDigest)) return 'other-key';
  return isEqual(kept.requestDigest, asked.requestDigest) ? 'same-request' : 'other-request';
}

/** What is kept may have been edited by hand into anything: it is the bytes that are to be as many. */
function isEqual(a: string, b: string): boolean {
  const [kept, asked] = [Buffer.from(a), Buffer.from(b)];
  return kept.length === asked.length && timingSafeEqual(kept, asked);
}

/** JSON whose members are in the order of their names (RFC 8785), so that the order in which they were sent is nothing; numbers as they were sent. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (!isObject(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** For how long one is remembered, in milliseconds. */
const memoryMs = 10 * 60_000;
/** How many are remembered, 4 MB: past that the oldest go. */
const maxRemembered = 20_000;

/**
 * The deletes with an idempotency key that removed a container lately: the repeat of one whose answer was lost must not
 * remove what was made anew under the id meanwhile. They are known by their digests, as `digestOfDelete` gives them.
 */
export class KeyedDeletes {
  /** When each was noted, the oldest first. */
  readonly #times = new Map<string, number>();
  readonly #elapsed: () => number;

  /** @param elapsed - the time in milliseconds, which never goes back */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** How many are kept. */
  get size(): number {
    return this.#times.size;
  }

  note(digest: string): void {
    const now = this.#elapsed();
    this.#times.delete(digest);
    this.#times.set(digest, now);
    for (const [oldest, time] of this.#times) {
      if (now - time < memoryMs && this.#times.size <= maxRemembered) break;
      this.#times.delete(oldest);
    }
  }

  /** Whether it has removed a container within the last ten minutes. */
  has(digest: string): boolean {
    const time = this.#times.get(digest);
    return time !== undefined && this.#elapsed() - time < memoryMs;
  }
}
