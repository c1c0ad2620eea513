/** Status events from end to end: the containers of a source go in, CloudEvents on NATS come out. */
import type { Logger } from 'pino';
import type { ContainerSource } from '../containers/source.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { createStatusEventEncoder, statusSubject } from './cloud-event.ts';
import { NatsPublisher } from './nats-publisher.ts';
import type { NatsServers } from './nats-urls.ts';
import { Outbox } from './outbox.ts';
import { StatusReporter } from './reporter.ts';

export interface StatusEventsOptions {
  source: ContainerSource;
  natsServers: NatsServers;
  /** Part of each event's source. */
  providerName: string;
  /** Milliseconds; 0 publishes each change at once. */
  debounceMs: number;
  resyncPeriodMs: number;
  log: Logger;
  clock?: Clock;
}

export interface StatusEvents {
  /** Begins in the background; never throws, whether or not NATS and the cluster are there. */
  start(): void;
  /** Publishes what is waiting, for as long as the signal allows, then closes NATS; never rejects. */
  stop(deadline: AbortSignal): Promise<void>;
}

export function createStatusEvents(options: StatusEventsOptions): StatusEvents {
  const { source, natsServers, providerName, debounceMs, resyncPeriodMs, log, clock = systemClock } = options;
  const publisher = new NatsPublisher({ natsServers, subject: statusSubject, connectionName: providerName, log });
  const outbox = new Outbox({ publisher, encode: createStatusEventEncoder(providerName), log, clock });
  const put = outbox.put.bind(outbox);
  const reporter = new StatusReporter({ source, put, debounceMs, resyncPeriodMs, log, clock });
  return {
    start() {
      publisher.start();
      reporter.start();
    },
    async stop(deadline) {
      reporter.stop();
      await outbox.empty(deadline);
      if (outbox.size > 0) log.error({ unpublished: outbox.size }, 'stopping with unpublished status events');
      outbox.close();
      await Promise.race([publisher.stop(), aborted(deadline)]);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}
