/** When repairs happen: after the caches are filled, at each resync, and when something was left half-done. */
import type { Leadership } from '../../leadership/leadership.ts';
import { orAborted } from '../../time.ts';
import type { ClusterContext } from './cluster-context.ts';
import { repairServices } from './repair-services.ts';

export class Repairer {
  readonly #context: ClusterContext;
  readonly #minAgeMs: number;
  readonly #leadership: Leadership;
  /** What creates here may have left half-done, and until when it is looked after, in milliseconds since the epoch. */
  readonly #own = new Map<string, number>();
  #unsubscribe: (() => void) | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The latest time for which a repair was asked, in milliseconds since the epoch. */
  #lastWantedAt = 0;

  /**
   * @param minAgeMs - a Deployment younger than this may still be in the making, in milliseconds
   * @param leadership - the leader repairs everything; who does not lead, only what it left half-done itself
   */
  constructor(context: ClusterContext, { minAgeMs, leadership }: { minAgeMs: number; leadership: Leadership }) {
    this.#context = context;
    this.#minAgeMs = minAgeMs;
    this.#leadership = leadership;
  }

  /** Repairs once the caches are filled, and whenever this replica becomes the leader. */
  start(): void {
    this.#unsubscribe = this.#leadership.onChange((leads) => {
      if (leads) void this.repair().catch(() => undefined);
    });
    void this.#context.caches.filled.then(() => this.repair()).catch(() => undefined);
  }

  /**
   * Repairs what can be repaired now, and what is too young yet when it is old enough. Callers at the same time share one
   * repair: the signal ends the wait for it, and throws its reason.
   */
  async repair(signal: AbortSignal = this.#stopping.signal): Promise<void> {
    this.#running ??= this.#repairAndPlan().finally(() => (this.#running = undefined));
    await orAborted(this.#running, signal);
  }

  /** Repairs once all Deployments that are there now, or on their way, are old enough; this one whoever leads. */
  repairSoon(containerId: string): void {
    this.#own.set(containerId, Date.now() + ownShare * this.#minAgeMs);
    this.#plan(Date.now() + this.#minAgeMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #repairAndPlan(): Promise<void> {
    // To memory that has no Services yet all of them are missing; once it is filled, a repair follows.
    if (!this.#context.caches.isFilled) return;
    const concerns = (containerId: string) => this.#leadership.leads || this.#own.has(containerId);
    const { signal } = this.#stopping;
    const { lookAgainAt } = await repairServices(this.#context, { minAgeMs: this.#minAgeMs, concerns }, signal);
    for (const [containerId, until] of this.#own) if (until < Date.now()) this.#own.delete(containerId);
    if (lookAgainAt !== undefined) this.#plan(lookAgainAt);
  }

  /** A timer that is set is not put off, however often a repair is asked for: once it is over, the latest time is planned. */
  #plan(at: number): void {
    this.#lastWantedAt = Math.max(this.#lastWantedAt, at);
    if (this.#stopping.signal.aborted || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#repairLate(), Math.max(0, at - Date.now()) + graceMs);
  }

  async #repairLate(): Promise<void> {
    this.#timer = undefined;
    await this.repair().catch(() => undefined);
    if (this.#lastWantedAt > Date.now()) this.#plan(this.#lastWantedAt);
  }
}

/** For how many such ages a half-done create is looked after: the cluster may be away when it is old enough. */
const ownShare = 20;

/** Creation times are whole seconds. */
const graceMs = 1_000;
