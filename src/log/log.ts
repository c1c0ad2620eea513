/** The service's log: JSON lines on standard output, which the service outlives. */
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

import type { LogLevel } from '../config/config.ts';
import { describeError } from './error.ts';
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
