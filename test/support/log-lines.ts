/** A logger in the service's format whose lines a test can look at. */
import type { Logger } from 'pino';

import { createLogger } from '../../src/log/log.ts';

export interface LogLine {
  level: string;
  time: string;
  msg: string;
  [field: string]: unknown;
}

export interface CapturedLog {
  log: Logger;
  /** All lines so far, oldest first. */
  lines: LogLine[];
}

export function captureLog(): CapturedLog {
  const lines: LogLine[] = [];
  const log = createLogger('debug', { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}
