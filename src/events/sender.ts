/** Sends what is wanted of each container to the broker until it is confirmed, one event of a container at a time. */
import type { Clock } from '../clock.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { isSameChange } from './cloud-event.ts';
import type { StatusEvent } from './cloud-event.ts';
import type { Deliveries, Delivery, Wanted } from './deliveries.ts';
import { EventTooLargeError } from './publisher.ts';
import type { Confirmed, EventMessage, EventPublisher } from './publisher.ts';
import type { ReportedContainers } from './reported-containers.ts';
import type { WorkQueue } from './work-queue.ts';

const retry = { firstMs: 250, maxMs: 10_000 };

export interface SenderOptions extends Telemetry {
  deliveries: Deliveries;
  queue: WorkQueue;
  publisher: Pick<EventPublisher, 'publish'>;
  /** When events can be sent: `connected`, and called back each time that becomes true. */
  gate: Pick<EventPublisher, 'connected' | 'onConnect'>;
  encode: (event: StatusEvent) => EventMessage;
  /** Who doesn't lead sends nothing. */
  leadership: Pick<Leadership, 'leads'>;
  /** Has the keys of what is told. Absent: there are none. */
  record?: ReportedContainers | undefined;
  clock: Clock;
}

/** Counted since the start, but for what is there now. */
export interface SenderStats {
  /** Containers of which something is not confirmed now. */
  unconfirmed: number;
  /** Events that were sent and wait for their confirmation now. */
  inFlight: number;
  /** Milliseconds since the oldest event that is not confirmed was wanted; 0 where there is none. */
  oldestMs: number;
  published: number;
  /** Tries that were not confirmed. */
  failed: number;
  /** Events that were given up: DELETED ones because too many waited, others because they are too large. */
  dropped: number;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #counts = { published: 0, failed: 0 };
  #inFlight = 0;
  /** Something was confirmed only when this replica had ceased to lead. */
  #wasConfirmedLate = false;
  /** Failures until then are no news: a line was written, and what it is about was not tried again yet. */
  #quietUntil = -Infinity;

  constructor(options: SenderOptions) {
    this.#options = options;
    options.gate.onConnect(() => this.retryNow());
  }

  stats(): SenderStats {
    const { clock, deliveries } = this.#options;
    let oldest = Infinity;
    for (const { wanted, sending } of deliveries.unconfirmed)
      oldest = Math.min(oldest, wanted?.since ?? Infinity, sending?.since ?? Infinity);
    const oldestMs = Math.max(0, clock.elapsed() - oldest);
    const { unconfirmed, dropped } = deliveries;
    return { unconfirmed: unconfirmed.size, inFlight: this.#inFlight, oldestMs, dropped, ...this.#counts };
  }

  /** What is not confirmed is tried now, whatever is left of its back-off. */
  retryNow(): void {
    const { deliveries, queue } = this.#options;
    for (const delivery of deliveries.unconfirmed) {
      delivery.retryAt = undefined;
      queue.add(delivery.containerId);
    }
  }

  /** Resolves when everything is confirmed or the signal is aborted; never rejects. */
  async drain(signal: AbortSignal): Promise<void> {
    this.retryNow();
    await this.#options.deliveries.allConfirmed(signal);
  }

  /**
   * Forgets everything that is not confirmed, as who ceases to lead has to.
   *
   * @returns whether some of it may still arrive: it was sent, and nobody confirmed it while this replica led
   */
  discard(): boolean {
    const { deliveries, queue } = this.#options;
    let mayArrive = this.#inFlight > 0 || this.#wasConfirmedLate;
    this.#wasConfirmedLate = false;
    for (const delivery of [...deliveries.unconfirmed]) {
      mayArrive ||= delivery.wanted?.wasTried === true;
      delivery.wanted = delivery.sending = delivery.retryAt = undefined;
      queue.forget(delivery.containerId);
      deliveries.noteConfirmation(delivery);
    }
    return mayArrive;
  }

  /**
   * To be called when the container is due: sends what is wanted of it, and gives the bucket what is owed to it. Undefined:
   * there is nothing to do now; what changes that adds the container to the queue again. Never rejects.
   */
  process(delivery: Delivery): Promise<void> | undefined {
    const isDue = this.#isSendable(delivery) || this.#options.record?.isDue(delivery);
    return isDue ? this.#work(delivery) : undefined;
  }

  async #work(delivery: Delivery): Promise<void> {
    const { record } = this.#options;
    for (;;) {
      if (this.#isSendable(delivery)) await this.#send(delivery);
      else if (record?.isDue(delivery)) await unlessWanted(delivery, record.settle(delivery));
      else return;
    }
  }

  /** Whether this replica leads is asked before each event: the process may have been frozen since the one before. */
  #isSendable({ containerId, wanted, retryAt }: Delivery): boolean {
    const { gate, leadership, queue, clock } = this.#options;
    if (wanted === undefined || !gate.connected || !leadership.leads) return false;
    if (retryAt === undefined) return true;
    const ms = retryAt - clock.elapsed();
    if (ms > 0) queue.addAfter(containerId, ms);
    return ms <= 0;
  }

  async #send(delivery: Delivery): Promise<void> {
    const { publisher, encode, record } = this.#options;
    const wanted = delivery.wanted!;
    delivery.sending = wanted;
    delivery.wanted = undefined;
    this.#inFlight++;
    try {
      wanted.encoded ??= encode(wanted.event);
      const keyed = record?.remember(delivery, wanted.event);
      const confirmed = await publisher.publish(wanted.encoded);
      if (keyed !== undefined) await unlessWanted(delivery, keyed);
      this.#confirmed(delivery, wanted, confirmed);
    } catch (err) {
      this.#notConfirmed(delivery, wanted, err);
    }
  }

  #confirmed(delivery: Delivery, wanted: Wanted, { isStored }: Confirmed): void {
    const { metrics, clock, leadership, log, record } = this.#options;
    const { event, since, isTold } = wanted;
    const { containerId, status } = event;
    metrics?.eventPublished((clock.elapsed() - since) / 1_000);
    this.#counts.published++;
    this.#wasConfirmedLate ||= !leadership.leads;
    log[isTold ? 'info' : 'debug']({ containerId, status, eventId: event.id }, 'status event confirmed');
    record?.confirmed(delivery, event);
    const { seen } = delivery;
    const isOfTheSame = seen?.reported?.status === 'DELETED' && seen.reported.deploymentUid === event.deploymentUid;
    if (isStored && status === 'DELETED' && isOfTheSame) seen.isStored = true;
    this.#goOn(delivery, wanted);
  }

  #notConfirmed(delivery: Delivery, wanted: Wanted, err: unknown): void {
    const { log, metrics } = this.#options;
    const { containerId, status } = wanted.event;
    this.#counts.failed++;
    if (err instanceof EventTooLargeError) {
      this.#options.deliveries.dropped++;
      metrics?.eventDropped();
      log.error({ err, containerId, status }, 'a status event is too large for NATS, dropped it');
      this.#goOn(delivery, wanted);
    } else {
      this.#inFlight--;
      wanted.wasTried = true;
      if (delivery.sending === wanted) this.#goOnAfterFailure(delivery, wanted, err);
    }
  }

  /** @param done - is confirmed, or given up */
  #goOn(delivery: Delivery, done: Wanted): void {
    const { deliveries, queue } = this.#options;
    this.#inFlight--;
    if (delivery.sending !== done) return;
    delivery.sending = undefined;
    queue.forget(delivery.containerId);
    if (delivery.wanted !== undefined && !isNews(delivery.wanted, done.event)) delivery.wanted = undefined;
    deliveries.noteConfirmation(delivery);
  }

  #goOnAfterFailure(delivery: Delivery, wanted: Wanted, err: unknown): void {
    const { gate, deliveries } = this.#options;
    delivery.sending = undefined;
    if (delivery.wanted !== undefined) {
      delivery.wanted.wasTried = true;
      return;
    }
    delivery.wanted = wanted;
    deliveries.noteConfirmation(delivery);
    if (gate.connected) this.#tryLater(delivery, err);
  }

  #tryLater(delivery: Delivery, err: unknown): void {
    const { clock, log, queue, deliveries } = this.#options;
    const delayMs = queue.addRateLimited(delivery.containerId, retry);
    delivery.retryAt = clock.elapsed() + delayMs;
    if (clock.elapsed() < this.#quietUntil) return;
    this.#quietUntil = delivery.retryAt;
    const failures = queue.failures(delivery.containerId);
    const unpublished = deliveries.unconfirmed.size;
    log.warn({ err, failures, delayMs: Math.round(delayMs), unpublished }, 'publishing failed, will retry');
  }
}

/** Resolves once the key is settled, or the next event is wanted: a bucket that does not answer holds up none. */
async function unlessWanted(delivery: Delivery, settled: Promise<void>): Promise<void> {
  if (delivery.wanted !== undefined) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  delivery.onWanted = () => resolve(undefined);
  await Promise.race([settled, promise]);
  delivery.onWanted = undefined;
}

/** Whether what is wanted has to be sent though `done` was confirmed, or given up, just now. */
function isNews({ event, again }: Wanted, done: StatusEvent): boolean {
  return again || event.deploymentUid !== done.deploymentUid || !isSameChange(event, done);
}
