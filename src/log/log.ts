/** The service's log: JSON lines on standard output, which the service outlives. */
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

import type { LogLevel } from '../config/config.ts';
import { UnavailableError } from '../containers/errors.ts';
import { LineOutput, openNonBlocking } from './output.ts';
import { within } from '../time.ts';

const maxBufferedBytes = 1024 * 1024;

export interface Log {
  log: Logger;
  /** Resolves when what was logged is written, or after the given time if standard output takes nothing. */
  flush(timeoutMs: number): Promise<void>;
}

/**
 * The log of the process. A standard output that is closed, full or not being read costs lines, never the service: what
 * waits is bounded, and lost lines are counted in a line once there is room again.
 */
export function createLog(level: LogLevel): Log {
  const output = new LineOutput({
    fd: openNonBlocking(1),
    maxBufferedBytes,
    onLost: (lines) => log.warn({ lines }, 'log lines were lost, standard output did not take them'),
  });
  const log = createLogger(level, output);
  return {
    log,
    flush: async (ms) =>
      within(output.flush(), { ms, message: 'standard output takes nothing' }).catch(() => undefined),
  };
}

/** A logger in the service's format that writes to `destination`. */
export function createLogger(level: LogLevel, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: timeField,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    destination,
  );
}

let timeOfField = -1;
let lastTimeField = '';

/** As pino wants it: a member of the line, its comma included. Formatted once a millisecond, since under load many lines share one. */
function timeField(): string {
  const now = Date.now();
  if (now !== timeOfField) {
    timeOfField = now;
    lastTimeField = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastTimeField;
}

const maxMessageLength = 1_000;
const maxCauses = 5;

/** What the log shows of an error. */
export interface ErrorDescription {
  type: string;
  message: string;
  /** Only the frames: what stands before them repeats the message. Absent where the error is one that is expected. */
  stack?: string;
  code?: string | number;
  cause?: ErrorDescription;
}

/**
 * Properties other than `code` and `cause` are left out, since clients' errors carry request and response headers and
 * bodies there; the message of one that does repeats them, and only its first line is shown. Credentials in URLs are
 * left out of messages.
 */
export function describeError(error: unknown): ErrorDescription {
  return describe(error, { causesLeft: maxCauses, isExpected: error instanceof UnavailableError });
}

function describe(
  error: unknown,
  { causesLeft, isExpected }: { causesLeft: number; isExpected: boolean },
): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: safeMessage(String(error)) };
  const { code } = error as { code?: unknown };
  const carriesResponse = 'headers' in error || 'body' in error;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    message: safeMessage(carriesResponse ? error.message.split('\n', 1)[0]! : error.message),
    ...(frames !== undefined && !isExpected && { stack: frames.join('\n') }),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(error.cause !== undefined &&
      causesLeft > 0 && { cause: describe(error.cause, { causesLeft: causesLeft - 1, isExpected }) }),
  };
}

function safeMessage(message: string): string {
  const withoutCredentials = message.replace(/\/\/[^\s/@]*@/g, '//');
  const { length } = withoutCredentials;
  return length > maxMessageLength ? `${withoutCredentials.slice(0, maxMessageLength)}…` : withoutCredentials;
}
