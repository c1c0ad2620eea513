import fc from 'fast-check';
import t from 'tap';
import { writtenNumbers } from '../../scripts/fuzz/near-valid.ts';
import { hasInexactNumbers, isObject, parseExactly } from '../../src/containers/json.ts';

const inexact = [
  ...['12345678901234567890', '-9007199254740993', '1.0', '-1.50', '0.10', '10.0', '-0', '-0.0', '0.0'],
  ...['1e400', '-1E400', '1e5', '1E-2', '1e21', '1.5e+3', '0.0000001', '123456789.1234567890', '0.1234567890123456789'],
];
const exact = ['0', '1', '-1', '1.5', '-0.1', '10', '100.25', '1e+21', '1.5e-7', '123456789012345', '1700000000000000'];

for (const [name, numbers, expected] of [
  ['that are not what a double is written as', inexact, true],
  ['that are', exact, false],
] as const) {
  t.test(`numbers ${name} are told from others`, (t) => {
    for (const number of numbers) {
      for (const text of [
        `[${number}]`,
        `[0,${number},0]`,
        `{"a":${number}}`,
        `{"a" : ${number}\n}`,
        `[\t${number}\r\n]`,
      ]) {
        t.equal(hasInexactNumbers(text), expected, text);
      }
    }
    t.end();
  });
}

t.test('what stands in strings costs nothing: versions, amounts, times and digests', (t) => {
  for (const text of ['nginx:1.0', 'a, 1.50 each', '2026-01-21T10:00:00.000Z', 'sha256:12e4567890', '[1.0', '-0']) {
    t.notOk(hasInexactNumbers(JSON.stringify({ text, list: [text, text] })), text);
  }
  t.end();
});

t.test('any number comes back as it was written, and is only looked for where it would not', (t) => {
  fc.assert(
    fc.property(fc.array(writtenNumbers), (numbers) => {
      const text = JSON.stringify({ numbers, other: { number: 1, text: '1.0' } });
      return (
        JSON.stringify(parseExactly(text)) === text &&
        hasInexactNumbers(text) === (JSON.stringify(JSON.parse(text)) !== text)
      );
    }),
    { numRuns: 2_000 },
  );
  t.pass();
  t.end();
});

t.test('numbers that a double gives back are numbers, and none is taken for an object', (t) => {
  const [one, huge, list] = parseExactly('[1.5, 1e400, []]') as unknown[];
  t.equal(one, 1.5);
  t.notOk(isObject(huge));
  t.notOk(isObject(list));
  t.ok(isObject(parseExactly('{"__proto__":1.0}')));
  t.equal(JSON.stringify(parseExactly('{"__proto__":1.0}')), '{"__proto__":1.0}');
  t.end();
});

t.test('a text that is made to be looked at for long is not', (t) => {
  const texts = [
    ':'.repeat(200_000),
    ': '.repeat(100_000),
    `:${' '.repeat(200_000)}`,
    `:1.${'1'.repeat(200_000)}`,
    `:1.${'0'.repeat(200_000)}x`,
    `:1.0${' '.repeat(200_000)}`,
    `:1e5x${'.0 '.repeat(70_000)}`,
    `:1e5x${'-0 '.repeat(70_000)}`,
  ];
  const startedAt = performance.now();
  for (const text of texts) t.notOk(hasInexactNumbers(text));
  t.ok(performance.now() - startedAt < 2_000);
  t.end();
});
