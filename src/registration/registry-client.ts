/** One call to the registry, and what its answer means. */
import { Agent, fetch } from 'undici';
import type { Response } from 'undici';

import type { Registration } from './payload.ts';
import { parseRetryAfter } from './retry.ts';

/**
 * `refused` is the registry's verdict on what we sent, which trying again cannot change; `failed` is everything that
 * may pass, and `retryAfterMs` is absent where the registry did not say when.
 */
export type RegistrationResult =
  | { outcome: 'registered'; status: number }
  | { outcome: 'refused'; status: number; answer: string }
  | { outcome: 'failed'; status: number; answer: string; retryAfterMs?: number };

const REGISTERED: ReadonlySet<number> = new Set([200, 201]);
const REFUSED: ReadonlySet<number> = new Set([400, 409, 422]);
/** What is read of an answer that is not success, in bytes, and shown in the log, in characters. */
const MAX_ANSWER_BYTES = 16 * 1024;
const MAX_ANSWER_LENGTH = 1_000;

/**
 * Sends the registration once, over a connection of its own. Redirects are not followed: of most of them a POST would
 * come out as a GET, whose 200 says nothing.
 *
 * @throws the fetch's error when there is no answer, the signal's reason when it is aborted
 */
export async function postRegistration(
  registrationUrl: string,
  registration: Registration,
  signal: AbortSignal,
): Promise<RegistrationResult> {
  const dispatcher = new Agent({ pipelining: 0 });
  try {
    const response = await fetch(`${registrationUrl}/providers`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify(registration),
      redirect: 'manual',
      dispatcher,
      signal,
    });
    return await readResult(response);
  } finally {
    await dispatcher.destroy();
  }
}

async function readResult(response: Response): Promise<RegistrationResult> {
  const { status } = response;
  if (REGISTERED.has(status)) return { outcome: 'registered', status };
  const answer = await readAnswer(response);
  if (REFUSED.has(status)) return { outcome: 'refused', status, answer };
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), Date.now());
  return { outcome: 'failed', status, answer, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The beginning of the body; what came of one that breaks off or never ends is enough, since the status has decided. */
async function readAnswer({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // The log then shows what came before.
  }
  return Buffer.concat(chunks).toString().trim().slice(0, MAX_ANSWER_LENGTH);
}
