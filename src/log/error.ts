/** What the log shows of an error. */
import { UnavailableError } from '../containers/errors.ts';

const maxMessageLength = 1_000;
const maxCauses = 5;

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
  return withoutCredentials.length > maxMessageLength
    ? `${withoutCredentials.slice(0, maxMessageLength)}…`
    : withoutCredentials;
}
