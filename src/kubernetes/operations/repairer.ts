/** When repairs happen: after the caches are filled, at each resync, and when something was left half-done. */
import type { ClusterContext } from './cluster-context.ts';
import { repairServices } from './repair-services.ts';

export class Repairer {
  readonly #context: ClusterContext;
  readonly #minAgeMs: number;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param minAgeMs - a Deployment younger than this may still be in the making, in milliseconds */
  constructor(context: ClusterContext, minAgeMs: number) {
    this.#context = context;
    this.#minAgeMs = minAgeMs;
  }

  /** Repairs what can be repaired now, and what is too young yet when it is old enough. Callers at the same time share one. */
  async repair(): Promise<void> {
    this.#running ??= this.#repairAndPlan().finally(() => (this.#running = undefined));
    await this.#running;
  }

  /** Repairs once all Deployments that are there now, or on their way, are old enough. */
  repairSoon(): void {
    this.#plan(Date.now() + this.#minAgeMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #repairAndPlan(): Promise<void> {
    const { lookAgainAt } = await repairServices(this.#context, this.#minAgeMs, this.#stopping.signal);
    if (lookAgainAt !== undefined) this.#plan(lookAgainAt);
  }

  /** One timer is enough: the later time sees all that the earlier would have seen. */
  #plan(at: number): void {
    if (this.#stopping.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.repair(), Math.max(0, at - Date.now()) + graceMs);
  }
}

/** Creation times are whole seconds. */
const graceMs = 1_000;
