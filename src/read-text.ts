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
