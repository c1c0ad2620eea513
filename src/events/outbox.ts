/** What has to be published and is not confirmed yet: for each container its newest status. */
import { randomUUID } from 'node:crypto';
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { isSameChange } from './cloud-event.ts';
import type { StatusChange, StatusEvent } from './cloud-event.ts';
import { EventTooLargeError } from './publisher.ts';
import type { Confirmed, EventMessage, EventPublisher } from './publisher.ts';
import type { ReportedContainers } from './reported-containers.ts';

/** Containers of which something is unpublished. Containers that exist are never left out, deleted ones past this are. */
const defaultMaxUnpublished = 100_000;

/**
 * Events sent and not yet confirmed. Enough to hide a round trip, little to send again, and what one answer of the server
 * confirms, and lets go on, is done within one turn of the event loop.
 */
const maxInFlight = 250;

const retry = { firstMs: 250, maxMs: 10_000 };

export interface OutboxOptions extends Telemetry {
  publisher: EventPublisher;
  encode: (event: StatusEvent) => EventMessage;
  /** Who doesn't lead takes nothing and sends nothing. */
  leadership: Pick<Leadership, 'leads'>;
  clock: Clock;
  /** Remembers who was told of what. Absent: nobody does. */
  record?: Pick<ReportedContainers, 'remember'>;
  /** Told of each event that was confirmed, in the order of that. */
  onConfirmed?: (event: StatusEvent, confirmed: Confirmed) => void;
  maxUnpublished?: number;
}

/** Counted since the start, but for what is there now. */
export interface OutboxStats {
  /** Containers of which something is not confirmed now. */
  unconfirmed: number;
  /** Events that were sent and wait for their confirmation now. */
  inFlight: number;
  /** Milliseconds since the oldest event that is not confirmed was put; 0 where there is none. */
  oldestMs: number;
  published: number;
  /** Tries that were not confirmed. */
  failed: number;
  /** Events that were given up: DELETED ones because too many waited, others because they are too large. */
  dropped: number;
}

interface Entry {
  event: StatusEvent;
  /** By the clock that never goes back, in milliseconds. */
  putAt: number;
  /** Made when it is first sent, and sent again as it is. */
  encoded?: EventMessage;
  failures: number;
  again: boolean;
  isTold: boolean;
}

/**
 * At most one entry waits and one is under way, so that the events of a container arrive in order. A slot that was
 * dropped while an entry was under way is left behind by it: what becomes of that entry then concerns nobody.
 */
interface Slot {
  waiting?: Entry | undefined;
  sending?: Entry | undefined;
  /** Something of it was sent and not confirmed. */
  wasTried?: boolean;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #maxUnpublished: number;
  readonly #slots = new Map<string, Slot>();
  /** Ids of containers whose waiting entry can be sent now, the one that waits longest first. */
  readonly #sendable = new Set<string>();
  /** Ids of containers whose waiting entry failed, with what cancels its next try: each has a back-off of its own. */
  readonly #failed = new Map<string, () => void>();
  /** Ids of containers whose waiting entry is the last one, the oldest first. */
  readonly #deleted = new Set<string>();
  #inFlight = 0;
  readonly #counts = { published: 0, failed: 0, dropped: 0 };
  /** Something was confirmed only when this replica led no more. */
  #wasConfirmedLate = false;
  /** Failures until then are no news: a line was written, and what it is about was not tried again yet. */
  #quietUntil = -Infinity;
  #onEmpty: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#maxUnpublished = options.maxUnpublished ?? defaultMaxUnpublished;
    options.publisher.onConnect(() => this.#retryNow());
  }

  /** Number of containers of which something is not confirmed. */
  get size(): number {
    return this.#slots.size;
  }

  stats(): OutboxStats {
    const entries = [...this.#slots.values()].flatMap(({ waiting, sending }) => [waiting, sending]);
    const oldest = entries.reduce((first, entry) => Math.min(first, entry?.putAt ?? Infinity), Infinity);
    const oldestMs = Math.max(0, this.#options.clock.elapsed() - oldest);
    return { unconfirmed: this.size, inFlight: this.#inFlight, oldestMs, ...this.#counts };
  }

  /**
   * Takes the place of what waits for the same container; never fails, and returns at once.
   *
   * @param options.again - is sent though the same is just being confirmed: it is repeated for a reason; absent: false
   * @param options.isTold - the log tells of the change at INFO, and so it will of the confirmation; absent: false
   */
  put(change: StatusChange, { again = false, isTold = false } = {}): void {
    if (!this.#options.leadership.leads) return;
    const { containerId } = change;
    const slot = this.#slots.get(containerId) ?? {};
    this.#slots.set(containerId, slot);
    const event = { ...change, id: randomUUID(), seenAt: this.#options.clock.now() };
    this.#setWaiting(slot, { event, putAt: this.#options.clock.elapsed(), failures: 0, again, isTold });
    this.#cancelRetry(containerId);
    if (slot.sending === undefined) this.#sendable.add(containerId);
    this.#dropPastBound();
    this.#send();
  }

  /** Resolves when everything is confirmed or the signal is aborted; never rejects. */
  async empty(signal: AbortSignal): Promise<void> {
    this.#retryNow();
    if (this.#slots.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  }

  /**
   * Forgets everything that is not confirmed, as who leads no more has to.
   *
   * @returns whether some of it may still arrive: it was sent, and nobody confirmed it while this replica led
   */
  discard(): boolean {
    const wasTried = [...this.#slots.values()].some((slot) => slot.wasTried);
    const mayArrive = this.#inFlight > 0 || wasTried || this.#wasConfirmedLate;
    this.#wasConfirmedLate = false;
    this.close();
    return mayArrive;
  }

  /** Sends nothing of what was put so far. What is not confirmed is lost. */
  close(): void {
    for (const cancel of this.#failed.values()) cancel();
    this.#failed.clear();
    this.#sendable.clear();
    this.#deleted.clear();
    this.#slots.clear();
    this.#onEmpty?.();
  }

  #setWaiting(slot: Slot, entry: Entry): void {
    // Where an earlier one is not sent any more, its confirmation is that of this one.
    slot.waiting = { ...entry, isTold: entry.isTold || slot.waiting?.isTold === true };
    const { containerId, status } = entry.event;
    if (status !== 'DELETED') this.#deleted.delete(containerId);
    else this.#deleted.add(containerId);
  }

  #dropPastBound(): void {
    while (this.#slots.size > this.#maxUnpublished) {
      const [oldest] = this.#deleted;
      if (oldest === undefined) return;
      this.#deleted.delete(oldest);
      this.#sendable.delete(oldest);
      this.#cancelRetry(oldest);
      this.#slots.delete(oldest);
      this.#countDropped();
      this.#options.log.error({ containerId: oldest }, 'too many unpublished status events, dropped a DELETED');
    }
  }

  #countDropped(): void {
    this.#counts.dropped++;
    this.#options.metrics?.eventDropped();
  }

  /** Whether this replica leads is asked before each event: the process may have been frozen since the one before. */
  #send(): void {
    const { publisher, leadership } = this.#options;
    for (const containerId of this.#sendable) {
      if (!publisher.connected || this.#inFlight >= maxInFlight || !leadership.leads) return;
      this.#sendable.delete(containerId);
      const slot = this.#slots.get(containerId);
      if (slot?.waiting === undefined) continue;
      const entry = slot.waiting;
      slot.sending = entry;
      slot.waiting = undefined;
      this.#deleted.delete(containerId);
      this.#inFlight++;
      this.#publish(entry).then(
        (confirmed) => this.#confirmed(slot, entry, confirmed),
        (err: unknown) => this.#notConfirmed(slot, entry, err),
      );
    }
  }

  async #publish(entry: Entry): Promise<Confirmed> {
    const { publisher, encode, record } = this.#options;
    entry.encoded ??= encode(entry.event);
    const remembered = record?.remember(entry.event);
    const confirmed = await publisher.publish(entry.encoded);
    if (remembered !== undefined) await remembered;
    return confirmed;
  }

  #confirmed(slot: Slot, { event, putAt, isTold }: Entry, confirmed: Confirmed): void {
    const { metrics, clock } = this.#options;
    metrics?.eventPublished((clock.elapsed() - putAt) / 1_000);
    this.#inFlight--;
    this.#counts.published++;
    this.#wasConfirmedLate ||= !this.#options.leadership.leads;
    slot.sending = undefined;
    const { containerId, status } = event;
    const level = isTold ? 'info' : 'debug';
    this.#options.log[level]({ containerId, status, eventId: event.id }, 'status event confirmed');
    this.#options.onConfirmed?.(event, confirmed);
    if (this.#slots.get(containerId) === slot) this.#goOn(slot, event);
    this.#send();
  }

  /** @param done - the event that is confirmed, or given up */
  #goOn(slot: Slot, done: StatusEvent): void {
    const { containerId } = done;
    if (slot.waiting !== undefined && isNews(slot.waiting, done)) {
      this.#sendable.add(containerId);
    } else {
      this.#deleted.delete(containerId);
      this.#slots.delete(containerId);
      if (this.#slots.size === 0) this.#onEmpty?.();
    }
  }

  #notConfirmed(slot: Slot, entry: Entry, err: unknown): void {
    const { containerId } = entry.event;
    this.#inFlight--;
    this.#counts.failed++;
    slot.sending = undefined;
    if (err instanceof EventTooLargeError) {
      this.#dropTooLarge(slot, entry.event, err);
    } else {
      slot.wasTried = true;
      entry.failures++;
      if (this.#slots.get(containerId) === slot) this.#goOnAfterFailure(slot, entry, err);
    }
    this.#send();
  }

  #dropTooLarge(slot: Slot, event: StatusEvent, err: Error): void {
    const { containerId, status } = event;
    this.#countDropped();
    this.#options.log.error({ err, containerId, status }, 'a status event is too large for NATS, dropped it');
    if (this.#slots.get(containerId) === slot) this.#goOn(slot, event);
  }

  #goOnAfterFailure(slot: Slot, entry: Entry, err: unknown): void {
    const superseded = slot.waiting !== undefined;
    if (!superseded) this.#setWaiting(slot, entry);
    if (superseded || !this.#options.publisher.connected) this.#sendable.add(entry.event.containerId);
    else this.#tryLater(entry, err);
  }

  #tryLater({ event, failures }: Entry, err: unknown): void {
    const { clock, log } = this.#options;
    const { containerId } = event;
    const delayMs = backoffMs(failures, retry);
    const tryAgain = () => {
      this.#failed.delete(containerId);
      this.#sendable.add(containerId);
      this.#send();
    };
    this.#failed.set(containerId, clock.after(delayMs, tryAgain));
    if (clock.elapsed() < this.#quietUntil) return;
    this.#quietUntil = clock.elapsed() + delayMs;
    log.warn({ err, failures, delayMs: Math.round(delayMs), unpublished: this.size }, 'publishing failed, will retry');
  }

  #cancelRetry(containerId: string): void {
    this.#failed.get(containerId)?.();
    this.#failed.delete(containerId);
  }

  /** What failed is tried now, whatever is left of its back-off. */
  #retryNow(): void {
    for (const [containerId, cancel] of this.#failed) {
      cancel();
      this.#sendable.add(containerId);
    }
    this.#failed.clear();
    this.#send();
  }
}

/** Whether what waits has to be sent though `done` was confirmed, or given up, just now. */
function isNews({ event, again }: Entry, done: StatusEvent): boolean {
  return again || event.deploymentUid !== done.deploymentUid || !isSameChange(event, done);
}
