/** Bodies of answers, read by the events of their streams: an iterator makes half a dozen promises for each chunk. */
import type { Readable } from 'node:stream';

/**
 * All of it as text in UTF-8, as long as it has no more bytes than are allowed: one that never ends would fill the memory
 * long before the time for it is up.
 *
 * @param body - nobody has read from it; destroyed where it has more
 * @throws Error where there are more, or where the body was closed before its end; what reading throws
 */
export function readText(body: Readable, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    body.on('data', (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      chunks.push(chunk);
      if (bytes > maxBytes) body.destroy(tooLong(maxBytes));
    });
    body.on('end', () => resolve(Buffer.concat(chunks).toString()));
    body.on('error', reject);
    const rejectUnlessEnded = () => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer was cut off'));
    };
    if (body.closed) rejectUnlessEnded();
    else body.on('close', rejectUnlessEnded);
  });
}

function tooLong(maxBytes: number): Error {
  return new Error(`the answer has more than ${maxBytes / 2 ** 20} MiB`);
}
