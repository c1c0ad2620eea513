/** One call to the registry, and what its answer means. */
import type { Socket } from 'node:net';
import { Agent, buildConnector, request } from 'undici';
import type { Dispatcher } from 'undici';

import type { components } from '../../generated/dcm-registry.ts';
import type { ProviderIdentity } from '../config/config.ts';
import { parseRetryAfter } from '../backoff.ts';

export type Registration = components['schemas']['ProviderRegistration'];

/** What is not configured is left out, rather than sent empty. */
export function buildRegistration({ name, endpoint, displayName, region, zone }: ProviderIdentity): Registration {
  const metadata = {
    ...(region !== undefined && { region_code: region }),
    ...(zone !== undefined && { zone }),
  };
  return {
    name,
    service_type: 'container',
    schema_version: 'v1alpha1',
    ...(displayName !== undefined && { display_name: displayName }),
    endpoint: `${endpoint}/api/v1alpha1/containers`,
    operations: ['CREATE', 'DELETE', 'READ'],
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

/**
 * `refused` is the registry's answer to what we sent, or to a failure of its database, or a redirect that is not followed,
 * to `location`; `failed` is what comes of gateways and overload, and `retryAfterMs` is absent where the registry did not
 * say when. Neither an answer nor a location has a token of ours in it.
 */
export type RegistrationResult =
  | { outcome: 'registered'; status: number }
  | { outcome: 'refused'; status: number; answer: string; location?: string }
  | { outcome: 'failed'; status: number; answer: string; retryAfterMs?: number };

const registeredStatuses: ReadonlySet<number> = new Set([200, 201]);
/** Redirects among them that are not followed: the next try would be led to the same place. */
const refusedStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 400, 409, 422]);
/** Redirects that keep method and body, RFC 9110, sections 15.4.8 and 15.4.9. */
const followedStatuses: ReadonlySet<number> = new Set([307, 308]);
/** Redirects that one try follows. */
const maxRedirects = 5;
/** Its declaration leaves out what it returns. */
const connect = buildConnector({ timeout: 0, allowH2: false }) as unknown as (
  ...parameters: Parameters<buildConnector.connector>
) => Socket;
/** What is read of an answer that is not success, in bytes, and shown of it and of a location in the log, in characters. */
const maxAnswerBytes = 16 * 1024;
const maxShownLength = 1_000;

/**
 * Sends the registration once, over connections of its own, and again to where it is led to on the same host. Not by
 * `fetch`, which refuses ports that a registry may well have, and follows all redirects: of most of them a POST would come
 * out as a GET, whose 200 says nothing, and some lead to strangers.
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
    connect: (options, callback) => {
      const socket = connect(options, callback);
      // One that is not there yet ends with the try as well.
      signal.addEventListener('abort', () => socket.destroy(signal.reason as Error));
    },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const options = {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(registration),
    dispatcher,
    signal,
  } as const;
  try {
    let url = new URL(`${registrationUrl}/providers`);
    for (let redirects = 0; ; redirects++) {
      const response = await request(url, options);
      const next = redirects < maxRedirects ? findRedirect(url, response) : undefined;
      if (next === undefined) return await readResult(response, token);
      response.body.on('error', () => undefined).destroy();
      url = next;
    }
  } finally {
    await dispatcher.destroy();
  }
}

/** Where a redirect leads on the host that was asked, not from https to http; undefined for all other answers. */
function findRedirect(from: URL, { statusCode, headers }: Dispatcher.ResponseData): URL | undefined {
  if (!followedStatuses.has(statusCode) || headers.location === undefined) return undefined;
  const to = URL.parse(headers.location.toString(), from.href);
  if (to?.hostname !== from.hostname) return undefined;
  return to.protocol === from.protocol || to.protocol === 'https:' ? to : undefined;
}

async function readResult(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  token: string | undefined,
): Promise<RegistrationResult> {
  body.on('error', () => undefined);
  if (registeredStatuses.has(status)) return { outcome: 'registered', status };
  const show = (text: string) =>
    (token === undefined ? text : text.replaceAll(token, '[token]')).slice(0, maxShownLength);
  const answer = show(await readAnswer(body));
  const location = headers.location?.toString();
  if (refusedStatuses.has(status)) {
    return { outcome: 'refused', status, answer, ...(location !== undefined && { location: show(location) }) };
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after']?.toString());
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
