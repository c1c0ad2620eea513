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

/** @param level - of the logger; lines below it are not written */
export function captureLog(level: 'debug' | 'info' = 'debug'): CapturedLog {
  const lines: LogLine[] = [];
  const log = createLogger(level, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}
