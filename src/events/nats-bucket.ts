/** A JetStream key-value bucket over one connection: where it is remembered which containers were reported. */
import { ErrorCode, KvWatchInclude, NatsError, StringCodec } from 'nats';
import type { JetStreamManager, KV, KvEntry, NatsConnection, QueuedIterator } from 'nats';
import type { Logger } from 'pino';
import { sleep, within } from '../time.ts';

const { encode, decode } = StringCodec();

/** JetStream's API error for a stream that is not there. */
const streamNotFound = 10_059;

/** JetStream's API errors for more replicas than there are servers: of a cluster, and of a server that is in none. */
const tooManyReplicas: readonly number[] = [10_005, 10_074];

/** Of a bucket that is made in a cluster of that many servers or more. */
const maxReplicas = 3;

/** How long a cluster, which may just be forming, is given to have enough servers. */
const formingMs = 3_000;
const formingLookMs = 250;

/** Ten thousand keys are read in half a second. */
const maxReadMs = 30_000;

export interface BucketOptions {
  name: string;
  answerTimeoutMs: number;
  log: Logger;
}

export interface BucketEntry {
  value: string;
  /** Grows with each write into the bucket. */
  revision: number;
}

/** The part of a bucket that is used; each call rejects within a bounded time where its outcome is not known. */
export interface Bucket {
  /** How long the bucket keeps what is written, in milliseconds; 0 forever. */
  readonly ttlMs: number;
  /** Of what was written last when the bucket was opened; 0 where nothing ever was. */
  readonly lastRevision: number;
  /** Everything under `<prefix>.`, by what follows that in the key. */
  read(prefix: string): Promise<Map<string, BucketEntry>>;
  /** Resolves to the revision once the bucket has it. */
  put(key: string, value: string): Promise<number>;
  /** Removes the key without a trace, unless it was written after the revision. */
  purge(key: string, revision: number): Promise<void>;
}

/**
 * Uses the bucket as it is, and makes it where there is none: with as many replicas as the cluster of NATS has servers, three
 * at most.
 *
 * @throws NatsError when there is no JetStream, or it is not permitted; Error when the bucket mirrors another one
 */
export async function openBucket(connection: NatsConnection, options: BucketOptions): Promise<Bucket> {
  const { name, answerTimeoutMs, log } = options;
  const manager = await connection.jetstreamManager({ timeout: answerTimeoutMs, checkAPI: false });
  const isThere = await manager.streams.info(`KV_${name}`).catch((err: unknown) => {
    if (hasApiError(err, [streamNotFound])) return false;
    throw err;
  });
  const kv = await openOrMake(connection, options);
  const { ttl, streamInfo, replicas } = await kv.status();
  if (isThere === false) log.info({ bucket: name, replicas }, 'made the key-value bucket');
  const { mirror } = streamInfo.config;
  if (mirror !== undefined)
    throw new Error(`the key-value bucket ${name} mirrors ${mirror.name} and takes no keys itself`);
  return new NatsBucket(kv, manager, { name, ttlMs: ttl, lastRevision: streamInfo.state.last_seq });
}

async function openOrMake(connection: NatsConnection, { name, answerTimeoutMs: timeout }: BucketOptions): Promise<KV> {
  const { views } = connection.jetstream({ timeout });
  const begunAt = performance.now();
  let replicas = connection.info?.cluster === undefined ? 1 : maxReplicas;
  for (;;) {
    try {
      return await views.kv(name, { replicas, history: 1, timeout });
    } catch (err) {
      if (replicas === 1 || !hasApiError(err, tooManyReplicas)) throw err;
      if (performance.now() - begunAt < formingMs) await sleep(formingLookMs);
      else replicas--;
    }
  }
}

function hasApiError(err: unknown, codes: readonly number[]): boolean {
  return err instanceof NatsError && codes.includes(err.api_error?.err_code ?? 0);
}

/**
 * Whether a call to the bucket failed as it does where somebody removed the bucket, or JetStream is away. The client gives
 * the code of "nobody answers" to refusals of that status too, such as that of a full bucket: those come with JetStream's
 * own error.
 */
export function isMissing(err: unknown): boolean {
  if (!(err instanceof NatsError)) return false;
  if (err.api_error !== undefined) return hasApiError(err, [streamNotFound]);
  const noResponders: string = ErrorCode.NoResponders;
  return err.code === noResponders;
}

class NatsBucket implements Bucket {
  readonly ttlMs: number;
  readonly lastRevision: number;
  readonly #kv: KV;
  readonly #manager: JetStreamManager;
  readonly #name: string;

  constructor(kv: KV, manager: JetStreamManager, of: { name: string; ttlMs: number; lastRevision: number }) {
    this.#kv = kv;
    this.#manager = manager;
    this.#name = of.name;
    this.ttlMs = of.ttlMs;
    this.lastRevision = of.lastRevision;
  }

  read(prefix: string): Promise<Map<string, BucketEntry>> {
    const reading = this.#readAll(prefix);
    const bound = { ms: maxReadMs, message: 'reading the key-value bucket took too long' };
    return within(reading.entries, bound).finally(reading.stop);
  }

  /** Removed keys leave markers in a bucket that others use too; ours are purged without. */
  #readAll(prefix: string): { entries: Promise<Map<string, BucketEntry>>; stop: () => void } {
    let iterator: QueuedIterator<KvEntry> | undefined;
    let isComplete = false;
    const stop = () => {
      isComplete = true;
      iterator?.stop();
    };
    const read = async () => {
      const entries = new Map<string, BucketEntry>();
      const include = KvWatchInclude.LastValue;
      iterator = await this.#kv.watch({ key: `${prefix}.>`, include, initializedFn: stop });
      if (isComplete) iterator.stop();
      for await (const { key, value, revision, operation } of iterator) {
        if (operation === 'PUT') entries.set(key.slice(prefix.length + 1), { value: decode(value), revision });
      }
      if (!isComplete) throw new Error('reading the key-value bucket was broken off');
      return entries;
    };
    return { entries: read(), stop };
  }

  put(key: string, value: string): Promise<number> {
    return this.#kv.put(key, encode(value));
  }

  /** By the stream's own purge: what the client's `purge` and `delete` leave behind would stay forever. */
  async purge(key: string, revision: number): Promise<void> {
    const filter = `$KV.${this.#name}.${key}`;
    await this.#manager.streams.purge(`KV_${this.#name}`, { filter, seq: revision + 1 });
  }
}
