/** A subscriber of the status events, as DCM is one: it keeps every event that came over a NATS connection of its own. */
import { connect } from 'nats';
import type { Msg } from 'nats';
import type { ContainerStatus } from '../../src/containers/container.ts';

/** A CloudEvent in structured JSON. */
export interface StatusCloudEvent {
  specversion: string;
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: string;
  data: { id: string; status: ContainerStatus; message: string };
}

export interface ReceivedEvent {
  natsSubject: string;
  contentType: string;
  event: StatusCloudEvent;
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
   * Rejects after 60 s with what came instead.
   */
  waitFor(containerId: string, wanted: Wanted, after?: StatusCloudEvent): Promise<StatusCloudEvent>;
}

export type EventSubscriber = Events & AsyncDisposable;

const patienceMs = 60_000;

export async function subscribeEvents(natsUrl: string): Promise<EventSubscriber> {
  const connection = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const { events, add } = collectEvents();
  connection.subscribe('dcm.container', {
    callback: (err, message) => {
      if (err) throw err;
      add(readEvent(message));
    },
  });
  await connection.flush();
  return { ...events, [Symbol.asyncDispose]: () => connection.close() };
}

/** Keeps events that are given to it one by one, for those who wait for them. */
export function collectEvents(): { events: Events; add: (event: ReceivedEvent) => void } {
  const received: ReceivedEvent[] = [];
  const waiting = new Set<() => void>();
  const add = (event: ReceivedEvent): void => {
    received.push(event);
    for (const look of waiting) look();
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
      if (event) resolve(event);
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

  return { events: { received, of, statuses, waitFor }, add };
}

function readEvent(message: Msg): ReceivedEvent {
  return {
    natsSubject: message.subject,
    contentType: message.headers?.get('content-type') ?? '',
    event: message.json<StatusCloudEvent>(),
  };
}
