/** What has to be published and is not confirmed yet: for each container its newest status. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { backoffMs } from '../backoff.ts';
import type { Clock } from './clock.ts';
import type { StatusChange, StatusEvent } from './cloud-event.ts';
import type { EventMessage, EventPublisher } from './publisher.ts';

/** Containers of which something is unpublished. Containers that exist are never left out, deleted ones past this are. */
const defaultMaxUnpublished = 100_000;

/** Events sent and not yet confirmed. Enough to hide a round trip, and little to send again. */
const maxInFlight = 1_000;

const retry = { firstMs: 250, maxMs: 10_000 };

export interface OutboxOptions {
  publisher: EventPublisher;
  encode: (event: StatusEvent) => EventMessage;
  log: Logger;
  clock: Clock;
  maxUnpublished?: number;
}

interface Entry {
  event: StatusEvent;
  /** Made when it is first sent, and sent again as it is. */
  encoded?: EventMessage;
  failures: number;
}

/**
 * At most one entry waits and one is under way, so that the events of a container arrive in order. A slot that was
 * dropped while an entry was under way is left behind by it: what becomes of that entry then concerns nobody.
 */
interface Slot {
  waiting?: Entry | undefined;
  sending?: Entry | undefined;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #maxUnpublished: number;
  readonly #slots = new Map<string, Slot>();
  /** Ids of containers whose waiting entry can be sent now, the one that waits longest first. */
  readonly #sendable = new Set<string>();
  /** Ids of containers whose waiting entry failed and waits for its next try. */
  readonly #failed = new Set<string>();
  /** Ids of containers whose waiting entry is the last one, the oldest first. */
  readonly #deleted = new Set<string>();
  #inFlight = 0;
  #nextTry: { at: number; cancel: () => void } | undefined;
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

  /** Takes the place of what waits for the same container; never fails, and returns at once. */
  put(change: StatusChange): void {
    const { containerId } = change;
    const slot = this.#slots.get(containerId) ?? {};
    this.#slots.set(containerId, slot);
    const event = { ...change, id: randomUUID(), seenAt: this.#options.clock.now() };
    this.#setWaiting(slot, { event, failures: 0 });
    this.#failed.delete(containerId);
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

  /** Sends nothing more. What is not confirmed is lost. */
  close(): void {
    this.#nextTry?.cancel();
    this.#nextTry = undefined;
    this.#sendable.clear();
    this.#failed.clear();
    this.#deleted.clear();
    this.#slots.clear();
  }

  #setWaiting(slot: Slot, entry: Entry): void {
    slot.waiting = entry;
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
      this.#failed.delete(oldest);
      this.#slots.delete(oldest);
      this.#options.log.error({ containerId: oldest }, 'too many unpublished status events, dropped a DELETED');
    }
  }

  #send(): void {
    const { publisher } = this.#options;
    for (const containerId of this.#sendable) {
      if (!publisher.connected || this.#inFlight >= maxInFlight) return;
      this.#sendable.delete(containerId);
      const slot = this.#slots.get(containerId);
      if (slot?.waiting === undefined) continue;
      const entry = slot.waiting;
      slot.sending = entry;
      slot.waiting = undefined;
      this.#deleted.delete(containerId);
      this.#inFlight++;
      this.#publish(entry).then(
        () => this.#confirmed(slot, entry),
        (err: unknown) => this.#notConfirmed(slot, entry, err),
      );
    }
  }

  async #publish(entry: Entry): Promise<void> {
    entry.encoded ??= this.#options.encode(entry.event);
    await this.#options.publisher.publish(entry.encoded);
  }

  #confirmed(slot: Slot, { event }: Entry): void {
    this.#inFlight--;
    slot.sending = undefined;
    const { containerId, status } = event;
    this.#options.log.debug({ containerId, status, eventId: event.id }, 'status event published');
    if (this.#slots.get(containerId) === slot) this.#goOn(slot, event);
    this.#send();
  }

  #goOn(slot: Slot, { containerId, status, message }: StatusEvent): void {
    const waiting = slot.waiting?.event;
    if (waiting !== undefined && (waiting.status !== status || waiting.message !== message)) {
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
    slot.sending = undefined;
    entry.failures++;
    if (this.#slots.get(containerId) === slot) this.#goOnAfterFailure(slot, entry, err);
    this.#send();
  }

  #goOnAfterFailure(slot: Slot, entry: Entry, err: unknown): void {
    const superseded = slot.waiting !== undefined;
    if (!superseded) this.#setWaiting(slot, entry);
    if (superseded || !this.#options.publisher.connected) this.#sendable.add(entry.event.containerId);
    else this.#tryLater(entry, err);
  }

  #tryLater({ event, failures }: Entry, err: unknown): void {
    const { clock, log } = this.#options;
    this.#failed.add(event.containerId);
    const delayMs = backoffMs(failures, retry);
    const at = clock.elapsed() + delayMs;
    if (this.#nextTry !== undefined && this.#nextTry.at <= at) return;
    this.#nextTry?.cancel();
    this.#nextTry = { at, cancel: clock.after(delayMs, () => this.#retryNow()) };
    log.warn({ err, failures, delayMs: Math.round(delayMs), unpublished: this.size }, 'publishing failed, will retry');
  }

  #retryNow(): void {
    this.#nextTry?.cancel();
    this.#nextTry = undefined;
    for (const containerId of this.#failed) this.#sendable.add(containerId);
    this.#failed.clear();
    this.#send();
  }
}
