/** Status events from end to end: the containers of a source go in, CloudEvents on NATS come out. */
import type { ContainerSource } from '../containers/source.ts';
import type { Part } from '../lifecycle.ts';
import type { Clock } from '../clock.ts';
import type { EventStats, Telemetry } from '../telemetry/telemetry.ts';
import { systemClock } from '../clock.ts';
import { createStatusEventEncoder, statusSubject } from './cloud-event.ts';
import { alwaysLeads } from '../leadership/leadership.ts';
import type { SenderLeadership } from '../leadership/leadership.ts';
import type { NatsServers } from '../config/nats-urls.ts';
import { Deliveries } from './deliveries.ts';
import { Failover } from './failover.ts';
import type { Bucket } from './nats-bucket.ts';
import { NatsPublisher } from './nats-publisher.ts';
import type { NatsPublisherStats } from './nats-publisher.ts';
import type { EventPublisher } from './publisher.ts';
import { ReportedContainers } from './reported-containers.ts';
import type { ReportedContainersStats } from './reported-containers.ts';
import { Reporter } from './reporter.ts';
import { Resync } from './resync.ts';
import { Sender } from './sender.ts';
import type { SenderStats } from './sender.ts';
import { WorkQueue } from './work-queue.ts';

/** What is delivered, and for whom; how it travels is not said here. */
export interface DeliveryOptions extends Telemetry {
  source: ContainerSource;
  /** Part of each event's source. */
  providerName: string;
  /** Of the containers; part of each event's outputs. */
  namespace: string;
  /** Milliseconds; 0 publishes each change at once. */
  debounceMs: number;
  resyncPeriodMs: number;
  /** Only who leads publishes. Absent: this is the only replica. */
  leadership?: SenderLeadership;
  /** Names that the provider had before; absent: none. */
  formerNames?: readonly string[];
  /** Deleted containers that are remembered, and that wait to be told; absent: 100,000. */
  maxDeleted?: number;
  clock?: Clock;
}

export interface StatusEventsOptions extends DeliveryOptions {
  natsServers: NatsServers;
  /** Remembers in a key-value bucket of this name who was reported. Absent: nobody does. */
  bucketName?: string;
}

export interface DeliveryStats extends EventStats {
  outbox: SenderStats;
  /** Absent where no bucket is used. */
  bucket?: ReportedContainersStats;
}

/** In more detail than what metrics are made of. */
export interface StatusEventsStats extends DeliveryStats {
  publisher: NatsPublisherStats;
}

export interface StatusEvents {
  /** The connection to NATS, begun in the background whether or not NATS is there, and closed at once. */
  nats: Part;
  /** What is published over it; stops by publishing what is waiting, for as long as the deadline allows. */
  events: Part;
  stats(): StatusEventsStats;
}

/** What is kept for publishing what waits at the end, in milliseconds. */
const lastEventsMs = 3_000;

/**
 * Containers of which an event, or a key, is on its way. Enough to hide a round trip, little to send again, and what one
 * answer of the server confirms, and lets go on, is done within one turn of the event loop.
 */
const maxInFlight = 250;

export function createStatusEvents({ natsServers, bucketName, ...options }: StatusEventsOptions): StatusEvents {
  const { providerName, log } = options;
  const publisher = new NatsPublisher({ natsServers, subject: statusSubject, connectionName: providerName, log });
  const openBucket = bucketName === undefined ? undefined : () => publisher.openBucket(bucketName);
  const { stats, ...events } = createDelivery({ ...options, publisher, ...(openBucket && { openBucket }) });
  return {
    nats: { name: 'nats', start: () => publisher.start(), stop: () => publisher.stop() },
    events,
    stats: () => ({ ...stats(), publisher: publisher.stats() }),
  };
}

/** From the containers to a publisher, which is there before and after it. */
export function createDelivery(
  options: DeliveryOptions & {
    publisher: EventPublisher & Pick<NatsPublisher, 'onNewStream'>;
    /** Of a bucket that remembers who was reported; absent: nobody does. */
    openBucket?: () => Promise<Bucket>;
  },
): Part & { stats(): DeliveryStats } {
  const { source, publisher, openBucket, providerName, namespace, debounceMs, resyncPeriodMs } = options;
  const { leadership = alwaysLeads, maxDeleted, formerNames = [], clock = systemClock, log, metrics } = options;
  const deliveries = new Deliveries({ maxDeleted });
  const queue = new WorkQueue({ clock, maxRunning: maxInFlight });
  const shared = { source, deliveries, queue, leadership, publisher, clock, log, ...(metrics && { metrics }) };
  const reporter = new Reporter({ ...shared, debounceMs });
  const resync = new Resync({ ...shared, reporter, periodMs: resyncPeriodMs });
  const record = openBucket && new ReportedContainers({ ...shared, openBucket, providerName, formerNames, reporter });
  const encode = createStatusEventEncoder({ providerName, namespace });
  const sender = new Sender({ ...shared, gate: record ?? publisher, record, encode });
  const failover = new Failover({ ...shared, reporter, resync, record, sender });
  return {
    name: 'events',
    stopMs: lastEventsMs,
    start() {
      const report = (containerId: string) => {
        const delivery = deliveries.get(containerId);
        if (delivery !== undefined) reporter.reportIfDue(delivery);
        return delivery;
      };
      queue.start((containerId) => {
        const delivery = report(containerId);
        return delivery && sender.process(delivery);
      }, report);
      failover.start();
      reporter.start();
      resync.start();
    },
    async stop(deadline) {
      resync.stop();
      reporter.stop();
      // A bucket that is still being opened must not take all the time that the last events have.
      const cancelRelease = clock.after(lastEventsMs / 2, () => record?.releaseEvents());
      await sender.drain(deadline);
      cancelRelease();
      failover.stop();
      record?.stop();
      await queue.shutDownWithDrain(deadline);
      record?.close();
      const unpublished = deliveries.unconfirmed.size;
      if (unpublished > 0) log.error({ unpublished }, 'stopping with unpublished status events');
      sender.discard();
    },
    stats: () => ({
      containers: deliveries.countByStatus(),
      unconfirmed: deliveries.unconfirmed.size,
      connected: publisher.connected,
      outbox: sender.stats(),
      ...(record && { owedKeys: record.stats().owed, bucket: record.stats() }),
    }),
  };
}
