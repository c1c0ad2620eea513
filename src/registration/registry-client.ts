/** One call to the registry, and what its answer means. */
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';

import type { Registration } from './payload.ts';
import { parseRetryAfter } from './retry.ts';

/**
 * `refused` is the registry's answer to what we sent, or to a failure of its database; `failed` is what comes of gateways
 * and overload, and `retryAfterMs` is absent where the registry did not say when. An answer has no token of ours in it.
 */
export type RegistrationResult =
  | { outcome: 'registered'; status: number }
  | { outcome: 'refused'; status: number; answer: string }
  | { outcome: 'failed'; status: number; answer: string; retryAfterMs?: number };

const registeredStatuses: ReadonlySet<number> = new Set([200, 201]);
const refusedStatuses: ReadonlySet<number> = new Set([400, 409, 422]);
/** What is read of an answer that is not success, in bytes, and shown in the log, in characters. */
const maxAnswerBytes = 16 * 1024;
const maxAnswerLength = 1_000;

/**
 * Sends the registration once, over a connection of its own. Not by `fetch`, which refuses ports that a registry may
 * well have, and follows redirects: of most of them a POST would come out as a GET, whose 200 says nothing.
 *
 * @param token - sent as RFC 6750 says; absent: none is
 * @param signal - bounds the try; nothing else does
 * @throws the reason why there is no answer, or the signal's once it is aborted
 */
export async function postRegistration(
  registrationUrl: string,
  registration: Registration,
  { token, signal }: { token?: string; signal: AbortSignal },
): Promise<RegistrationResult> {
  const dispatcher = new Agent({
    pipelining: 0,
    allowH2: false,
    connect: { timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const response = await request(`${registrationUrl}/providers`, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(registration),
      dispatcher,
      signal,
    });
    return await readResult(response, token);
  } finally {
    await dispatcher.destroy();
  }
}

async function readResult(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  token: string | undefined,
): Promise<RegistrationResult> {
  body.on('error', () => undefined);
  if (registeredStatuses.has(status)) return { outcome: 'registered', status };
  const read = await readAnswer(body);
  const answer = (token === undefined ? read : read.replaceAll(token, '[token]')).slice(0, maxAnswerLength);
  if (refusedStatuses.has(status)) return { outcome: 'refused', status, answer };
  const retryAfterMs = parseRetryAfter(headers['retry-after']?.toString() ?? null, Date.now());
  return { outcome: 'failed', status, answer, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The beginning of the body; what came of one that breaks off or never ends is enough, since the status has decided. */
async function readAnswer(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxAnswerBytes) break;
    }
  } catch {
    // The log then shows what came before.
  }
  return Buffer.concat(chunks).toString().trim();
}
