/** The status events as they pass, for people. */
import { readFile } from 'node:fs/promises';

import { connect, credsAuthenticator } from 'nats';
import type { NatsConnection } from 'nats';

import type { ContainerEndpoint } from '../../src/containers/container.ts';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';

export interface ShownEvent {
  time: string;
  containerId: string;
  status: string;
  message: string;
  /** Where the container can be reached; empty where the event tells of nothing. */
  endpoints: readonly ContainerEndpoint[];
}

/**
 * Resolves once it listens, so that no later event is missed; waits for a server that is not there yet. Disposing of it
 * twice does no harm.
 *
 * @throws NatsUrlError; the error of a credentials file that cannot be read
 */
export async function followEvents(url: string, onEvent: (event: ShownEvent) => void): Promise<AsyncDisposable> {
  const { servers, user, password, token, credentialsFile, tls } = parseNatsUrls(url);
  const connection = await connect({
    servers,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credentialsFile !== undefined && { authenticator: credsAuthenticator(await readFile(credentialsFile)) }),
    ...(tls !== undefined && { tls }),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
  });
  void readEvents(connection, onEvent);
  await connection.flush();
  return { [Symbol.asyncDispose]: () => connection.close() };
}

async function readEvents(connection: NatsConnection, onEvent: (event: ShownEvent) => void): Promise<void> {
  for await (const message of connection.subscribe('dcm.container')) {
    const event = parseEvent(message.string());
    if (event !== undefined) onEvent(event);
  }
}

/** Undefined where the message is no status event: anybody may publish on the subject. */
export function parseEvent(text: string): ShownEvent | undefined {
  try {
    const { time, data } = JSON.parse(text) as {
      time: unknown;
      data: Record<string, unknown> & { output_spec?: { endpoints?: ContainerEndpoint[] | null } };
    };
    return {
      time: String(time),
      containerId: String(data['id']),
      status: String(data['status']),
      message: String(data['message']),
      endpoints: (data['output_spec']?.endpoints ?? []).map(({ address, port, scope }) => ({ address, port, scope })),
    };
  } catch {
    return undefined;
  }
}
