/**
 * A JetStream stream of the status events: it has each event that NATS took, whoever listened at the time, and keeps it
 * when the server is killed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import type { JetStreamManager, StreamConfig } from 'nats';
import { collectEvents } from './events.ts';
import type { Events, StatusMessage } from './events.ts';

export const streamName = 'events';
const requestTimeoutMs = 1_000;
const pollIntervalMs = 20;

export interface EventStream extends Events, AsyncDisposable {
  manager: JetStreamManager;
}

/** Makes the stream, and reads what comes into it, whenever the server is there. */
export async function openEventStream(natsUrl: string, config: Partial<StreamConfig> = {}): Promise<EventStream> {
  const connection = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const manager = await connection.jetstreamManager({ timeout: requestTimeoutMs });
  await manager.streams.add({ name: streamName, subjects: ['dcm.>'], ...config });
  const { events, add, assertConform } = collectEvents();
  const stop = new AbortController();
  const reading = (async () => {
    let read = 0;
    while (!stop.signal.aborted) {
      try {
        const { state } = await manager.streams.info(streamName);
        while (read < state.last_seq) {
          add(await readMessage(manager, read + 1));
          read++;
        }
      } catch {
        // The server is away, or its stream is; what comes back is read from where we were.
      }
      await delay(pollIntervalMs);
    }
  })();
  return {
    ...events,
    manager,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await connection.close();
      await reading;
      assertConform();
    },
  };
}

async function readMessage(manager: JetStreamManager, sequence: number): Promise<StatusMessage> {
  const message = await manager.streams.getMessage(streamName, { seq: sequence });
  return {
    natsSubject: message.subject,
    contentType: message.header.get('content-type'),
    body: message.string(),
  };
}
