/** What a watch sends is read line by line, within bounds. */
import t from 'tap';

import { parseWatchEvent, readLines } from '../../../src/kubernetes/api/watch-lines.ts';

async function read(chunks: (string | Uint8Array)[], maxLength = 1_000): Promise<string[]> {
  const lines: string[] = [];
  const bytes = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  // eslint-disable-next-line @typescript-eslint/require-await -- a stream is read as it comes
  const stream = (async function* () {
    yield* bytes;
  })();
  for await (const line of readLines(stream, maxLength)) lines.push(line);
  return lines;
}

t.test('lines are put together, however they are cut', async (t) => {
  t.same(await read(['a\nb', 'c\n', '\n\nd\ne']), ['a', 'bc', 'd'], 'without empty ones, and what was cut off');
  const euro = Buffer.from('\u20ac\n');
  t.same(await read([euro.subarray(0, 1), euro.subarray(1)]), ['\u20ac']);
});

t.test('a line that is too long ends the watch, before all of it is kept', async (t) => {
  t.same(await read(['abc\nabc\n'], 3), ['abc', 'abc']);
  await t.rejects(read(['abcd\n'], 3), RangeError);
  await t.rejects(read(['ab', 'cd'], 3), RangeError, 'although its end never comes');
});

t.test('what is no event is told apart', (t) => {
  const metadata = { uid: 'u', resourceVersion: '7' };
  t.match(parseWatchEvent(JSON.stringify({ type: 'ADDED', object: { metadata } })), { uid: 'u', resourceVersion: '7' });
  t.match(parseWatchEvent('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8"}}}'), { type: 'BOOKMARK' });
  t.match(parseWatchEvent('{"type":"ERROR","object":{"code":410}}'), { type: 'ERROR', status: { code: 410 } });
  for (const line of [
    '',
    'null',
    '{}',
    '{"type":"ADDED"}',
    '{"type":"NEWS","object":{"metadata":{"resourceVersion":"1"}}}',
  ])
    t.equal(parseWatchEvent(line), undefined, line);
  t.end();
});
