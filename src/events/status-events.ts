/** Status events from end to end: the containers of a source go in, CloudEvents on NATS come out. */
import type { ContainerSource } from '../containers/source.ts';
import type { Part } from '../lifecycle.ts';
import type { Clock } from '../clock.ts';
import type { EventStats, Telemetry } from '../telemetry/telemetry.ts';
import { systemClock } from '../clock.ts';
import { createStatusEventEncoder, statusSubject } from './cloud-event.ts';
import type { Bucket } from './nats-bucket.ts';
import { NatsPublisher } from './nats-publisher.ts';
import type { NatsPublisherStats } from './nats-publisher.ts';
import { alwaysLeads } from '../leadership/leadership.ts';
import type { SenderLeadership } from '../leadership/leadership.ts';
import { HandOver } from './hand-over.ts';
import { KeysFirst } from './keys-first.ts';
import type { NatsServers } from '../config/nats-urls.ts';
import { Outbox } from './outbox.ts';
import type { OutboxStats } from './outbox.ts';
import type { EventPublisher } from './publisher.ts';
import { ReportedContainers } from './reported-containers.ts';
import type { ReportedContainersStats } from './reported-containers.ts';
import { StatusReporter } from './reporter.ts';

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
  outbox: OutboxStats;
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
  const { leadership = alwaysLeads, maxDeleted, clock = systemClock, log, metrics } = options;
  const telemetry = { log, ...(metrics && { metrics }) };
  const record =
    openBucket &&
    new ReportedContainers({
      openBucket,
      source,
      providerName,
      formerNames: options.formerNames ?? [],
      isKnown: (containerId): boolean => reporter.knows(containerId),
      onForgotten: (containerId, deploymentUid) => reporter.reportForgotten(containerId, deploymentUid),
      publisher,
      leadership,
      clock,
      log,
    });
  const encode = createStatusEventEncoder({ providerName, namespace });
  const outbox = new Outbox({
    publisher: record ? new KeysFirst(publisher, record) : publisher,
    encode,
    leadership,
    clock,
    ...(record && { record }),
    ...(maxDeleted !== undefined && { maxUnpublished: maxDeleted }),
    onConfirmed(event, { isStored }) {
      record?.confirmed(event);
      if (isStored) reporter.stored(event);
    },
    ...telemetry,
  });
  const reporter = new StatusReporter({
    source,
    put: outbox.put.bind(outbox),
    debounceMs,
    resyncPeriodMs,
    tells: () => leadership.leads,
    hasPeers: leadership !== alwaysLeads,
    mayForget: (): boolean => handOver.mayForget,
    ...(maxDeleted !== undefined && { maxDeletedKept: maxDeleted }),
    log,
    clock,
  });
  publisher.onNewStream(() => {
    if (leadership.leads) reporter.repeatEverything({ evenStored: false });
  });
  const handOver = new HandOver({ leadership, source, reporter, outbox, publisher, log, clock });
  return {
    name: 'events',
    stopMs: lastEventsMs,
    start() {
      record?.start();
      handOver.start();
      reporter.start();
    },
    async stop(deadline) {
      reporter.stop();
      // A bucket that is still being opened must not take all the time that the last events have.
      const cancelRelease = clock.after(lastEventsMs / 2, () => record?.releaseEvents());
      await outbox.empty(deadline);
      cancelRelease();
      handOver.stop();
      await record?.stop(deadline);
      if (outbox.size > 0) log.error({ unpublished: outbox.size }, 'stopping with unpublished status events');
      outbox.close();
    },
    stats: () => ({
      containers: reporter.countByStatus(),
      unconfirmed: outbox.size,
      connected: publisher.connected,
      outbox: outbox.stats(),
      ...(record && { owedKeys: record.stats().owed, bucket: record.stats() }),
    }),
  };
}
