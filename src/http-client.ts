/** What holds for all servers that are asked for something: which may be trusted with secrets, and how much is read of an answer. */

/** Whether nobody between can read or change what is exchanged there: https, or this machine. */
export function isTrustworthyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback);
}

/**
 * All of an answer's body as text in UTF-8, as long as it has no more bytes than are allowed: one that never ends would fill
 * the memory long before the time for it is up.
 *
 * @throws Error where there are more; what reading throws
 */
export async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes / 2 ** 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** What an issuer says of itself has a few KiB. */
const maxAnswerBytes = 2 ** 20;

/** As `fetch`, but for an answer that has arrived whole, and has no more than a MiB. */
export async function fetchWhole(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const { status, headers, body } = response;
  return body === null ? response : new Response(await readText(body, maxAnswerBytes), { status, headers });
}
