/** Keeps a connection to NATS for as long as the service runs: it begins when NATS is there, and begins again. */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions, NatsConnection } from 'nats';
import { connect, credsAuthenticator } from 'nats';
import type { Logger } from 'pino';
import { backoffMs } from '../backoff.ts';
import { pause, systemClock } from './clock.ts';
import { awaitGreeting } from './nats-greeting.ts';
import { NatsSession } from './nats-session.ts';
import type { NatsServers } from './nats-urls.ts';
import type { EventMessage, EventPublisher } from './publisher.ts';

const retry = { firstMs: 250, maxMs: 5_000 };
const defaultAnswerTimeoutMs = 5_000;

/** How often an idle connection is tried, and the stream that captures the subject asked for. */
const checkPeriodMs = 15_000;

export interface NatsPublisherOptions {
  natsServers: NatsServers;
  subject: string;
  /** The name that the server shows for this connection. */
  connectionName: string;
  /** How long a server may take to answer, while connecting and after; 5 s where absent. */
  answerTimeoutMs?: number;
  log: Logger;
}

export class NatsPublisher implements EventPublisher {
  readonly #options: NatsPublisherOptions;
  readonly #answerTimeoutMs: number;
  readonly #stop = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #session: NatsSession | undefined;
  #running: Promise<void> | undefined;

  constructor(options: NatsPublisherOptions) {
    this.#options = options;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
  }

  /** Begins to connect in the background, and tries without end; never throws. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Closes the connection; what is not confirmed by then fails. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#session?.close();
    await this.#running;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  onConnect(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async publish(message: EventMessage): Promise<void> {
    if (this.#session === undefined) throw new Error('NATS is not connected');
    await this.#session.publish(message);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    for (;;) {
      try {
        const connection = await this.#connect();
        failures = 0;
        await this.#serve(connection);
      } catch (err) {
        failures++;
        this.#warn({ failures, err }, 'NATS cannot be reached, will retry');
      }
      await pause(systemClock, backoffMs(Math.max(failures, 1), retry), signal);
      if (signal.aborted) return;
    }
  }

  /** Tries each server once, in random order. */
  async #connect(): Promise<NatsConnection> {
    const { natsServers, log } = this.#options;
    let lastError: unknown;
    for (const server of shuffled(natsServers.servers)) {
      try {
        await awaitGreeting(server, this.#answerTimeoutMs, this.#stop.signal);
        return await connect({ ...(await this.#connectionOptions()), servers: [server] });
      } catch (err) {
        this.#stop.signal.throwIfAborted();
        log.debug({ server, err }, 'NATS server cannot be reached');
        lastError = err;
      }
    }
    throw lastError;
  }

  async #connectionOptions(): Promise<ConnectionOptions> {
    const { natsServers, connectionName } = this.#options;
    const { user, password, token, credentialsFile, tls } = natsServers;
    return {
      name: connectionName,
      timeout: this.#answerTimeoutMs,
      reconnect: false,
      resolve: false,
      noAsyncTraces: true,
      ...(user !== undefined && { user }),
      ...(password !== undefined && { pass: password }),
      ...(token !== undefined && { token }),
      ...(credentialsFile !== undefined && { authenticator: credsAuthenticator(await readFile(credentialsFile)) }),
      ...(tls !== undefined && { tls }),
    };
  }

  /** Errors are only news while we want to be connected. */
  #warn(fields: object, message: string): void {
    if (!this.#stop.signal.aborted) this.#options.log.warn(fields, message);
  }

  /** From a connection's first moment to its last. Nothing is published before it is known how it is confirmed. */
  async #serve(connection: NatsConnection): Promise<void> {
    const { subject, log } = this.#options;
    const { signal } = this.#stop;
    const session = new NatsSession({ connection, subject, answerTimeoutMs: this.#answerTimeoutMs, log });
    const checks = setInterval(() => void session.check(), checkPeriodMs);
    try {
      await session.check();
      if (connection.isClosed() || signal.aborted) return;
      log.info({ server: connection.getServer() }, 'connected to NATS');
      this.#session = session;
      for (const listener of this.#listeners) listener();
      const err = await session.closed;
      this.#warn({ err }, 'lost the connection to NATS, will reconnect');
    } finally {
      this.#session = undefined;
      clearInterval(checks);
      await session.close();
    }
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
