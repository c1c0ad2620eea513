/** The lines of a stream of bytes. */

/**
 * Yields each line without its end, empty ones left out. What stands after the last line end is a line that was cut off
 * and is dropped.
 *
 * @throws RangeError when a line has more than `maxLength` characters; what the stream throws
 */
export async function* readLines(bytes: AsyncIterable<Uint8Array>, maxLength: number): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [index, part] of parts.entries()) {
      length += part.length;
      if (length > maxLength) throw new RangeError('a line is too long');
      pieces.push(part);
      if (index === parts.length - 1) break;
      if (length > 0) yield pieces.join('');
      pieces = [];
      length = 0;
    }
  }
}
