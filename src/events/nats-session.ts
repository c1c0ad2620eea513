/** One connection to NATS from its beginning to its end: what was published is confirmed on it, or fails with it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JetStreamClient, MsgHdrs, NatsConnection } from 'nats';
import { ErrorCode, Events, headers, NatsError } from 'nats';
import type { Logger } from 'pino';
import type { Confirmation, EventStream } from './event-stream.ts';
import { EventTooLargeError } from './publisher.ts';
import type { Confirmed, EventMessage } from './publisher.ts';
import { within } from '../time.ts';

/** The header by which JetStream knows a message that is sent again. */
const messageIdHeader = 'Nats-Msg-Id';

/** JetStream's error for a message that is larger than the stream takes. */
const messageExceedsMaximum = 10_054;

/** How often an idle connection is tried, and the stream that captures the subject asked for. */
const checkPeriodMs = 15_000;

/** The same while it is not known which stream that is. */
const unclearCheckPeriodMs = 1_000;

export interface NatsSessionOptions {
  /** A connection that is open and does not reconnect by itself. */
  connection: NatsConnection;
  subject: string;
  stream: EventStream;
  /** Calls back each time when it is known again what confirms an event. */
  onReady: () => void;
  /** Calls back when a stream is found that did not capture the subject before. */
  onNewStream: () => void;
  /** How long the server may take for an answer before the connection, or the message, counts as lost. */
  answerTimeoutMs: number;
  log: Logger;
}

export class NatsSession {
  readonly #connection: NatsConnection;
  readonly #jetStream: JetStreamClient;
  readonly #subject: string;
  readonly #stream: EventStream;
  readonly #onReady: () => void;
  readonly #onNewStream: () => void;
  readonly #answerTimeoutMs: number;
  readonly #log: Logger;
  /** Aborted when the connection has ended, with the reason. */
  readonly #ended = new AbortController();
  #confirmation: Confirmation;
  #flush: Promise<void> | undefined;
  #check: Promise<void> | undefined;
  #nextCheck: NodeJS.Timeout | undefined;
  /** How often the server has said that we may not publish. */
  #refusals = 0;

  constructor({ connection, subject, stream, onReady, onNewStream, answerTimeoutMs, log }: NatsSessionOptions) {
    this.#connection = connection;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#jetStream = connection.jetstream({ timeout: answerTimeoutMs });
    this.#subject = subject;
    this.#stream = stream;
    this.#onReady = onReady;
    this.#onNewStream = onNewStream;
    this.#log = log;
    void this.#watchErrors();
    void this.closed.then((err) => {
      clearTimeout(this.#nextCheck);
      this.#ended.abort(err);
    });
  }

  get connection(): NatsConnection {
    return this.#connection;
  }

  /** The reason why the connection ended, once it has; never rejects. */
  get closed(): Promise<Error> {
    return this.#connection.closed().then((err) => err ?? new Error('the connection was closed'));
  }

  /** Drops the connection at once; unlike a drain it does not wait for a server that takes nothing any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** What confirms an event; at first that is not known, until a check has found out, and nothing can be published. */
  get confirmation(): Confirmation {
    return this.#confirmation;
  }

  /**
   * Resolves when the stream, or where there is none the server, has the message; rejects after a bounded time. A stream that
   * refuses is there and answers: only other failures are a reason to look for it again.
   */
  async publish(message: EventMessage): Promise<Confirmed> {
    try {
      if (this.#confirmation === undefined) throw new Error('it is not known what would confirm the event');
      const isStored = this.#confirmation.by === 'stream';
      await (isStored ? this.#publishToStream(message) : this.#publishPlain(message));
      return { isStored };
    } catch (err) {
      if (isTooLarge(err)) throw new EventTooLargeError('the event is larger than NATS takes', { cause: err });
      const refusal = err instanceof NatsError ? err.api_error?.description : undefined;
      if (refusal !== undefined) throw new Error(`the stream refuses: ${refusal}`, { cause: err });
      void this.check();
      throw err;
    }
  }

  /**
   * Finds out whether the server still answers, and drops the connection if not; and which stream captures the subject
   * now; and does so again after a while. Never rejects; calls while one is under way share it.
   */
  async check(): Promise<void> {
    this.#check ??= this.#checkNow().finally(() => {
      this.#check = undefined;
      this.#checkLater();
    });
    await this.#check;
  }

  #checkLater(): void {
    clearTimeout(this.#nextCheck);
    if (this.#connection.isClosed()) return;
    this.#nextCheck = setTimeout(
      () => void this.check(),
      this.#confirmation === undefined ? unclearCheckPeriodMs : checkPeriodMs,
    );
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
    const before = this.#confirmation;
    const { confirmation, isNew } = await this.#stream.findConfirmation(this.#connection);
    this.#confirmation = confirmation;
    if (isNew) this.#onNewStream();
    if (this.#confirmation !== undefined && before === undefined) this.#onReady();
  }

  async #publishToStream(message: EventMessage): Promise<void> {
    await this.#jetStream.publish(this.#subject, message.body, { headers: headersOf(message) });
  }

  #publishPlain(message: EventMessage): Promise<void> {
    this.#connection.publish(this.#subject, message.body, { headers: headersOf(message) });
    this.#flush ??= this.#flushLater();
    return this.#flush;
  }

  /** All that is published within one turn of the event loop shares a round trip. */
  async #flushLater(): Promise<void> {
    const refusals = this.#refusals;
    await nextTurn();
    this.#flush = undefined;
    await this.#roundTrip();
    await nextTurn();
    if (this.#refusals > refusals) throw new Error(`the server does not permit publishing to ${this.#subject}`);
  }

  async #roundTrip(): Promise<void> {
    if (this.#connection.isClosed()) throw new Error('the connection was closed');
    await within(this.#connection.flush(), {
      ms: this.#answerTimeoutMs,
      message: 'no answer from the NATS server',
      signal: this.#ended.signal,
    });
  }

  /** A refusal comes as an error of its own before the answer to the flush, which then looks like a success. */
  async #watchErrors(): Promise<void> {
    for await (const { type, permissionContext: refused } of this.#connection.status()) {
      if (type !== Events.Error || refused === undefined) continue;
      if (refused.operation === 'publish' && refused.subject === this.#subject) this.#refusals++;
    }
  }
}

/** More than the server takes of anything, or the stream of one message. */
function isTooLarge(err: unknown): boolean {
  if (!(err instanceof NatsError)) return false;
  const maxPayloadExceeded: string = ErrorCode.MaxPayloadExceeded;
  return err.code === maxPayloadExceeded || err.api_error?.err_code === messageExceedsMaximum;
}

function headersOf({ id, contentType }: EventMessage): MsgHdrs {
  const all = headers();
  all.set('content-type', contentType);
  all.set(messageIdHeader, id);
  return all;
}
