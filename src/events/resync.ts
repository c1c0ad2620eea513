/** Reports every container again: each period, when the caches were compared with the cluster, and whenever there is a reason. */
import type { Logger } from 'pino';
import type { ContainerSource } from '../containers/source.ts';
import type { Clock } from '../clock.ts';
import { callWithin, sleep } from '../time.ts';
import type { Deliveries } from './deliveries.ts';
import type { Reporter } from './reporter.ts';

/** Resyncs are at least this far apart, whatever the period: each lists everything in the cluster. */
const minPeriodMs = 1_000;

/** The pace at which a resync repeats the status of every container, unless the period asks for a faster one. */
const repeatsPerSecond = 200;

/** The part of a period that repeating may take, so that it is over before the next one begins. */
const repeatShare = 0.8;

/** A resync is given up after its period, or after this where the period is shorter. */
const minTimeoutMs = 30_000;

/** How often it is looked whether memory can be believed again. */
const cutOffLookMs = 1_000;

/** Containers looked at in one turn of the event loop, and the time between two turns while there is time to spend. */
const visitsPerTurn = 500;
const turnMs = 50;

export interface ResyncOptions {
  source: ContainerSource;
  deliveries: Deliveries;
  reporter: Reporter;
  periodMs: number;
  log: Logger;
  clock: Clock;
}

export class Resync {
  readonly #options: ResyncOptions;
  readonly #stop = new AbortController();
  /** Set where everything is to be repeated, as soon as the caches can be believed. */
  #repeatDue: { evenStored: boolean } | undefined;

  constructor(options: ResyncOptions) {
    this.#options = options;
  }

  /** Has every container looked at once the source is ready, and then each period; never throws, and returns at once. */
  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
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

  async #run(): Promise<void> {
    const { source, reporter, clock } = this.#options;
    const { signal } = this.#stop;
    const periodMs = Math.max(this.#options.periodMs, minPeriodMs);
    await source.ready;
    let next = clock.elapsed() + periodMs;
    await this.#visit(0, (containerId) => reporter.look(containerId));
    reporter.sawAll();
    for (;;) {
      await sleep(next - clock.elapsed(), signal, clock);
      if (signal.aborted) return;
      next = Math.max(next, clock.elapsed()) + periodMs;
      if (!(await this.#compare())) continue;
      await this.#visit((next - clock.elapsed()) * repeatShare, (containerId) => reporter.repeatForResync(containerId));
    }
  }

  async #repeatWhenLive(): Promise<void> {
    const { source, reporter, deliveries, clock } = this.#options;
    const { signal } = this.#stop;
    await source.ready;
    while (!source.isLive && !signal.aborted) await sleep(cutOffLookMs, signal, clock);
    const evenStored = this.#repeatDue?.evenStored === true;
    this.#repeatDue = undefined;
    await this.#visit(0, (containerId) => {
      if (evenStored || deliveries.get(containerId)?.seen?.isStored !== true) reporter.repeat(containerId);
    });
  }

  /** Whether the caches are now known to be what the cluster is: else nothing may be repeated. Never rejects. */
  async #compare(): Promise<boolean> {
    const { source, log, clock, periodMs } = this.#options;
    const ms = Math.max(periodMs, minTimeoutMs);
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

  /**
   * Visits the containers that exist, and those that are remembered as deleted: evenly, some in each turn, at the usual pace
   * or within `mostMs` milliseconds; all of them even where time runs out.
   */
  async #visit(mostMs: number, visit: (containerId: string) => void): Promise<void> {
    const { source, deliveries, clock } = this.#options;
    const containerIds = [...new Set([...source.ids(), ...deliveries.ids()])];
    const overMs = Math.min((containerIds.length / repeatsPerSecond) * 1_000, mostMs);
    const startedAt = clock.elapsed();
    let visited = 0;
    while (visited < containerIds.length && !this.#stop.signal.aborted) {
      const share = overMs > 0 ? Math.min(1, (clock.elapsed() - startedAt + turnMs) / overMs) : 1;
      const due = Math.min(Math.ceil(share * containerIds.length), visited + visitsPerTurn);
      for (; visited < due; visited++) visit(containerIds[visited]!);
      await sleep(share < 1 ? turnMs : 0, this.#stop.signal, clock);
    }
  }
}
