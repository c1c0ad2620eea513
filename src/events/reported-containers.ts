/**
 * Remembers in a key-value bucket which containers were reported and are not known to be gone: so that who was told of a
 * container is told of its end, whatever ran or did not in between.
 */
import type { ContainerSource } from '../containers/source.ts';
import { backoffMs } from '../backoff.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { callWithin, sleep } from '../time.ts';
import type { StatusChange } from './cloud-event.ts';
import { isMissing } from './nats-bucket.ts';
import { canBeKept, keyOf, readKeys } from './reported-keys.ts';
import type { KeyOwner } from './reported-keys.ts';
import type { Bucket, BucketEntry } from './nats-bucket.ts';

const retry = { firstMs: 1_000, maxMs: 60_000 };

/** Puts and purges under way at a time, beside the puts that go along with events. */
const debtsAtOnce = 100;

/** How long events wait for the bucket to be opened before they go out without it. */
const maxOpeningMs = 5_000;

/** Ended containers whose keys could not be removed. Past this the oldest keys stay, and are judged at the next start. */
const maxEnded = 100_000;

/** A call to the cluster may take this long. */
const clusterTimeoutMs = 30_000;

const lostAndMade = 'the key-value bucket was lost and made anew, all keys are written again';

export interface ReportedContainersOptions extends Telemetry {
  /** Opens the bucket over the present connection. */
  openBucket: () => Promise<Bucket>;
  providerName: string;
  /** Names that the provider had before: what was remembered under them is taken over. */
  formerNames: readonly string[];
  publisher: { readonly connected: boolean; onConnect(listener: () => void): void };
  source: Pick<ContainerSource, 'listIds' | 'namespace' | 'namespaceUid'>;
  leadership: Leadership;
  /** Whether the end of this container would be noticed when it comes, or was noticed: then nothing is to be told here. */
  isKnown: (containerId: string) => boolean;
  /** Takes a container that was reported once and that the cluster no longer has, with the uid of its Deployment. */
  onForgotten: (containerId: string, deploymentUid: string) => void;
  clock?: Clock;
}

export interface ReportedContainersStats {
  /** Whether the bucket can be used now, as far as is known. */
  open: boolean;
  /** Keys that are to be written or removed, and could not be so far. */
  owed: number;
}

/** What a key holds. A namespace that could not be read is left out. */
interface Value {
  deployment: string;
  namespace?: string;
}

interface Key {
  deploymentUid: string;
  namespaceUid: string | undefined;
  revision: number;
}

/** From the beginning of leading, or of a connection, to its end. */
interface Term {
  ended: AbortSignal;
  bucket?: Bucket | undefined;
  /** The bucket is being opened and read for the first time: the keys of events could not go ahead of them. */
  isOpening: boolean;
  /** The last thing that was asked of the bucket failed: events don't wait for it now. */
  isFailing: boolean;
  /** How often the bucket was opened anew since it last took or removed a key. */
  reopenings: number;
  namespaceUid?: string | undefined;
  /**
   * Uids of Deployments that were there before the uid of the namespace was read, and are not known to be gone: as long as
   * there is one, the namespace is the same.
   */
  witnesses: Set<string>;
  isCheckingNamespace: boolean;
}

/** A write got a revision that is not new: the bucket is another one of the same name. */
class BucketReplaced extends Error {
  constructor() {
    super('somebody removed the key-value bucket and made it anew');
  }
}

export class ReportedContainers {
  readonly #options: ReportedContainersOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #endTerm = new AbortController();
  #term: Term | undefined;
  /** Whether the keys were compared with the cluster since this replica leads. */
  #isCompared = false;
  /** The keys of this namespace that the bucket has, by container id. */
  #keys = new Map<string, Key>();
  /** The uids of the Deployments that were reported and are to have a key, by container id. */
  readonly #told = new Map<string, string>();
  /** Of those, the ones whose key is owed to the bucket. */
  readonly #unwritten = new Set<string>();
  /** The uids of the Deployments whose end was reported and whose key is to go, by container id. */
  readonly #ended = new Map<string, string>();
  readonly #listeners: (() => void)[] = [];
  /** The highest revision that the bucket has told, over all connections. */
  #revision = 0;
  #paying: Promise<void> | undefined;
  #hasWarned = false;

  constructor(options: ReportedContainersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    options.publisher.onConnect(() => this.#begin());
  }

  start(): void {
    this.#options.leadership.onChange((leads) => {
      if (leads) this.#begin();
      else this.#forgetAll();
    });
  }

  /** Pays what is owed, for as long as the deadline allows and it succeeds at once. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stop.abort();
    deadline.addEventListener('abort', () => this.#endTerm.abort());
    if (!deadline.aborted) await this.#paying;
    this.#endTerm.abort();
  }

  stats(): ReportedContainersStats {
    return { open: this.#term?.bucket !== undefined, owed: this.#unwritten.size + this.#ended.size };
  }

  /** Whether events can be sent now: at the beginning they wait a while for the bucket, so that no event precedes its key. */
  get isReady(): boolean {
    return this.#term?.isOpening !== true;
  }

  /** Events that wait for the bucket to be opened do so no longer. */
  releaseEvents(): void {
    if (this.#term !== undefined) this.#settle(this.#term);
  }

  /** Calls back each time when `isReady` has become true. */
  onReady(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * To be called with each event before it is sent: the event counts once this has resolved too. Undefined: nothing has to
   * be waited for. Never rejects: what the bucket does not take is owed to it, and events go out all the same.
   */
  remember({ containerId, status, deploymentUid }: StatusChange): Promise<void> | undefined {
    if (deploymentUid === undefined || !canBeKept(containerId)) return undefined;
    const term = this.#term;
    if (status === 'DELETED') {
      this.#isGone(term, deploymentUid);
      return undefined;
    }
    const toldBefore = this.#told.get(containerId);
    this.#told.set(containerId, deploymentUid);
    if (toldBefore !== undefined && toldBefore !== deploymentUid) this.#isGone(term, toldBefore);
    if (term !== undefined && term.witnesses.size === 0) void this.#checkNamespace(term);
    if (this.#hasKey(term, containerId, deploymentUid)) return undefined;
    if (term?.bucket !== undefined && !term.isFailing) return this.#write(term, containerId);
    this.#unwritten.add(containerId);
    this.#payDebts();
    return undefined;
  }

  /** To be called when an event was confirmed: the key of a container whose end was told is removed. */
  confirmed({ containerId, status, deploymentUid }: StatusChange): void {
    if (status !== 'DELETED' || deploymentUid === undefined || !canBeKept(containerId)) return;
    if (this.#told.get(containerId) === deploymentUid) {
      this.#told.delete(containerId);
      this.#unwritten.delete(containerId);
    }
    this.#isGone(this.#term, deploymentUid);
    this.#ended.set(containerId, deploymentUid);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > maxEnded && oldest !== undefined) this.#ended.delete(oldest);
    this.#payDebts();
  }

  #begin(): void {
    const { leadership, publisher } = this.#options;
    this.#endTerm.abort();
    this.#term = undefined;
    if (!leadership.leads || !publisher.connected || this.#stop.signal.aborted) return;
    this.#endTerm = new AbortController();
    const { signal: ended } = this.#endTerm;
    const term: Term = {
      ended,
      isOpening: true,
      isFailing: false,
      reopenings: 0,
      witnesses: new Set(),
      isCheckingNamespace: false,
    };
    this.#term = term;
    void sleep(maxOpeningMs, ended, this.#clock).then(() => this.#settle(term));
    void this.#open(term);
  }

  #settle(term: Term): void {
    if (!term.isOpening) return;
    term.isOpening = false;
    if (this.#term === term) for (const listener of this.#listeners) listener();
  }

  /** What another replica remembers by now is not known here. */
  #forgetAll(): void {
    this.#endTerm.abort();
    this.#term = undefined;
    this.#isCompared = false;
    this.#revision = 0;
    this.#keys.clear();
    this.#told.clear();
    this.#unwritten.clear();
    this.#ended.clear();
  }

  /** Opens and reads the bucket, then finds out whose end was missed; tries again until that is done or the term ends. */
  async #open(term: Term): Promise<void> {
    for (let failures = 0; !this.#isOver(term);) {
      try {
        if (term.bucket === undefined) await this.#adopt(term);
        this.#settle(term);
        if (!this.#isCompared) await this.#compare(term);
        return;
      } catch (err) {
        failures++;
        this.#settle(term);
        this.#warn(term, err);
        await sleep(backoffMs(failures, retry), term.ended, this.#clock);
      }
    }
  }

  /**
   * Opens a bucket again that somebody removed: what it is to hold is written anew, and events don't wait for it. At once the
   * first time; a bucket that can be opened and takes nothing is as bad as one that cannot.
   */
  async #reopen(term: Term): Promise<void> {
    term.bucket = undefined;
    this.#keys.clear();
    this.#reckon(term);
    for (;;) {
      if (term.reopenings > 0) await sleep(backoffMs(term.reopenings, retry), term.ended, this.#clock);
      if (this.#isOver(term)) return;
      term.reopenings++;
      try {
        await this.#adopt(term);
        return;
      } catch (err) {
        this.#warn(term, err);
      }
    }
  }

  async #adopt(term: Term): Promise<void> {
    const { openBucket, log } = this.#options;
    await this.#readNamespace(term);
    const bucket = await openBucket();
    const entries = await readKeys(bucket, this.#owner, (value) => isOf(parseValue(value), term.namespaceUid));
    if (this.#isOver(term)) return;
    if (bucket.ttlMs > 0)
      log.warn({ ttlMs: bucket.ttlMs }, 'the key-value bucket forgets after a time, and deletions with it');
    if (bucket.lastRevision < this.#revision) log.warn({ keys: this.#told.size }, lostAndMade);
    this.#keys = keysOf(entries, term.namespaceUid);
    term.bucket = bucket;
    this.#revision = entries
      .values()
      .reduce((highest, { revision }) => Math.max(highest, revision), bucket.lastRevision);
    term.isFailing = false;
    if (term.reopenings === 0) this.#hasWarned = false;
    this.#reckon(term);
  }

  /** What is owed to the bucket, as its keys are known now. */
  #reckon(term: Term): void {
    for (const [containerId, uid] of this.#told) {
      if (this.#hasKey(term, containerId, uid)) this.#unwritten.delete(containerId);
      else this.#unwritten.add(containerId);
    }
    this.#payDebts();
  }

  async #readNamespace(term: Term): Promise<void> {
    const toldBefore = [...this.#told.values()];
    term.namespaceUid = await this.#ask(term, (signal) => this.#options.source.namespaceUid(signal));
    const stillTold = new Set(this.#told.values());
    term.witnesses = new Set(toldBefore.filter((uid) => stillTold.has(uid)));
  }

  /** A namespace only goes with everything in it: one that is made anew while this runs has another uid, and none of the witnesses. */
  #isGone(term: Term | undefined, deploymentUid: string): void {
    if (term === undefined || !term.witnesses.delete(deploymentUid)) return;
    if (term.witnesses.size === 0) void this.#checkNamespace(term);
  }

  /** Reads the namespace's uid again, and has the keys corrected that were written with a former one. Never rejects. */
  async #checkNamespace(term: Term): Promise<void> {
    if (term.bucket === undefined || term.isCheckingNamespace) return;
    term.isCheckingNamespace = true;
    for (let failures = 0; !this.#isOver(term);) {
      try {
        const before = term.namespaceUid;
        await this.#readNamespace(term);
        if (term.namespaceUid !== before && !this.#isOver(term)) this.#reckon(term);
        break;
      } catch (err) {
        failures++;
        this.#warn(term, err);
        await sleep(backoffMs(failures, retry), term.ended, this.#clock);
      }
    }
    term.isCheckingNamespace = false;
  }

  /**
   * Until each container that has a key is known to the caches, whose watch tells its end, or is found to be gone: one that
   * ends after a list and before the caches were filled is in neither. Each list is begun after the keys were read, so that
   * nothing that was just created can be missing from it.
   */
  async #compare(term: Term): Promise<void> {
    const { source, isKnown, onForgotten, log } = this.#options;
    const open = new Map(this.#keys);
    const remembered = open.size;
    let deleted = 0;
    for (let lists = 1; ; lists++) {
      const existing = await this.#ask(term, (signal) => source.listIds(signal));
      if (this.#isOver(term)) return;
      for (const [containerId, { deploymentUid }] of open) {
        if (existing.has(containerId)) continue;
        open.delete(containerId);
        if (this.#ended.has(containerId)) continue;
        onForgotten(containerId, deploymentUid);
        deleted++;
      }
      if (!open.keys().every(isKnown)) await sleep(backoffMs(lists, retry), term.ended, this.#clock);
      for (const containerId of open.keys()) if (isKnown(containerId)) open.delete(containerId);
      if (open.size === 0) break;
    }
    this.#isCompared = true;
    log.info({ remembered, deleted }, 'compared what was reported with the cluster');
  }

  #ask<T>({ ended }: Term, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const message = `the cluster did not answer within ${clusterTimeoutMs} ms`;
    return callWithin({ ms: clusterTimeoutMs, message, signal: ended, clock: this.#clock }, call);
  }

  #hasKey(term: Term | undefined, containerId: string, deploymentUid: string): boolean {
    const key = this.#keys.get(containerId);
    if (key?.deploymentUid !== deploymentUid) return false;
    return term?.namespaceUid === undefined || key.namespaceUid === term.namespaceUid;
  }

  async #write(term: Term, containerId: string): Promise<void> {
    const { bucket, namespaceUid } = term;
    const deploymentUid = this.#told.get(containerId);
    if (deploymentUid === undefined || bucket === undefined || this.#isOver(term)) return;
    if (this.#hasKey(term, containerId, deploymentUid)) {
      this.#unwritten.delete(containerId);
      return;
    }
    const value: Value = {
      deployment: deploymentUid,
      ...(namespaceUid !== undefined && { namespace: namespaceUid }),
    };
    const before = this.#revision;
    try {
      const revision = await bucket.put(this.#keyOf(containerId), JSON.stringify(value));
      if (this.#isOver(term) || term.bucket !== bucket) return;
      if (revision <= before) throw new BucketReplaced();
      this.#works(term);
      this.#revision = Math.max(this.#revision, revision);
      this.#keys.set(containerId, { deploymentUid, namespaceUid, revision });
      const told = this.#told.get(containerId);
      if (told !== undefined && this.#hasKey(term, containerId, told)) this.#unwritten.delete(containerId);
    } catch (err) {
      term.isFailing = true;
      if (this.#told.get(containerId) === deploymentUid) this.#unwritten.add(containerId);
      this.#failed(term, bucket, err);
      this.#payDebts();
    }
  }

  /** Only up to the revision that is known, and only for the Deployment whose end was told: the id may be taken again. */
  async #remove(term: Term, containerId: string, deploymentUid: string): Promise<void> {
    const key = this.#keys.get(containerId);
    const { bucket } = term;
    if (bucket === undefined) return;
    if (key?.deploymentUid === deploymentUid) {
      try {
        await bucket.purge(this.#keyOf(containerId), key.revision);
      } catch (err) {
        this.#failed(term, bucket, err);
        return;
      }
      if (this.#isOver(term) || term.bucket !== bucket) return;
      this.#works(term);
      if (this.#keys.get(containerId) === key) this.#keys.delete(containerId);
    }
    if (this.#ended.get(containerId) === deploymentUid) this.#ended.delete(containerId);
  }

  #payDebts(): void {
    const term = this.#term;
    const bucket = term?.bucket;
    if (term === undefined || bucket === undefined) return;
    this.#paying ??= this.#payAll(term, bucket).finally(() => {
      this.#paying = undefined;
      if (this.#term?.bucket !== bucket) this.#payDebts();
    });
  }

  async #payAll(term: Term, bucket: Bucket): Promise<void> {
    let failures = 0;
    while (!this.#isOver(term) && term.bucket === bucket && this.#options.publisher.connected) {
      const before = this.#unwritten.size + this.#ended.size;
      if (before === 0) return;
      const puts = [...this.#unwritten].slice(0, debtsAtOnce).map((containerId) => this.#write(term, containerId));
      const removals = [...this.#ended]
        .slice(0, debtsAtOnce)
        .map(([containerId, uid]) => this.#remove(term, containerId, uid));
      await Promise.all([...puts, ...removals]);
      if (term.bucket !== bucket) return;
      failures = this.#unwritten.size + this.#ended.size < before ? 0 : failures + 1;
      if (failures > 0 && this.#stop.signal.aborted) return;
      if (failures > 0)
        await sleep(backoffMs(failures, retry), AbortSignal.any([term.ended, this.#stop.signal]), this.#clock);
    }
  }

  #works(term: Term): void {
    term.isFailing = false;
    term.reopenings = 0;
    this.#hasWarned = false;
  }

  #failed(term: Term, bucket: Bucket, err: unknown): void {
    this.#warn(term, err);
    const isLost = isMissing(err) || err instanceof BucketReplaced;
    if (isLost && term.bucket === bucket && !this.#isOver(term)) void this.#reopen(term);
  }

  #isOver({ ended }: Term): boolean {
    return ended.aborted;
  }

  get #owner(): KeyOwner {
    const { source, providerName, formerNames } = this.#options;
    return { namespace: source.namespace, providerName, formerNames };
  }

  #keyOf(containerId: string): string {
    return keyOf(this.#owner, containerId);
  }

  /** Once, until the bucket could be used again. */
  #warn(term: Term, err: unknown): void {
    if (this.#isOver(term) || !this.#options.publisher.connected) return;
    const level = this.#hasWarned ? 'debug' : 'warn';
    this.#hasWarned = true;
    this.#options.log[level](
      { err, ...this.stats() },
      'the key-value bucket cannot be used, events go out all the same',
    );
  }
}

/** Keys of a namespace that had the same name and is gone are no longer anybody's; where a uid is not known, the name counts. */
function keysOf(entries: ReadonlyMap<string, BucketEntry>, namespaceUid: string | undefined): Map<string, Key> {
  const keys = new Map<string, Key>();
  for (const [containerId, { value, revision }] of entries) {
    const parsed = parseValue(value);
    if (!isOf(parsed, namespaceUid)) continue;
    keys.set(containerId, { deploymentUid: parsed.deployment, namespaceUid: parsed.namespace, revision });
  }
  return keys;
}

function isOf(value: Partial<Value>, namespaceUid: string | undefined): value is Value {
  const { deployment, namespace } = value;
  return deployment !== undefined && (namespace ?? namespaceUid) === (namespaceUid ?? namespace);
}

function parseValue(text: string): Partial<Value> {
  try {
    const value = JSON.parse(text) as Partial<Value> | null;
    return typeof value?.deployment === 'string' ? value : {};
  } catch {
    return {};
  }
}
