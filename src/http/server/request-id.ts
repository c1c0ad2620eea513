/** The identity of a request, in the log and in the answer. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const saneRequestId = /^[\w.:/+=@~-]{1,128}$/;

/** The client's `X-Request-Id` when it is short and harmless in a log, else a random UUID. */
export function requestIdOf({ headers }: { headers: IncomingHttpHeaders }): string {
  const sent = headers['x-request-id'];
  if (typeof sent === 'string' && saneRequestId.test(sent)) return sent;
  const made = randomUUID();
  // V8 keeps a text that was put together as its parts, a multiple of it, until something looks into it.
  made.charCodeAt(0);
  return made;
}
