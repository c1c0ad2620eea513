/** Bodies of answers, read by the events of their streams: an iterator makes half a dozen promises for each chunk. */
import type { Readable } from 'node:stream';

/**
 * All of it as text in UTF-8, as long as it has no more bytes than are allowed: one that never ends would fill the memory
 * long before the time for it is up.
 *
 * @param body - nobody has read from it; destroyed where this rejects
 * @throws Error where there are more; what `readToEnd` throws
 */
export async function readText(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  await readToEnd(body, (chunk) => {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes / 2 ** 20} MiB`);
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString();
}

/**
 * Hands over each chunk as it comes.
 *
 * @param body - nobody has read from it; destroyed where this rejects
 * @throws what `take` throws; what reading throws; Error where the body was closed before its end
 */
export function readToEnd(body: Readable, take: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const rejectUnlessEnded = () => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer was cut off'));
    };
    body.on('data', (chunk: Uint8Array) => {
      try {
        take(chunk);
      } catch (error) {
        body.destroy(error as Error);
      }
    });
    body.on('end', resolve);
    body.on('error', reject);
    if (body.closed) rejectUnlessEnded();
    else body.on('close', rejectUnlessEnded);
  });
}
