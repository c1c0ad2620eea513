/** What the command line asks of the fuzzing. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const parts = ['schemathesis', 'near-valid', 'broken-http'] as const;
export type Part = (typeof parts)[number];

export interface FuzzOptions {
  /** At least so many requests are made over HTTP, those on bare sockets not counted. */
  requests: number;
  /** Whole number from 0; the same seed makes the same requests. */
  seed: number;
  only: readonly Part[];
  /** Only this one of a part's requests, by its number. */
  case?: number;
}

export const usage = `npm run fuzz -- [--requests N] [--seed S] [--only ${parts.join(',')}] [--case I]`;

const defaultRequests = 10_000;
const maxSeed = 2 ** 31 - 1;

/** @throws Error that says what cannot be understood */
export function readOptions(commandLine: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      requests: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      case: { type: 'string' },
    },
  });
  const only = values.only?.split(',') ?? parts;
  const unknown = only.filter((part) => !parts.some((known) => known === part));
  if (unknown.length > 0) throw new Error(`--only knows ${parts.join(', ')}, not ${unknown.join(', ')}`);
  return {
    requests: wholeNumber('requests', values.requests) ?? defaultRequests,
    seed: wholeNumber('seed', values.seed) ?? randomInt(maxSeed),
    only: only as Part[],
    ...(values.case !== undefined && { case: wholeNumber('case', values.case)! }),
  };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > maxSeed) throw new Error(`--${name} must be a whole number up to ${maxSeed}`);
  return value;
}
