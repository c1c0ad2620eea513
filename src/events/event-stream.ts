/** Which JetStream stream captures the status events: asked for by their subject, since a stream of any name may. */
import type { NatsConnection } from 'nats';
import { ErrorCode, NatsError } from 'nats';
import type { Logger } from 'pino';

/** JetStream's API, with the kind of request that each subject takes. */
const streamNames = '$JS.API.STREAM.NAMES';
const streamInfo = '$JS.API.STREAM.INFO';

/** JetStream's API error for an account that has none. */
const jetStreamNotEnabled = 10_039;

/** The creation time of one stream moves by some milliseconds when NATS 2.9 starts again after its configuration was changed. */
const sameCreationMs = 1_000;

/** What NATS answered when it was asked for the stream. */
export type StreamAnswer =
  | { kind: 'stream'; name: string; acknowledges: boolean; createdAt?: number }
  | { kind: 'no stream' }
  | { kind: 'no JetStream' }
  | { kind: 'not permitted' }
  | { kind: 'unclear'; err: unknown };

/**
 * What confirms an event: the acknowledgement of a stream, or a round trip to the server. Undefined: that is not known
 * now, and nothing may be sent, since a round trip proves nothing where a stream has to store the event.
 */
export type Confirmation = { by: 'stream'; stream: string } | { by: 'round trip' } | undefined;

/**
 * @param streamWasKnown - whether a stream was ever found, over all connections: then only NATS itself saying that there is
 *   none is believed, since a cluster without quorum, or one that has just started, may look as if it had no JetStream
 */
export function confirmationFor(answer: StreamAnswer, streamWasKnown: boolean): Confirmation {
  switch (answer.kind) {
    case 'stream':
      return answer.acknowledges ? { by: 'stream', stream: answer.name } : { by: 'round trip' };
    case 'no stream':
      return { by: 'round trip' };
    case 'no JetStream':
    case 'not permitted':
      return streamWasKnown ? undefined : { by: 'round trip' };
    case 'unclear':
      return undefined;
  }
}

interface ApiAnswer {
  error?: { err_code?: number; description: string };
}

interface StreamNamesAnswer extends ApiAnswer {
  streams?: string[] | null;
}

interface StreamInfoAnswer extends ApiAnswer {
  /** A time in RFC 3339. */
  created?: string;
  config?: { no_ack?: boolean };
}

/** Never rejects. */
export async function askForStream(
  connection: NatsConnection,
  subject: string,
  timeoutMs: number,
): Promise<StreamAnswer> {
  try {
    const answer = await connection.request(streamNames, JSON.stringify({ subject }), { timeout: timeoutMs });
    const { streams, error } = answer.json<StreamNamesAnswer>();
    if (error?.err_code === jetStreamNotEnabled) return { kind: 'no JetStream' };
    if (error !== undefined) throw new Error(error.description);
    const name = streams?.[0];
    if (name === undefined) return { kind: 'no stream' };
    return { kind: 'stream', name, ...(await askForConfiguration(connection, name, timeoutMs)) };
  } catch (err) {
    if (hasCode(err, ErrorCode.NoResponders)) return { kind: 'no JetStream' };
    if (hasCode(err, ErrorCode.PermissionsViolation)) return { kind: 'not permitted' };
    return { kind: 'unclear', err };
  }
}

/** Without the permission to ask, the stream is assumed to be of the usual kind, which acknowledges. */
async function askForConfiguration(
  connection: NatsConnection,
  stream: string,
  timeoutMs: number,
): Promise<{ acknowledges: boolean; createdAt?: number }> {
  try {
    const answer = await connection.request(`${streamInfo}.${stream}`, undefined, { timeout: timeoutMs });
    const { config, created, error } = answer.json<StreamInfoAnswer>();
    if (error !== undefined) throw new Error(error.description);
    return {
      acknowledges: config?.no_ack !== true,
      ...(created && { createdAt: Date.parse(created) }),
    };
  } catch (err) {
    if (hasCode(err, ErrorCode.PermissionsViolation)) return { acknowledges: true };
    throw new Error(`the stream ${stream} does not tell its configuration`, { cause: err });
  }
}

function hasCode(err: unknown, code: ErrorCode): boolean {
  const wanted: string = code;
  return err instanceof NatsError && err.code === wanted;
}

/** What is known of the stream from the first connection to the last. One that does not acknowledge counts as none. */
export class EventStream {
  readonly #options: { subject: string; answerTimeoutMs: number; log: Logger };
  /** The stream that acknowledges, as it was last known. */
  #stream: string | undefined;
  #wasKnown = false;
  #isUnclear = false;
  /** Which stream captured the subject last, acknowledging or not; null: none did; undefined: that was never known. */
  #capturing: { name: string; createdAt?: number } | null | undefined;
  readonly #withoutAcknowledgement = new Set<string>();

  constructor(options: { subject: string; answerTimeoutMs: number; log: Logger }) {
    this.#options = options;
  }

  /**
   * How an event that is published now is confirmed, and whether a stream captures the subject that did not before; the
   * first answer of all is no change. Never rejects.
   */
  async findConfirmation(connection: NatsConnection): Promise<{ confirmation: Confirmation; isNew: boolean }> {
    const { subject, answerTimeoutMs } = this.#options;
    const answer = await askForStream(connection, subject, answerTimeoutMs);
    if (connection.isClosed()) return { confirmation: undefined, isNew: false };
    this.#wasKnown ||= answer.kind === 'stream' && answer.acknowledges;
    const confirmation = confirmationFor(answer, this.#wasKnown);
    const isNew = confirmation !== undefined && this.#isNewlyCaptured(answer);
    this.#tell(answer, confirmation);
    return { confirmation, isNew };
  }

  /** A stream that was made anew under its name is another one. */
  #isNewlyCaptured(answer: StreamAnswer): boolean {
    const before = this.#capturing;
    this.#capturing = answer.kind === 'stream' ? answer : null;
    if (answer.kind !== 'stream' || before === undefined) return false;
    if (before?.name !== answer.name) return true;
    return Math.abs((answer.createdAt ?? NaN) - (before.createdAt ?? NaN)) > sameCreationMs;
  }

  #tell(answer: StreamAnswer, confirmation: Confirmation): void {
    const { subject, log } = this.#options;
    const wasUnclear = this.#isUnclear;
    this.#isUnclear = confirmation === undefined;
    if (confirmation === undefined) {
      const level = wasUnclear ? 'debug' : 'warn';
      const err = answer.kind === 'unclear' ? answer.err : undefined;
      log[level](
        { subject, answer: answer.kind, err },
        'NATS does not tell which stream captures the status events, they wait',
      );
      return;
    }
    if (answer.kind === 'stream' && !answer.acknowledges) this.#warnOnce(answer.name);
    const stream = confirmation.by === 'stream' ? confirmation.stream : undefined;
    if (stream !== this.#stream)
      log.info({ subject, stream: stream ?? null }, 'stream that captures the status events');
    this.#stream = stream;
  }

  #warnOnce(stream: string): void {
    if (this.#withoutAcknowledgement.has(stream)) return;
    this.#withoutAcknowledgement.add(stream);
    this.#options.log.warn({ stream }, 'the stream does not acknowledge status events, the server alone confirms them');
  }
}
