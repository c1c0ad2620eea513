/** Looks at a container whenever anything hints at a change, and wants its status and outputs told when they changed. */
import { randomUUID } from 'node:crypto';
import type { ContainerSource, EndedDeployment } from '../containers/source.ts';
import { deletedMessage } from '../containers/status.ts';
import type { Clock } from '../clock.ts';
import { alwaysLeads, maxUnconnectedMs } from '../leadership/leadership.ts';
import type { SenderLeadership } from '../leadership/leadership.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { isSameChange } from './cloud-event.ts';
import type { StatusChange } from './cloud-event.ts';
import { Seen } from './deliveries.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { EventPublisher } from './publisher.ts';
import type { WorkQueue } from './work-queue.ts';

/** How often DELETED is repeated, once each resync, unless a stream has it; for as long it is remembered. */
const deletedRepeats = 2;

/** Deletions are remembered for at least this long, in milliseconds, however short the period: a leader may ask for them. */
const minKeptMs = 120_000;

/** What is seen of a container without a Deployment. */
const gone = { status: 'DELETED', message: deletedMessage, endpoints: [] } as const;

export interface ReporterOptions extends Telemetry {
  source: ContainerSource;
  deliveries: Deliveries;
  /** Where containers are put of which something is to be reported. */
  queue: WorkQueue;
  debounceMs: number;
  /** Who doesn't lead wants nothing told, and has nothing to tell the log. */
  leadership: SenderLeadership;
  publisher: Pick<EventPublisher, 'connected' | 'onConnect'>;
  clock: Clock;
}

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #stop = new AbortController();
  #unsubscribe: (() => void)[] = [];
  #sawAll = false;
  /** When this replica was connected last after it was not. */
  #connectedAt: number;

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { publisher, clock } = options;
    this.#connectedAt = clock.elapsed();
    publisher.onConnect(() => (this.#connectedAt = clock.elapsed()));
  }

  start(): void {
    const { source } = this.#options;
    this.#unsubscribe = [
      source.onEnd((ended) => this.#noteEnd(ended)),
      source.onChange((containerId) => this.look(containerId)),
    ];
  }

  /** Looks no more, and reports at once what waits for the end of its window. */
  stop(): void {
    const { deliveries, queue } = this.#options;
    this.#stop.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const delivery of deliveries.values()) {
      const { seen } = delivery;
      if (seen?.windowEndsAt === undefined) continue;
      this.#report(delivery, seen);
      queue.add(delivery.containerId);
    }
  }

  /** From now on a container that was not seen before is a new one. */
  sawAll(): void {
    this.#sawAll = true;
  }

  /** A window that is open ends with a look of its own. */
  look(containerId: string): void {
    const { deliveries } = this.#options;
    if (deliveries.get(containerId)?.seen?.windowEndsAt !== undefined) return;
    const change = this.#observe(containerId);
    if (change === undefined) return;
    const delivery = deliveries.get(containerId)!;
    if (differs(delivery.seen, change)) this.#openWindow(delivery);
    else if (!deliveries.isDeleted(delivery) && deliveries.isEndSettled(delivery)) this.#forget(delivery);
  }

  /**
   * Reports the container again, unless the caches are cut off: what was true a while ago is not repeated, the next comparison
   * that succeeds does that.
   */
  repeat(containerId: string): void {
    const { source, deliveries } = this.#options;
    if (!source.isLive || this.#observe(containerId) === undefined) return;
    const delivery = deliveries.get(containerId)!;
    delivery.seen!.repeat = true;
    this.#openWindow(delivery);
  }

  /** DELETED is repeated a few times unless a stream has it, and then forgotten, as soon as that does no harm. */
  repeatForResync(containerId: string): void {
    const { source, clock, deliveries } = this.#options;
    if (!source.isLive) return;
    const delivery = deliveries.get(containerId);
    const seen = delivery?.seen;
    if (seen?.reported?.status === 'DELETED' && this.#observe(containerId)?.status === 'DELETED') {
      if (seen.repeatsLeft === 0) {
        const keptMs = clock.elapsed() - (seen.deletedAt ?? 0);
        if (keptMs >= minKeptMs && deliveries.isEndSettled(delivery!) && this.#mayForget) this.#forget(delivery!);
        return;
      }
      seen.repeatsLeft--;
      if (seen.isStored) return;
    }
    this.repeat(containerId);
  }

  /**
   * Reports as deleted what was reported before this process started, or by another replica, and is gone; unless the caches
   * know the container by then. Returns at once.
   *
   * @param deploymentUid - of the Deployment that is gone
   */
  reportForgotten(containerId: string, deploymentUid: string): void {
    const { source, deliveries } = this.#options;
    void source.ready.then(() => {
      if (this.#stop.signal.aborted) return;
      if (!deliveries.knows(containerId) && source.view(containerId) === undefined)
        deliveries.ensure(containerId).seen = new Seen(deploymentUid);
      this.repeat(containerId);
    });
  }

  /** To be called when the container is due: reports it if the time of its window is over. */
  reportIfDue(delivery: Delivery): void {
    const { queue, clock } = this.#options;
    const { seen } = delivery;
    if (seen?.windowEndsAt === undefined) return;
    const ms = seen.windowEndsAt - clock.elapsed();
    if (ms > 0) queue.addAfter(delivery.containerId, ms);
    else this.#report(delivery, seen);
  }

  /** The window closes by itself, so that a container that changes for ever is reported too. */
  #openWindow({ containerId, seen }: Delivery): void {
    const { queue, clock, debounceMs } = this.#options;
    if (seen === undefined || seen.windowEndsAt !== undefined) return;
    seen.windowEndsAt = clock.elapsed() + debounceMs;
    queue.addAfter(containerId, debounceMs);
  }

  /** What ended before anything else was heard of it is to be reported too. */
  #noteEnd({ containerId, uid, resourceVersion, byRequest }: EndedDeployment): void {
    const endedByRequest = byRequest === true;
    const delivery = this.#options.deliveries.ensure(containerId);
    if (delivery.seen !== undefined) {
      if (delivery.seen.deploymentUid === uid) delivery.seen.endedByRequest = endedByRequest;
      return;
    }
    delivery.seen = new Seen(uid, { version: resourceVersion });
    delivery.seen.endedByRequest = endedByRequest;
    this.#keepDeleted(delivery, delivery.seen);
  }

  #report(delivery: Delivery, seen: Seen): void {
    const { source, deliveries, queue, leadership, clock } = this.#options;
    seen.windowEndsAt = undefined;
    const change = this.#observe(delivery.containerId);
    if (change === undefined) return;
    const again = seen.repeat && source.isLive;
    seen.repeat = false;
    if (!again && !differs(seen, change)) return;
    if (change.status !== 'DELETED') {
      deliveries.forgetDeleted(delivery);
      seen.isStored = false;
    } else if (seen.reported?.status !== 'DELETED') this.#keepDeleted(delivery, seen);
    const isTold = leadership.leads && this.#tell(change, seen);
    seen.reported = change;
    if (!leadership.leads) return;
    const event = { ...change, id: randomUUID(), seenAt: clock.now() };
    deliveries.want(delivery, event, { again, isTold, at: clock.elapsed() });
    queue.forget(delivery.containerId);
  }

  /**
   * A line of the log where a container came to be, changed its status, or is gone. Without its message, in which the
   * kubelet may repeat what only the container is to know.
   *
   * @returns whether there was something to tell
   */
  #tell({ containerId, status, deploymentUid }: StatusChange, { reported, isNew, endedByRequest }: Seen): boolean {
    const { log, leadership } = this.#options;
    if (status === 'DELETED') {
      if (reported?.status === 'DELETED') return false;
      // Another replica may have served a delete that this one knows nothing of.
      const elsewhere = leadership === alwaysLeads ? 'outside' : 'outside, or a request to another replica';
      const cause = endedByRequest === undefined ? undefined : endedByRequest ? 'request' : elsewhere;
      log.info({ containerId, ...(cause !== undefined && { cause }) }, 'container is gone');
    } else if (reported !== undefined && reported.status !== 'DELETED' && reported.deploymentUid === deploymentUid) {
      if (reported.status === status) return false;
      log.info({ containerId, from: reported.status, status }, 'container changed');
    } else {
      if (reported === undefined && !isNew) return false;
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
    const { source, deliveries } = this.#options;
    const view = source.view(containerId);
    let seen = deliveries.get(containerId)?.seen;
    if (view !== undefined && view.uid !== seen?.deploymentUid) {
      seen ??= deliveries.ensure(containerId).seen = new Seen(view.uid, { isNew: this.#sawAll });
      seen.deploymentUid = view.uid;
      seen.version = view.resourceVersion;
      seen.endedByRequest = undefined;
    }
    if (seen === undefined) return undefined;
    const { status, message, endpoints } = view ?? gone;
    return { containerId, status, message, endpoints, deploymentUid: seen.deploymentUid };
  }

  #keepDeleted(delivery: Delivery, seen: Seen): void {
    const { clock, deliveries, log, metrics } = this.#options;
    seen.repeatsLeft = deletedRepeats;
    seen.deletedAt = clock.elapsed();
    const oldest = deliveries.keepDeleted(delivery);
    if (oldest === undefined) return;
    if (oldest.wanted !== undefined) {
      deliveries.dropped++;
      metrics?.eventDropped();
      const { containerId } = oldest;
      log.error({ containerId }, 'too many unpublished status events, dropped a DELETED');
    }
    this.#forget(oldest);
  }

  /**
   * Tells and repeats no more. While a finalizer still holds the Deployment, the container must not look like a new one: what
   * is known of it goes with the Deployment.
   */
  #forget(delivery: Delivery): void {
    const { source, deliveries, queue } = this.#options;
    const { containerId, seen } = delivery;
    deliveries.forgetDeleted(delivery);
    queue.forget(containerId);
    delivery.wanted = delivery.ended = undefined;
    if (seen !== undefined) seen.repeatsLeft = 0;
    if (source.view(containerId) === undefined) delivery.seen = undefined;
    deliveries.noteConfirmation(delivery);
  }

  /**
   * Whether a former leader's events, sent or given up, need this replica's memory no more: had they reached nobody, the
   * leader would have stood back by now, and this replica, which is connected, would have repeated them.
   */
  get #mayForget(): boolean {
    const { leadership, publisher, clock } = this.#options;
    const longEnoughMs = maxUnconnectedMs + 2 * leadership.leaseDurationMs;
    return publisher.connected && clock.elapsed() - this.#connectedAt >= longEnoughMs;
  }
}

/** Another Deployment is another container, even with the same id and status. */
function differs(seen: Seen | undefined, change: StatusChange): boolean {
  const reported = seen?.reported;
  if (reported === undefined || !isSameChange(reported, change)) return true;
  return change.status !== 'DELETED' && reported.deploymentUid !== change.deploymentUid;
}
