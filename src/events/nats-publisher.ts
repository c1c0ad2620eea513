/** Keeps a connection to NATS for as long as the service runs: it begins when NATS is there, and begins again. */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions, NatsConnection, TlsOptions } from 'nats';
import { connect, credsAuthenticator } from 'nats';
import type { Logger } from 'pino';
import { backoffMs } from '../backoff.ts';
import { sleep } from '../time.ts';
import { EventStream } from './event-stream.ts';
import { probeServer } from './nats-probe.ts';
import { openBucket } from './nats-bucket.ts';
import type { Bucket } from './nats-bucket.ts';
import { NatsSession } from './nats-session.ts';
import type { NatsServers, NatsTls } from '../config/nats-urls.ts';
import type { Confirmed, EventMessage, EventPublisher } from './publisher.ts';

const retry = { firstMs: 250, maxMs: 5_000 };
const defaultAnswerTimeoutMs = 5_000;

export interface NatsPublisherOptions {
  natsServers: NatsServers;
  subject: string;
  /** The name that the server shows for this connection. */
  connectionName: string;
  /** How long a server may take to answer, while connecting and after; 5 s where absent. */
  answerTimeoutMs?: number;
  log: Logger;
}

/** Counted since the start, but for what is there now. */
export interface NatsPublisherStats {
  connected: boolean;
  /** What confirms an event now; absent while that is not known, and without a connection. */
  confirmedBy?: 'stream' | 'round trip';
  /** Connections that were made. */
  connections: number;
  /** Tries to connect that failed. */
  failedConnections: number;
}

export class NatsPublisher implements EventPublisher {
  readonly #options: NatsPublisherOptions;
  readonly #answerTimeoutMs: number;
  readonly #stop = new AbortController();
  readonly #stream: EventStream;
  readonly #listeners: (() => void)[] = [];
  readonly #streamListeners: (() => void)[] = [];
  readonly #counts = { connections: 0, failedConnections: 0 };
  #session: NatsSession | undefined;
  #running: Promise<void> | undefined;

  constructor(options: NatsPublisherOptions) {
    this.#options = options;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
    const { subject, log } = options;
    this.#stream = new EventStream({ subject, answerTimeoutMs: this.#answerTimeoutMs, log });
  }

  /** Begins to connect in the background, and keeps trying; never throws. */
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
    return this.#session?.confirmation !== undefined;
  }

  stats(): NatsPublisherStats {
    const confirmedBy = this.#session?.confirmation?.by;
    return { connected: this.#session !== undefined, ...(confirmedBy && { confirmedBy }), ...this.#counts };
  }

  onConnect(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Calls back when a stream begins to capture the subject that did not before, over all connections: what was confirmed
   * until then may not be in it.
   */
  onNewStream(listener: () => void): void {
    this.#streamListeners.push(listener);
  }

  publish(message: EventMessage): Promise<Confirmed> {
    return this.#session?.publish(message) ?? Promise.reject(new Error('NATS is not connected'));
  }

  /**
   * The key-value bucket of this name, over the present connection: with that it ends. Rejects, within a bounded time, where
   * there is no connection, or no JetStream, or it is not permitted.
   */
  async openBucket(name: string): Promise<Bucket> {
    if (this.#session === undefined) throw new Error('NATS is not connected');
    const { log } = this.#options;
    return openBucket(this.#session.connection, { name, answerTimeoutMs: this.#answerTimeoutMs, log });
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
        this.#counts.failedConnections++;
        this.#warn({ failures, err }, 'NATS cannot be reached, will retry');
      }
      await sleep(backoffMs(Math.max(failures, 1), retry), signal);
      if (signal.aborted) return;
    }
  }

  /** Tries each server once, in random order. */
  async #connect(): Promise<NatsConnection> {
    const { natsServers, connectionName, log } = this.#options;
    let lastError: unknown;
    for (const server of shuffled(natsServers.servers)) {
      try {
        const access = await readAccess(natsServers);
        await probeServer(server, this.#answerTimeoutMs, this.#stop.signal, access.tls);
        return await connect({
          ...access,
          servers: [server],
          name: connectionName,
          timeout: this.#answerTimeoutMs,
          reconnect: false,
          resolve: false,
          noAsyncTraces: true,
        });
      } catch (err) {
        this.#stop.signal.throwIfAborted();
        log.debug({ server, err }, 'NATS server cannot be reached');
        lastError = err;
      }
    }
    throw lastError;
  }

  /** Errors are only news while we want to be connected. */
  #warn(fields: object, message: string): void {
    if (!this.#stop.signal.aborted) this.#options.log.warn(fields, message);
  }

  /** From a connection's first moment to its last. */
  async #serve(connection: NatsConnection): Promise<void> {
    const { subject, log } = this.#options;
    const answerTimeoutMs = this.#answerTimeoutMs;
    const session = new NatsSession({
      connection,
      subject,
      stream: this.#stream,
      onReady: () => call(this.#listeners),
      onNewStream: () => call(this.#streamListeners),
      answerTimeoutMs,
      log,
    });
    try {
      if (this.#stop.signal.aborted) return;
      log.info({ server: connection.getServer() }, 'connected to NATS');
      this.#counts.connections++;
      this.#session = session;
      void session.check();
      const err = await session.closed;
      this.#warn({ err }, 'lost the connection to NATS, will reconnect');
    } finally {
      this.#session = undefined;
      await session.close();
    }
  }
}

function call(listeners: readonly (() => void)[]): void {
  for (const listener of listeners) listener();
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** How to sign in at NATS: what the configuration has, and what its files have now. */
type NatsAccess = Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'> & {
  /** Contents, not paths. Absent: TLS only where a server demands or offers it. */
  tls?: NatsTlsFiles;
};

type NatsTlsFiles = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'handshakeFirst'>;

/** @throws when a file cannot be read; what is wrong with its content shows when it is used */
async function readAccess({ user, password, token, credentialsFile, tls }: NatsServers): Promise<NatsAccess> {
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credentialsFile !== undefined && { authenticator: credsAuthenticator(await readCredentials(credentialsFile)) }),
    ...(tls !== undefined && { tls: await readTls(tls) }),
  };
}

/** The client wants a line feed at the end of each line; editors and stores of secrets change or drop some. */
async function readCredentials(file: string): Promise<Uint8Array> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/);
  return Buffer.from(`${lines.join('\n')}\n`);
}

async function readTls({ caFile, certFile, keyFile, handshakeFirst }: NatsTls): Promise<NatsTlsFiles> {
  return {
    ...(caFile !== undefined && { ca: await readFile(caFile, 'utf8') }),
    ...(certFile !== undefined && { cert: await readFile(certFile, 'utf8') }),
    ...(keyFile !== undefined && { key: await readFile(keyFile, 'utf8') }),
    ...(handshakeFirst !== undefined && { handshakeFirst }),
  };
}
