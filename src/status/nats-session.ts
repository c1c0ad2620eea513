/** One connection to NATS from its beginning to its end: what was published is confirmed on it, or fails with it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JetStreamClient, MsgHdrs, NatsConnection } from 'nats';
import { ErrorCode, Events, headers, NatsError } from 'nats';
import type { Logger } from 'pino';
import type { EventMessage } from './publisher.ts';

/** The header by which JetStream knows a message that is sent again. */
const messageIdHeader = 'Nats-Msg-Id';

/** Where JetStream is asked for the streams that capture a subject. */
const streamNames = '$JS.API.STREAM.NAMES';

/** JetStream's API error for an account that has none. */
const jetStreamNotEnabled = 10_039;

interface StreamNames {
  streams?: string[] | null;
  error?: { err_code?: number; description: string };
}

export interface NatsSessionOptions {
  /** A connection that is open and does not reconnect by itself. */
  connection: NatsConnection;
  subject: string;
  /** How long the server may take for an answer before the connection, or the message, counts as lost. */
  answerTimeoutMs: number;
  log: Logger;
}

export class NatsSession {
  readonly #connection: NatsConnection;
  readonly #jetStream: JetStreamClient;
  readonly #subject: string;
  readonly #answerTimeoutMs: number;
  readonly #log: Logger;
  readonly #waiting = new Set<(err: Error) => void>();
  /** The stream that captures the subject; absent: none does, and a round trip to the server confirms. */
  #stream: string | undefined;
  #flush: Promise<void> | undefined;
  #check: Promise<void> | undefined;
  /** How often the server has said that we may not publish. */
  #refusals = 0;

  constructor({ connection, subject, answerTimeoutMs, log }: NatsSessionOptions) {
    this.#connection = connection;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#jetStream = connection.jetstream({ timeout: answerTimeoutMs });
    this.#subject = subject;
    this.#log = log;
    void this.#watchErrors();
    void this.closed.then((err) => {
      for (const reject of this.#waiting) reject(err);
    });
  }

  /** The reason why the connection ended, once it has; never rejects. */
  get closed(): Promise<Error> {
    return this.#connection.closed().then((err) => err ?? new Error('the connection was closed'));
  }

  /** Drops the connection at once; unlike a drain it does not wait for a server that takes nothing any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Resolves when the stream, or where there is none the server, has the message; rejects after a bounded time. */
  async publish(message: EventMessage): Promise<void> {
    try {
      await (this.#stream === undefined ? this.#publishPlain(message) : this.#publishToStream(message));
    } catch (err) {
      void this.check();
      throw err;
    }
  }

  /**
   * Finds out whether the server still answers, and drops the connection if not; and which stream captures the subject
   * now. Never rejects; calls while one is under way share it.
   */
  async check(): Promise<void> {
    this.#check ??= this.#checkNow().finally(() => (this.#check = undefined));
    await this.#check;
  }

  async #checkNow(): Promise<void> {
    try {
      await this.#roundTrip();
    } catch (err) {
      if (this.#connection.isClosed()) return;
      this.#log.warn({ err }, 'NATS does not answer, dropping the connection');
      await this.close();
      return;
    }
    const stream = await this.#findStream();
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#log.info({ subject: this.#subject, stream: stream ?? null }, 'stream that captures the status events');
  }

  /** By subject, since any stream may capture it. Where the answer is unclear, what was known before holds. */
  async #findStream(): Promise<string | undefined> {
    try {
      const request = JSON.stringify({ subject: this.#subject });
      const answer = await this.#connection.request(streamNames, request, { timeout: this.#answerTimeoutMs });
      const { streams, error } = answer.json<StreamNames>();
      if (error === undefined || error.err_code === jetStreamNotEnabled) return streams?.[0];
      throw new Error(error.description);
    } catch (err) {
      if (isUnheard(err)) return undefined;
      this.#log.debug({ err }, 'asking for the stream of the status events failed');
      return this.#stream;
    }
  }

  async #publishToStream(message: EventMessage): Promise<void> {
    try {
      await this.#jetStream.publish(this.#subject, message.body, { headers: headersOf(message) });
    } catch (err) {
      const reason = err instanceof NatsError && err.api_error?.description;
      throw reason ? new Error(`the stream refuses: ${reason}`, { cause: err }) : err;
    }
  }

  async #publishPlain(message: EventMessage): Promise<void> {
    this.#connection.publish(this.#subject, message.body, { headers: headersOf(message) });
    this.#flush ??= this.#flushLater();
    await this.#flush;
  }

  /** All that is published within one turn of the event loop shares a round trip. */
  async #flushLater(): Promise<void> {
    await nextTurn();
    this.#flush = undefined;
    const refusals = this.#refusals;
    await this.#roundTrip();
    await nextTurn();
    if (this.#refusals > refusals) throw new Error(`the server does not permit publishing to ${this.#subject}`);
  }

  async #roundTrip(): Promise<void> {
    if (this.#connection.isClosed()) throw new Error('the connection was closed');
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => reject(new Error('no answer from the NATS server')), this.#answerTimeoutMs);
    this.#waiting.add(reject);
    this.#connection.flush().then(() => resolve(undefined), reject);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  /** A refusal comes as an error of its own before the answer to the flush, which then looks like a success. */
  async #watchErrors(): Promise<void> {
    for await (const { type, permissionContext: refused } of this.#connection.status()) {
      if (type !== Events.Error || refused === undefined) continue;
      if (refused.operation === 'publish' && refused.subject === this.#subject) this.#refusals++;
    }
  }
}

function headersOf({ id, contentType }: EventMessage): MsgHdrs {
  const all = headers();
  all.set('content-type', contentType);
  all.set(messageIdHeader, id);
  return all;
}

/** Nobody at all listens on the subject of a request. */
function isUnheard(err: unknown): boolean {
  const noResponders: string = ErrorCode.NoResponders;
  return err instanceof NatsError && err.code === noResponders;
}
