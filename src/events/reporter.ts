/** The loop that looks at a container whenever anything hints at a change, and reports its status and outputs when they changed. */
import type { Logger } from 'pino';
import type { ContainerSource, EndedDeployment } from '../containers/source.ts';
import type { ContainerStatus } from '../containers/container.ts';
import { isWithin } from '../containers/resource-version.ts';
import type { VersionRange } from '../containers/resource-version.ts';
import { deletedMessage } from '../containers/status.ts';
import type { Clock } from '../clock.ts';
import { callWithin, sleep } from '../time.ts';
import { isSameChange } from './cloud-event.ts';
import type { StatusChange } from './cloud-event.ts';
import { Debouncer } from './debouncer.ts';

/** How often DELETED is repeated, once each resync, unless a stream has it; for as long it is remembered. */
const deletedRepeats = 2;

/** Deletions are remembered for at least this long, in milliseconds, however short the period: a leader may ask for them. */
const minKeptMs = 120_000;

/** Deleted containers whose repeats are still to come. Past this the oldest are not repeated. */
const defaultMaxDeletedKept = 100_000;

/** Resyncs are at least this far apart, whatever the period: each lists everything in the cluster. */
const minResyncPeriodMs = 1_000;

/** The pace at which a resync repeats the status of every container, unless the period asks for a faster one. */
const repeatsPerSecond = 200;

/** The part of a period that repeating may take, so that it is over before the next one begins. */
const repeatShare = 0.8;

/** A resync is given up after its period, or after this where the period is shorter. */
const minResyncTimeoutMs = 30_000;

/** How often it is looked whether caches that were cut off can be believed again. */
const cutOffLookMs = 1_000;

/** Containers looked at in one turn of the event loop, and the time between two turns while there is time to spend. */
const visitsPerTurn = 500;
const turnMs = 50;

/** What is seen of a container without a Deployment. */
const gone = { status: 'DELETED', message: deletedMessage, endpoints: [] } as const;

const countedStatuses: readonly ContainerStatus[] = ['PENDING', 'RUNNING', 'FAILED', 'UNKNOWN'];

export interface ReporterOptions {
  source: Omit<ContainerSource, 'listIds' | 'namespace' | 'namespaceUid'>;
  /** Takes what is to be published, though it may be the same as before where it is `again`; never throws. */
  put: (change: StatusChange, options: { again: boolean; isTold: boolean }) => void;
  debounceMs: number;
  resyncPeriodMs: number;
  /** Whether the log is to tell of the containers' lives here; absent: always. */
  tells?: () => boolean;
  /** There are replicas that may have served a delete that this one knows nothing of; absent: there are none. */
  hasPeers?: boolean;
  /** Whether what was put a while ago has reached somebody: as long as it has not, deletions are not forgotten. Absent: always. */
  mayForget?: () => boolean;
  /** Deleted containers that are remembered; absent: 100,000. Those whose Deployment a finalizer still holds come on top. */
  maxDeletedKept?: number;
  log: Logger;
  clock: Clock;
}

/** What is remembered of a container from the first look at it to the last repeat of its DELETED. */
interface ReportState {
  /** What was put last; absent before the first time. */
  reported?: StatusChange;
  /** Of the Deployment that was seen last. */
  deploymentUid?: string;
  /** The first that was heard of that Deployment. */
  seenVersion?: string;
  /** The window that is open ends with a report, even of the same status. */
  repeat: boolean;
  repeatsLeft: number;
  /** When its end was first known, by the monotonic clock; absent while it is not. */
  deletedAt?: number;
  /** It was first seen after all that there was at the start. */
  isNew?: boolean;
  /** Whether the Deployment that was seen last went by a request; absent as long as it is there. */
  endedByRequest?: boolean;
  /** A stream has acknowledged its DELETED: consumers get that, and the id may have been made anew elsewhere since. */
  isStored?: boolean;
}

export class StatusReporter {
  readonly #options: ReporterOptions;
  readonly #states = new Map<string, ReportState>();
  /** Ids of those in state that were reported as deleted and are to be repeated, in the order of that. */
  readonly #deleted = new Set<string>();
  readonly #windows: Debouncer;
  readonly #stop = new AbortController();
  /** Set where everything is to be repeated, as soon as the caches can be believed. */
  #repeatDue: { evenStored: boolean } | undefined;
  #unsubscribe: (() => void)[] = [];
  #sawAll = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { debounceMs: windowMs, clock } = options;
    this.#windows = new Debouncer({ windowMs, clock, onEnd: (containerId) => this.#report(containerId) });
  }

  /** Reports every container once after the source is ready, then what changes; never throws, and returns at once. */
  start(): void {
    const { source } = this.#options;
    this.#unsubscribe = [
      source.onEnd((ended) => this.#noteEnd(ended)),
      source.onChange((containerId) => this.#look(containerId)),
    ];
    void this.#run();
  }

  /**
   * Reports every container again, and every deletion that is remembered, at least those of the last two resync periods.
   * Waits for caches that can be believed. Returns at once.
   *
   * @param options.evenStored - also deletions that a stream has acknowledged; absent: true
   */
  repeatEverything({ evenStored = true } = {}): void {
    if (this.#repeatDue) {
      this.#repeatDue.evenStored ||= evenStored;
      return;
    }
    this.#repeatDue = { evenStored };
    void this.#repeatWhenLive();
  }

  /** To be called with each event that a stream has acknowledged: of the end of a container no resync tells again then. */
  stored({ containerId, status, deploymentUid }: StatusChange): void {
    const state = this.#states.get(containerId);
    if (status !== 'DELETED' || state?.reported?.status !== 'DELETED') return;
    if (state.reported.deploymentUid === deploymentUid) state.isStored = true;
  }

  /**
   * Reports as deleted what was reported before this process started, or by another replica, and is gone; unless the caches
   * know the container by then. Returns at once.
   *
   * @param deploymentUid - of the Deployment that is gone
   */
  reportForgotten(containerId: string, deploymentUid: string): void {
    const { source } = this.#options;
    void source.ready.then(() => {
      if (this.#stop.signal.aborted) return;
      const isKnown = this.#states.has(containerId) || source.view(containerId) !== undefined;
      if (!isKnown) this.#states.set(containerId, { repeat: false, repeatsLeft: 0, deploymentUid });
      this.#repeat(containerId);
    });
  }

  /** Whether the container was seen since the start, so that its end will be noticed or was. */
  knows(containerId: string): boolean {
    return this.#states.has(containerId);
  }

  /**
   * The uids of Deployments that are gone, by the ids of their containers: those that can have come and gone within the
   * range, since nothing was heard of them before or after it.
   */
  endedWithin(range: VersionRange): Map<string, string> {
    const ended = new Map<string, string>();
    for (const containerId of this.#deleted) {
      const { deploymentUid, seenVersion } = this.#states.get(containerId)!;
      const isMeant = seenVersion !== undefined && isWithin(range, seenVersion);
      if (isMeant && deploymentUid !== undefined) ended.set(containerId, deploymentUid);
    }
    return ended;
  }

  /** Looks no more, and reports at once what waits for the end of its window. */
  stop(): void {
    this.#stop.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#windows.flush();
  }

  /** How many containers were reported last with each status; those that are deleted are none any more. */
  countByStatus(): Map<ContainerStatus, number> {
    const counts = new Map<ContainerStatus, number>(countedStatuses.map((status) => [status, 0]));
    for (const { reported } of this.#states.values()) {
      const count = reported && counts.get(reported.status);
      if (count !== undefined) counts.set(reported!.status, count + 1);
    }
    return counts;
  }

  async #run(): Promise<void> {
    const { source, clock } = this.#options;
    const { signal } = this.#stop;
    const periodMs = Math.max(this.#options.resyncPeriodMs, minResyncPeriodMs);
    await source.ready;
    let next = clock.elapsed() + periodMs;
    await this.#visit(this.#known(), 0, (containerId) => this.#look(containerId));
    this.#sawAll = true;
    for (;;) {
      await sleep(next - clock.elapsed(), signal, clock);
      if (signal.aborted) return;
      next = Math.max(next, clock.elapsed()) + periodMs;
      if (!(await this.#resync())) continue;
      const known = this.#known();
      const overMs = Math.min((known.length / repeatsPerSecond) * 1_000, (next - clock.elapsed()) * repeatShare);
      await this.#visit(known, overMs, (containerId) => this.#repeatForResync(containerId));
    }
  }

  async #repeatWhenLive(): Promise<void> {
    const { source, clock } = this.#options;
    const { signal } = this.#stop;
    await source.ready;
    while (!source.isLive && !signal.aborted) await sleep(cutOffLookMs, signal, clock);
    const evenStored = this.#repeatDue?.evenStored === true;
    this.#repeatDue = undefined;
    await this.#visit(this.#known(), 0, (containerId) => {
      if (evenStored || this.#states.get(containerId)?.isStored !== true) this.#repeat(containerId);
    });
  }

  /** The ids of the containers that exist, and of those that are remembered as deleted. */
  #known(): string[] {
    return [...new Set([...this.#options.source.ids(), ...this.#states.keys()])];
  }

  /** Whether the caches are now known to be what the cluster is: else nothing may be repeated. Never rejects. */
  async #resync(): Promise<boolean> {
    const { source, log, clock, resyncPeriodMs } = this.#options;
    const ms = Math.max(resyncPeriodMs, minResyncTimeoutMs);
    const { signal } = this.#stop;
    try {
      await callWithin({ ms, message: `no answer within ${ms} ms`, signal, clock }, (bounded) =>
        source.resync(bounded),
      );
      return true;
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'comparing the caches with the cluster failed');
      return false;
    }
  }

  /** Visits evenly over `overMs` milliseconds, some in each turn; all of them even where time runs out. */
  async #visit(containerIds: readonly string[], overMs: number, visit: (containerId: string) => void): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.elapsed();
    let visited = 0;
    while (visited < containerIds.length && !this.#stop.signal.aborted) {
      const share = overMs > 0 ? Math.min(1, (clock.elapsed() - startedAt + turnMs) / overMs) : 1;
      const due = Math.min(Math.ceil(share * containerIds.length), visited + visitsPerTurn);
      for (; visited < due; visited++) visit(containerIds[visited]!);
      await sleep(share < 1 ? turnMs : 0, this.#stop.signal, clock);
    }
  }

  /** What ended before anything else was heard of it is to be reported too. */
  #noteEnd({ containerId, uid, resourceVersion, byRequest }: EndedDeployment): void {
    const endedByRequest = byRequest === true;
    const known = this.#states.get(containerId);
    if (known) {
      if (known.deploymentUid === uid) known.endedByRequest = endedByRequest;
      return;
    }
    const state = { repeat: false, repeatsLeft: 0, deploymentUid: uid, seenVersion: resourceVersion, endedByRequest };
    this.#states.set(containerId, state);
    this.#keepDeleted(containerId, state);
  }

  /** A window that is open ends with a look of its own. */
  #look(containerId: string): void {
    if (this.#windows.isOpen(containerId)) return;
    const change = this.#observe(containerId);
    if (change === undefined) return;
    if (this.#differs(change)) this.#windows.open(containerId);
    else if (change.status === 'DELETED' && !this.#deleted.has(containerId)) this.#forget(containerId);
  }

  /** What was true a while ago is not repeated: the next comparison that succeeds does that. */
  #repeat(containerId: string): void {
    if (!this.#options.source.isLive || this.#observe(containerId) === undefined) return;
    this.#states.get(containerId)!.repeat = true;
    this.#windows.open(containerId);
  }

  /** DELETED is repeated a few times unless a stream has it, and then forgotten, as soon as that does no harm. */
  #repeatForResync(containerId: string): void {
    if (!this.#options.source.isLive) return;
    const state = this.#states.get(containerId);
    if (state?.reported?.status === 'DELETED' && this.#observe(containerId)?.status === 'DELETED') {
      if (state.repeatsLeft === 0) {
        const keptMs = this.#options.clock.elapsed() - (state.deletedAt ?? 0);
        if (keptMs >= minKeptMs && (this.#options.mayForget?.() ?? true)) this.#forget(containerId);
        return;
      }
      state.repeatsLeft--;
      if (state.isStored) return;
    }
    this.#repeat(containerId);
  }

  #report(containerId: string): void {
    const change = this.#observe(containerId);
    if (change === undefined) return;
    const state = this.#states.get(containerId)!;
    const mayRepeat = state.repeat && this.#options.source.isLive;
    state.repeat = false;
    if (!mayRepeat && !this.#differs(change)) return;
    if (change.status !== 'DELETED') this.#exists(containerId, state);
    else if (state.reported?.status !== 'DELETED') this.#keepDeleted(containerId, state);
    const isTold = (this.#options.tells?.() ?? true) && this.#tell(change, state);
    state.reported = change;
    this.#options.put(change, { again: mayRepeat, isTold });
  }

  /**
   * A line of the log where a container came to be, changed its status, or is gone. Without its message, in which the
   * kubelet may repeat what only the container is to know.
   *
   * @returns whether there was something to tell
   */
  #tell(
    { containerId, status, deploymentUid }: StatusChange,
    { reported, isNew, endedByRequest }: ReportState,
  ): boolean {
    const { log, hasPeers = false } = this.#options;
    if (status === 'DELETED') {
      if (reported?.status === 'DELETED') return false;
      const elsewhere = hasPeers ? 'outside, or a request to another replica' : 'outside';
      const cause = endedByRequest === undefined ? undefined : endedByRequest ? 'request' : elsewhere;
      log.info({ containerId, ...(cause !== undefined && { cause }) }, 'container is gone');
    } else if (reported !== undefined && reported.status !== 'DELETED' && reported.deploymentUid === deploymentUid) {
      if (reported.status === status) return false;
      log.info({ containerId, from: reported.status, status }, 'container changed');
    } else {
      if (reported === undefined && isNew !== true) return false;
      // Gone and made anew within one window.
      if (reported !== undefined && reported.status !== 'DELETED') log.info({ containerId }, 'container is gone');
      log.info({ containerId, status }, 'container came to be');
    }
    return true;
  }

  /**
   * What is seen of the container now. Undefined for what has no Deployment and never had one in our time: a Pod that
   * outlives its Deployment says nothing new.
   */
  #observe(containerId: string): StatusChange | undefined {
    const view = this.#options.source.view(containerId);
    let state = this.#states.get(containerId);
    if (state === undefined) {
      if (view === undefined) return undefined;
      state = { repeat: false, repeatsLeft: 0, ...(this.#sawAll && { isNew: true }) };
      this.#states.set(containerId, state);
    }
    if (view !== undefined && view.uid !== state.deploymentUid) {
      state.deploymentUid = view.uid;
      state.seenVersion = view.resourceVersion;
      delete state.endedByRequest;
    }
    const { deploymentUid } = state;
    const { status, message, endpoints } = view ?? gone;
    return { containerId, status, message, endpoints, ...(deploymentUid !== undefined && { deploymentUid }) };
  }

  /** Another Deployment is another container, even with the same id and status. */
  #differs(change: StatusChange): boolean {
    const reported = this.#states.get(change.containerId)?.reported;
    if (reported === undefined || !isSameChange(reported, change)) return true;
    return change.status !== 'DELETED' && reported.deploymentUid !== change.deploymentUid;
  }

  #exists(containerId: string, state: ReportState): void {
    this.#deleted.delete(containerId);
    delete state.isStored;
  }

  #keepDeleted(containerId: string, state: ReportState): void {
    state.repeatsLeft = deletedRepeats;
    state.deletedAt = this.#options.clock.elapsed();
    this.#deleted.add(containerId);
    if (this.#deleted.size <= (this.#options.maxDeletedKept ?? defaultMaxDeletedKept)) return;
    const [oldest] = this.#deleted;
    if (oldest !== undefined) this.#forget(oldest);
  }

  /**
   * Repeats no more. While a finalizer still holds the Deployment, the container must not look like a new one: what is known
   * of it goes with the Deployment.
   */
  #forget(containerId: string): void {
    this.#deleted.delete(containerId);
    const state = this.#states.get(containerId);
    if (state !== undefined) state.repeatsLeft = 0;
    if (this.#options.source.view(containerId) !== undefined) return;
    this.#states.delete(containerId);
  }
}
