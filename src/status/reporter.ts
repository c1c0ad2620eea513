/** The loop that looks at a container whenever anything hints at a change, and reports its status when it changed. */
import type { Logger } from 'pino';
import type { ContainerSource } from '../containers/source.ts';
import { containerStatus } from '../containers/status.ts';
import type { Clock } from './clock.ts';
import { pause } from './clock.ts';
import type { StatusChange } from './cloud-event.ts';
import { Debouncer } from './debouncer.ts';

/** How often DELETED is repeated, once each resync. */
const deletedRepeats = 2;

/** Deleted containers whose repeats are still to come. Past this the oldest are not repeated. */
const maxDeletedKept = 100_000;

/** The pace at which a resync repeats the status of every container, unless the period asks for a faster one. */
const repeatsPerSecond = 200;

/** The part of a period that repeating may take, so that it is over before the next one begins. */
const repeatShare = 0.8;

/** A resync is given up after its period, or after this where the period is shorter. */
const minResyncTimeoutMs = 30_000;

/** Containers looked at in one turn of the event loop, and the time between two turns while there is time to spend. */
const visitsPerTurn = 500;
const turnMs = 50;

export interface ReporterOptions {
  source: ContainerSource;
  /** Takes what is to be published; never throws. */
  put: (change: StatusChange) => void;
  debounceMs: number;
  resyncPeriodMs: number;
  log: Logger;
  clock: Clock;
}

/** What is remembered of a container from the first look at it to the last repeat of its DELETED. */
interface Memory {
  /** What was put last; absent before the first time. */
  reported?: StatusChange;
  /** The window that is open ends with a report, even of the same status. */
  repeat: boolean;
  repeatsLeft: number;
  cancelLook?: (() => void) | undefined;
}

export class StatusReporter {
  readonly #options: ReporterOptions;
  readonly #memories = new Map<string, Memory>();
  /** Ids of those in memory that were reported as deleted, in the order of that. */
  readonly #deleted = new Set<string>();
  readonly #windows: Debouncer;
  readonly #stop = new AbortController();
  #unsubscribe: (() => void) | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { debounceMs: windowMs, clock } = options;
    this.#windows = new Debouncer({ windowMs, clock, onEnd: (containerId) => this.#report(containerId) });
  }

  /** Reports every container once after the source is ready, then what changes; never throws, and returns at once. */
  start(): void {
    const { source } = this.#options;
    this.#unsubscribe = source.onChange((containerId) => this.#look(containerId));
    void this.#run();
  }

  /** Looks no more, and reports at once what waits for the end of its window. */
  stop(): void {
    this.#stop.abort();
    this.#unsubscribe?.();
    for (const { cancelLook } of this.#memories.values()) cancelLook?.();
    this.#windows.flush();
  }

  async #run(): Promise<void> {
    const { source, clock, resyncPeriodMs } = this.#options;
    const { signal } = this.#stop;
    await source.ready;
    let next = clock.elapsed() + resyncPeriodMs;
    await this.#visit([...source.ids()], 0, (containerId) => this.#look(containerId));
    for (;;) {
      await pause(clock, next - clock.elapsed(), signal);
      if (signal.aborted) return;
      next = Math.max(next, clock.elapsed()) + resyncPeriodMs;
      await this.#resync();
      const known = [...new Set([...source.ids(), ...this.#memories.keys()])];
      const overMs = Math.min((known.length / repeatsPerSecond) * 1_000, (next - clock.elapsed()) * repeatShare);
      await this.#visit(known, overMs, (containerId) => this.#repeat(containerId));
    }
  }

  /** What the cluster cannot be asked about now is repeated as the caches have it, and compared next time. */
  async #resync(): Promise<void> {
    const { source, log, clock, resyncPeriodMs } = this.#options;
    const timeout = new AbortController();
    const timeoutMs = Math.max(resyncPeriodMs, minResyncTimeoutMs);
    const cancel = clock.after(timeoutMs, () => timeout.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      await source.resync(AbortSignal.any([this.#stop.signal, timeout.signal]));
    } catch (err) {
      if (!this.#stop.signal.aborted) log.warn({ err }, 'comparing the caches with the cluster failed');
    } finally {
      cancel();
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
      await pause(clock, share < 1 ? turnMs : 0, this.#stop.signal);
    }
  }

  /** A window that is open ends with a look of its own. */
  #look(containerId: string): void {
    if (this.#windows.isOpen(containerId)) return;
    const change = this.#observe(containerId);
    if (change !== undefined && this.#differs(change)) this.#windows.open(containerId);
  }

  #repeat(containerId: string): void {
    const change = this.#observe(containerId);
    if (change === undefined) return;
    const memory = this.#memories.get(containerId)!;
    if (memory.reported?.status === 'DELETED' && change.status === 'DELETED') {
      if (memory.repeatsLeft === 0) {
        this.#forget(containerId);
        return;
      }
      memory.repeatsLeft--;
    }
    memory.repeat = true;
    this.#windows.open(containerId);
  }

  #report(containerId: string): void {
    const change = this.#observe(containerId);
    if (change === undefined) return;
    const memory = this.#memories.get(containerId)!;
    if (!memory.repeat && !this.#differs(change)) return;
    if (change.status !== 'DELETED') this.#deleted.delete(containerId);
    else if (memory.reported?.status !== 'DELETED') this.#keepDeleted(containerId, memory);
    memory.repeat = false;
    memory.reported = change;
    this.#options.put(change);
  }

  /**
   * The status now, with a look ahead where time alone will change it. Undefined for what has no Deployment and never had
   * one in our time: a Pod that outlives its Deployment says nothing new.
   */
  #observe(containerId: string): StatusChange | undefined {
    const { source, clock } = this.#options;
    const objects = source.observe(containerId);
    let memory = this.#memories.get(containerId);
    if (memory === undefined) {
      if (objects.deployment === undefined) return undefined;
      memory = { repeat: false, repeatsLeft: 0 };
      this.#memories.set(containerId, memory);
    }
    const { status, message, lookAgainAt } = containerStatus(objects, clock.now());
    memory.cancelLook?.();
    memory.cancelLook =
      lookAgainAt === undefined || this.#stop.signal.aborted
        ? undefined
        : clock.after(lookAgainAt - clock.now(), () => this.#look(containerId));
    return { containerId, status, message };
  }

  #differs({ containerId, status, message }: StatusChange): boolean {
    const reported = this.#memories.get(containerId)?.reported;
    return reported?.status !== status || reported.message !== message;
  }

  #keepDeleted(containerId: string, memory: Memory): void {
    memory.repeatsLeft = deletedRepeats;
    this.#deleted.add(containerId);
    if (this.#deleted.size <= maxDeletedKept) return;
    const [oldest] = this.#deleted;
    if (oldest !== undefined) this.#forget(oldest);
  }

  /** While a finalizer still holds the Deployment, the container must not look like a new one. */
  #forget(containerId: string): void {
    if (this.#options.source.observe(containerId).deployment !== undefined) return;
    this.#deleted.delete(containerId);
    this.#memories.get(containerId)?.cancelLook?.();
    this.#memories.delete(containerId);
  }
}
