/** What a watch sends is read line by line, within bounds. */
import { PassThrough, Readable } from 'node:stream';

import t from 'tap';

import { parseWatchEvent, readLines } from '../../../src/kubernetes/api/watch-lines.ts';

async function read(chunks: (string | Uint8Array)[], maxLength = 1_000): Promise<string[]> {
  const lines: string[] = [];
  const bytes = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  await readLines(Readable.from(bytes), (line) => lines.push(line), maxLength);
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

t.test('what fails with a line ends the watch', async (t) => {
  const body = new PassThrough();
  const reading = readLines(body, (line) => {
    if (line === 'b') throw new TypeError('not b');
  });
  body.write('a\nb\nc\n');
  await t.rejects(reading, TypeError);
  t.equal(body.destroyed, true);
});

t.test(
  'an object is known by its beginning, as API servers write it, and the rest is read when it is asked for',
  (t) => {
    const metadata = {
      name: 'web',
      generateName: 'w',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '7',
      labels: { a: 'b' },
    };
    const object = { kind: 'Deployment', apiVersion: 'apps/v1', metadata, spec: {} };
    for (const type of ['ADDED', 'MODIFIED', 'DELETED'] as const) {
      const line = JSON.stringify({ type, object });
      t.match(parseWatchEvent(line), { type, uid: 'u', resourceVersion: '7' });
      t.same(readObject(line), object);
      const broken = line.slice(0, -2);
      t.match(parseWatchEvent(broken), { type, uid: 'u', resourceVersion: '7' });
      t.throws(() => readObject(broken), SyntaxError);
    }
    t.end();
  },
);

t.test('an object in any other order, and what only looks like a beginning, is read as a whole', (t) => {
  const odd = String.raw`"uid":"x","resourceVersion":"1"`;
  const lines = [
    { labels: { uid: 'x', resourceVersion: '1' }, uid: 'u', resourceVersion: '7' },
    { ownerReferences: [{ uid: 'x', resourceVersion: '1' }], uid: 'u', resourceVersion: '7' },
    { name: odd, uid: 'u', resourceVersion: '7' },
    { resourceVersion: '7', uid: 'u' },
    { uid: 'u', name: odd, resourceVersion: '7', [odd]: odd },
  ].map((metadata) => JSON.stringify({ type: 'ADDED', object: { metadata } }));
  const nested = {
    type: 'ADDED',
    object: { spec: { metadata: { uid: 'x', resourceVersion: '1' } }, metadata: { uid: 'u', resourceVersion: '7' } },
  };
  for (const line of [...lines, JSON.stringify(nested)]) {
    t.match(parseWatchEvent(line), { type: 'ADDED', uid: 'u', resourceVersion: '7' }, line);
    t.match(readObject(line), { metadata: { uid: 'u', resourceVersion: '7' } });
  }
  t.end();
});

function readObject(line: string): unknown {
  const event = parseWatchEvent<object>(line);
  return event && 'read' in event ? event.read() : undefined;
}
