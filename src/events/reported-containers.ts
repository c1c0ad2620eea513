/**
 * Remembers in a key-value bucket which containers were reported and are not known to be gone: so that who was told of a
 * container is told of its end, whatever ran or did not in between.
 */
import type { ContainerSource } from '../containers/source.ts';
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { callWithin, sleep } from '../time.ts';
import type { StatusChange } from './cloud-event.ts';
import type { Deliveries, Delivery, Key } from './deliveries.ts';
import { isMissing } from './nats-bucket.ts';
import type { Bucket } from './nats-bucket.ts';
import type { EventPublisher } from './publisher.ts';
import { canBeKept, keyOf, readKeys } from './reported-keys.ts';
import type { KeyOwner } from './reported-keys.ts';
import type { Reporter } from './reporter.ts';
import type { WorkQueue } from './work-queue.ts';

const retry = { firstMs: 1_000, maxMs: 60_000 };

/** How long events wait for the bucket to be opened before they go out without it. */
const maxOpeningMs = 5_000;

/** A call to the cluster may take this long. */
const clusterTimeoutMs = 30_000;

const lostAndMade = 'the key-value bucket was lost and made anew, all keys are written again';

export interface ReportedContainersOptions extends Telemetry {
  /** Opens the bucket over the present connection. */
  openBucket: () => Promise<Bucket>;
  providerName: string;
  /** Names that the provider had before: what was remembered under them is taken over. */
  formerNames: readonly string[];
  publisher: Pick<EventPublisher, 'connected' | 'onConnect'>;
  source: Pick<ContainerSource, 'listIds' | 'namespace' | 'namespaceUid'>;
  leadership: Leadership;
  deliveries: Deliveries;
  /** Where containers are put whose keys are owed. */
  queue: WorkQueue;
  /** Takes containers that were reported once and that the cluster no longer has. */
  reporter: Pick<Reporter, 'reportForgotten'>;
  clock: Clock;
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

/** From the beginning of leading, or of a connection, to its end. */
interface Term {
  ended: AbortSignal;
  bucket?: Bucket | undefined;
  /** The bucket is being opened and read for the first time: the keys of events could not go ahead of them. */
  isOpening: boolean;
  /** How often the bucket failed since it last took or removed a key. Events don't wait for one that fails. */
  failures: number;
  /** A bucket that fails is not asked before this, by the monotonic clock, and then for one container alone. */
  retryAt: number;
  isTrying: boolean;
  /** How often the bucket was opened anew since it last took or removed a key. */
  reopenings: number;
  namespaceUid?: string | undefined;
  /**
   * Uids of Deployments that were there before the uid of the namespace was read, and are not known to be gone: as long as
   * there is one, the namespace is the same.
   */
  uidsSeenBefore: Set<string>;
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
  readonly #stop = new AbortController();
  #endTerm = new AbortController();
  #term: Term | undefined;
  /** Whether the keys were compared with the cluster since this replica leads. */
  #isCompared = false;
  readonly #listeners: (() => void)[] = [];
  /** The highest revision that the bucket has told, over all connections. */
  #revision = 0;
  #hasWarned = false;

  constructor(options: ReportedContainersOptions) {
    this.#options = options;
    options.publisher.onConnect(() => this.begin());
  }

  /** To be called when this replica begins to lead: opens the bucket over the connection, where there is one. */
  begin(): void {
    const { leadership, publisher, clock } = this.#options;
    this.#endTerm.abort();
    this.#term = undefined;
    if (!leadership.leads || !publisher.connected || this.#stop.signal.aborted) return;
    this.#endTerm = new AbortController();
    const { signal: ended } = this.#endTerm;
    const term: Term = {
      ended,
      isOpening: true,
      failures: 0,
      retryAt: 0,
      isTrying: false,
      reopenings: 0,
      uidsSeenBefore: new Set(),
      isCheckingNamespace: false,
    };
    this.#term = term;
    void sleep(maxOpeningMs, ended, clock).then(() => this.#letGo(term));
    void this.#open(term);
  }

  /** To be called when this replica has ceased to lead: what another one remembers by now is not known here. */
  forgetAll(): void {
    this.#endTerm.abort();
    this.#term = undefined;
    this.#isCompared = false;
    this.#revision = 0;
    this.#options.deliveries.forgetKeys();
  }

  /** Opens nothing any more, and has everything tried once more that is owed to the bucket. */
  stop(): void {
    this.#stop.abort();
    if (this.#term !== undefined) this.#term.failures = 0;
    this.#addOwed();
  }

  /** Ends what is under way. */
  close(): void {
    this.#endTerm.abort();
  }

  stats(): ReportedContainersStats {
    const { deliveries } = this.#options;
    const owed = [...deliveries.values()].filter((delivery) => this.#isOwed(delivery)).length;
    return { open: this.#term?.bucket !== undefined, owed };
  }

  /** Whether events can be sent now: at the beginning they wait a while for the bucket, so that no event precedes its key. */
  get connected(): boolean {
    return this.#options.publisher.connected && this.#term?.isOpening !== true;
  }

  /** Calls back each time when `connected` has become true. */
  onConnect(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Events that wait for the bucket to be opened do so no longer. */
  releaseEvents(): void {
    if (this.#term !== undefined) this.#letGo(this.#term);
  }

  /**
   * To be called with each event before it is sent: the event counts once this has resolved too, or the next one is wanted.
   * Undefined: nothing has to be waited for. Never rejects: what the bucket does not take is owed to it, and events go out all the same.
   */
  remember(delivery: Delivery, { status, deploymentUid }: StatusChange): Promise<void> | undefined {
    if (deploymentUid === undefined || !canBeKept(delivery.containerId)) return undefined;
    const term = this.#term;
    if (status === 'DELETED') {
      this.#isGone(term, deploymentUid);
      return undefined;
    }
    const { told } = delivery;
    delivery.told = deploymentUid;
    delivery.ended = undefined;
    if (told !== undefined && told !== deploymentUid) this.#isGone(term, told);
    if (term !== undefined && term.uidsSeenBefore.size === 0) void this.#checkNamespace(term);
    const canWait = term?.bucket !== undefined && term.failures === 0;
    return canWait && this.#isOwed(delivery) ? this.settle(delivery) : undefined;
  }

  /** To be called when an event was confirmed: the key of a container whose end was told is to be removed. */
  confirmed(delivery: Delivery, { status, deploymentUid }: StatusChange): void {
    const isKept = deploymentUid !== undefined && canBeKept(delivery.containerId);
    if (status !== 'DELETED' || !isKept || !this.#options.leadership.leads) return;
    // What was never sent, or the bucket did not take, may have left the key of a Deployment before, whose end was told too.
    const { told, ended, key } = delivery;
    const isOwnKey = told !== undefined || (ended !== undefined && ended === key?.deploymentUid);
    delivery.ended = (isOwnKey ? key?.deploymentUid : undefined) ?? deploymentUid;
    delivery.told = undefined;
    this.#isGone(this.#term, deploymentUid);
  }

  /** Whether something is owed to the bucket and is to be tried now; what is to be tried later is added to the queue for then. */
  isDue(delivery: Delivery): boolean {
    const { queue, clock } = this.#options;
    const term = this.#term;
    if (term?.bucket === undefined || !this.#isOwed(delivery)) return false;
    if (term.failures === 0) return true;
    const ms = term.isTrying ? retry.firstMs : term.retryAt - clock.elapsed();
    if (ms > 0) queue.addAfter(delivery.containerId, ms);
    return ms <= 0;
  }

  /** Writes the key of the container, or removes it, whichever is owed; calls while that is under way share it. Never rejects. */
  settle(delivery: Delivery): Promise<void> {
    delivery.settling ??= this.#settle(delivery).finally(() => {
      delivery.settling = undefined;
      this.#options.deliveries.drop(delivery);
    });
    return delivery.settling;
  }

  async #settle(delivery: Delivery): Promise<void> {
    const term = this.#term;
    const bucket = term?.bucket;
    if (term === undefined || bucket === undefined) return;
    const isTrying = term.failures > 0;
    if (isTrying) term.isTrying = true;
    try {
      await (delivery.told !== undefined ? this.#write(term, bucket, delivery) : this.#remove(term, bucket, delivery));
    } catch (err) {
      this.#failed(term, bucket, err);
      if (term.bucket === bucket && !this.#isOver(term)) this.isDue(delivery);
    }
    if (isTrying) term.isTrying = false;
  }

  #letGo(term: Term): void {
    if (!term.isOpening) return;
    term.isOpening = false;
    if (this.#term === term && this.connected) for (const listener of this.#listeners) listener();
  }

  /** Opens and reads the bucket, then finds out whose end was missed; tries again until that is done or the term ends. */
  async #open(term: Term): Promise<void> {
    await this.#insist(term, async () => {
      try {
        if (term.bucket === undefined) await this.#adopt(term);
      } finally {
        this.#letGo(term);
      }
      if (!this.#isCompared) await this.#compare(term);
    });
  }

  /**
   * Opens a bucket again that somebody removed: what it is to hold is written anew, and events don't wait for it. At once the
   * first time; a bucket that can be opened and takes nothing is as bad as one that cannot.
   */
  async #reopen(term: Term): Promise<void> {
    term.bucket = undefined;
    for (const delivery of this.#options.deliveries.values()) delivery.key = undefined;
    if (term.reopenings > 0) await this.#pause(term, term.reopenings);
    term.reopenings++;
    await this.#insist(term, () => this.#adopt(term), term.reopenings);
  }

  /** Tries again until it is done or the term ends; never rejects. */
  async #insist(term: Term, act: () => Promise<void>, failuresBefore = 0): Promise<void> {
    for (let failures = failuresBefore + 1; !this.#isOver(term); failures++) {
      try {
        await act();
        return;
      } catch (err) {
        this.#warn(term, err);
        await this.#pause(term, failures);
      }
    }
  }

  #pause(term: Term, failures: number): Promise<void> {
    return sleep(backoffMs(failures, retry), term.ended, this.#options.clock);
  }

  async #adopt(term: Term): Promise<void> {
    const { openBucket, log, deliveries } = this.#options;
    await this.#readNamespace(term);
    const bucket = await openBucket();
    const entries = await readKeys(bucket, this.#owner, (value) => isOf(parseValue(value), term.namespaceUid));
    if (this.#isOver(term)) return;
    if (bucket.ttlMs > 0)
      log.warn({ ttlMs: bucket.ttlMs }, 'the key-value bucket forgets after a time, and deletions with it');
    const keys = [...deliveries.values()].filter(({ told }) => told !== undefined).length;
    if (bucket.lastRevision < this.#revision) log.warn({ keys }, lostAndMade);
    for (const delivery of deliveries.values()) delivery.key = undefined;
    this.#revision = bucket.lastRevision;
    for (const [containerId, { value, revision }] of entries) {
      this.#revision = Math.max(this.#revision, revision);
      const parsed = parseValue(value);
      if (isOf(parsed, term.namespaceUid)) deliveries.ensure(containerId).key = keyFrom(parsed, revision);
    }
    term.bucket = bucket;
    term.failures = 0;
    if (term.reopenings === 0) this.#hasWarned = false;
    this.#addOwed();
  }

  /** Has everything tried that is owed to the bucket. */
  #addOwed(): void {
    const { deliveries, queue } = this.#options;
    for (const delivery of deliveries.values()) if (this.#isOwed(delivery)) queue.add(delivery.containerId);
  }

  async #readNamespace(term: Term): Promise<void> {
    const { source, deliveries } = this.#options;
    const told = () => [...deliveries.values()].map(({ told }) => told).filter((uid) => uid !== undefined);
    const toldBefore = new Set(told());
    term.namespaceUid = await this.#ask(term, (signal) => source.namespaceUid(signal));
    term.uidsSeenBefore = new Set(told().filter((uid) => toldBefore.has(uid)));
  }

  /** A namespace only goes with everything in it: one that is made anew while this runs has another uid, and none of those. */
  #isGone(term: Term | undefined, deploymentUid: string): void {
    if (term === undefined || !term.uidsSeenBefore.delete(deploymentUid)) return;
    if (term.uidsSeenBefore.size === 0) void this.#checkNamespace(term);
  }

  /** Reads the namespace's uid again, and has the keys corrected that were written with a former one. Never rejects. */
  async #checkNamespace(term: Term): Promise<void> {
    if (term.bucket === undefined || term.isCheckingNamespace) return;
    term.isCheckingNamespace = true;
    await this.#insist(term, async () => {
      const before = term.namespaceUid;
      await this.#readNamespace(term);
      if (term.namespaceUid !== before && !this.#isOver(term)) this.#addOwed();
    });
    term.isCheckingNamespace = false;
  }

  /**
   * Until each container that has a key is known to the caches, whose watch tells its end, or is found to be gone: one that
   * ends after a list and before the caches were filled is in neither. Each list is begun after the keys were read, so that
   * nothing that was just created can be missing from it.
   */
  async #compare(term: Term): Promise<void> {
    const { source, deliveries, reporter, log } = this.#options;
    const keyed = [...deliveries.values()].filter(({ key }) => key !== undefined);
    const open = new Map(keyed.map(({ containerId, key }) => [containerId, key!.deploymentUid]));
    const remembered = open.size;
    let deleted = 0;
    for (let lists = 1; ; lists++) {
      const existing = await this.#ask(term, (signal) => source.listIds(signal));
      if (this.#isOver(term)) return;
      for (const [containerId, deploymentUid] of open) {
        if (existing.has(containerId)) continue;
        open.delete(containerId);
        if (deliveries.get(containerId)?.ended !== undefined) continue;
        reporter.reportForgotten(containerId, deploymentUid);
        deleted++;
      }
      const isKnown = (containerId: string) => deliveries.knows(containerId);
      if (!open.keys().every(isKnown)) await this.#pause(term, lists);
      for (const containerId of open.keys()) if (isKnown(containerId)) open.delete(containerId);
      if (open.size === 0) break;
    }
    this.#isCompared = true;
    log.info({ remembered, deleted }, 'compared what was reported with the cluster');
  }

  #ask<T>({ ended }: Term, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const message = `the cluster did not answer within ${clusterTimeoutMs} ms`;
    return callWithin({ ms: clusterTimeoutMs, message, signal: ended, clock: this.#options.clock }, call);
  }

  /** Whether the bucket is to have another key of the container, or none, as far as is known. */
  #isOwed({ told, ended, key }: Delivery): boolean {
    if (told === undefined) return ended !== undefined;
    if (key?.deploymentUid !== told) return true;
    const namespaceUid = this.#term?.namespaceUid;
    return namespaceUid !== undefined && key.namespaceUid !== namespaceUid;
  }

  async #write(term: Term, bucket: Bucket, delivery: Delivery): Promise<void> {
    const { told, containerId } = delivery;
    if (told === undefined || !this.#isOwed(delivery)) return;
    const { namespaceUid } = term;
    const value: Value = { deployment: told, ...(namespaceUid !== undefined && { namespace: namespaceUid }) };
    const before = this.#revision;
    const revision = await bucket.put(this.#keyOf(containerId), JSON.stringify(value));
    if (this.#isOver(term) || term.bucket !== bucket) return;
    if (revision <= before) throw new BucketReplaced();
    this.#revision = Math.max(this.#revision, revision);
    delivery.key = keyFrom(value, revision);
    this.#works(term);
  }

  /** Only up to the revision that is known, and only for the Deployment whose end was told: the id may be taken again. */
  async #remove(term: Term, bucket: Bucket, delivery: Delivery): Promise<void> {
    const { ended, key, containerId } = delivery;
    if (ended !== undefined && key?.deploymentUid === ended) {
      await bucket.purge(this.#keyOf(containerId), key.revision);
      if (this.#isOver(term) || term.bucket !== bucket) return;
      delivery.key = undefined;
      this.#works(term);
    }
    delivery.ended = undefined;
  }

  #works(term: Term): void {
    const failed = term.failures > 0;
    term.failures = 0;
    term.reopenings = 0;
    this.#hasWarned = false;
    if (failed) this.#addOwed();
  }

  #failed(term: Term, bucket: Bucket, err: unknown): void {
    const { clock } = this.#options;
    this.#warn(term, err);
    if (term.failures === 0 || clock.elapsed() >= term.retryAt) {
      term.failures++;
      term.retryAt = clock.elapsed() + backoffMs(term.failures, retry);
    }
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
    const { log } = this.#options;
    const level = this.#hasWarned ? 'debug' : 'warn';
    this.#hasWarned = true;
    // Who counts what is owed looks at every container.
    if (!log.isLevelEnabled(level)) return;
    log[level]({ err, ...this.stats() }, 'the key-value bucket cannot be used, events go out all the same');
  }
}

function keyFrom({ deployment, namespace }: Value, revision: number): Key {
  return { deploymentUid: deployment, namespaceUid: namespace, revision };
}

/** Keys of a namespace that had the same name and is gone are no longer anybody's; where a uid is not known, the name counts. */
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
