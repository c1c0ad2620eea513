/**
 * A subscriber of the status events, as DCM is one: it keeps every event that came over a NATS connection of its own. One
 * that is not as the contract says is told to who waits for an event, and at the end.
 */
import { connect } from 'nats';
import type { Msg } from 'nats';
import { readStatusEvent } from '../../scripts/contract/event-conformance.ts';
import type { StatusEventDocument } from '../../scripts/contract/event-conformance.ts';
import type { ContainerStatus } from '../../src/containers/container.ts';

export type StatusCloudEvent = StatusEventDocument;

/** What came from NATS. */
export interface StatusMessage {
  natsSubject: string;
  contentType: string;
  body: string;
}

export interface ReceivedEvent {
  natsSubject: string;
  contentType: string;
  event: StatusCloudEvent;
  /** When it was taken in, by the clock of `performance.now()`. */
  at: number;
}

type Wanted = ContainerStatus | ((event: StatusCloudEvent) => boolean);

/** Status events as they come in, from wherever. */
export interface Events {
  /** All events so far, oldest first. */
  received: readonly ReceivedEvent[];
  /** Events of one container so far, oldest first. */
  of(containerId: string): StatusCloudEvent[];
  /** Statuses of one container so far, oldest first, each once where it came several times in a row. */
  statuses(containerId: string): ContainerStatus[];
  /**
   * The first event of the container that is wanted, whether it came already or comes yet; only those after `after` count.
   * Rejects after 60 s with what came instead, or once anything came that is not as the contract says.
   */
  waitFor(containerId: string, wanted: Wanted, after?: StatusCloudEvent): Promise<StatusCloudEvent>;
}

export type EventSubscriber = Events & AsyncDisposable;

const patienceMs = 60_000;

export async function subscribeEvents(natsUrl: string): Promise<EventSubscriber> {
  const connection = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const { events, add, assertConform } = collectEvents();
  connection.subscribe('dcm.container', {
    callback: (err, message) => {
      if (err) throw err;
      add(messageOf(message));
    },
  });
  await connection.flush();
  return {
    ...events,
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      assertConform();
    },
  };
}

export interface EventCollection {
  events: Events;
  add: (message: StatusMessage) => void;
  /** @throws AssertionError when anything came that is not as the contract says */
  assertConform: () => void;
}

/** Keeps events that are given to it one by one, for those who wait for them. */
export function collectEvents(): EventCollection {
  const received: ReceivedEvent[] = [];
  const faults: unknown[] = [];
  const waiting = new Set<() => void>();
  const add = ({ natsSubject, contentType, body }: StatusMessage): void => {
    try {
      received.push({ natsSubject, contentType, event: readStatusEvent(contentType, body), at: performance.now() });
    } catch (error) {
      faults.push(error);
    }
    for (const look of waiting) look();
  };
  const assertConform = (): void => {
    if (faults.length > 0) throw faults[0];
  };

  const of = (containerId: string): StatusCloudEvent[] =>
    received.map(({ event }) => event).filter(({ data }) => data.id === containerId);

  const find = (containerId: string, wanted: Wanted, after?: StatusCloudEvent): StatusCloudEvent | undefined => {
    const events = of(containerId);
    const later = after === undefined ? events : events.slice(events.findLastIndex(({ id }) => id === after.id) + 1);
    return later.find((event) => (typeof wanted === 'function' ? wanted(event) : event.data.status === wanted));
  };

  const waitFor: Events['waitFor'] = async (containerId, wanted, after) => {
    const { promise, resolve, reject } = Promise.withResolvers<StatusCloudEvent>();
    const look = (): void => {
      const event = find(containerId, wanted, after);
      if (faults.length > 0) reject(faults[0]);
      else if (event) resolve(event);
    };
    const timer = setTimeout(() => {
      const seen = JSON.stringify(of(containerId).map(({ data }) => data));
      const what = typeof wanted === 'function' ? 'the event wanted' : wanted;
      reject(new Error(`no event of ${containerId} with ${what} within ${patienceMs} ms, but ${seen}`));
    }, patienceMs);
    waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(look);
    }
  };

  const statuses: Events['statuses'] = (containerId) =>
    of(containerId)
      .map(({ data }) => data.status)
      .filter((status, index, all) => status !== all[index - 1]);

  return { events: { received, of, statuses, waitFor }, add, assertConform };
}

function messageOf(message: Msg): StatusMessage {
  const contentType = message.headers?.get('content-type') ?? '';
  return { natsSubject: message.subject, contentType, body: message.string() };
}
