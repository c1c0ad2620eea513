import fc from 'fast-check';
import t from 'tap';

import { parseDuration } from '../../src/config/duration.ts';

t.test('reads durations as Go writes them', (t) => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2.s', 2_000],
    ['1h1m1s1ms1us1ns', 3_661_002],
    ['1500µs', 2],
    ['1500μs', 2],
    ['1500us', 2],
    ['1000000ns', 1],
    ['1ns', 1],
    ['0.1s', 100],
    ['0.0003h', 1_080],
    ['0', 0],
    ['0s', 0],
    ['+5s', 5_000],
    ['1s1s', 2_000],
    ['100000h', 360_000_000_000],
  ] as const) {
    t.equal(parseDuration(text), ms, text);
  }
  t.end();
});

t.test('takes nothing else for a duration', (t) => {
  for (const text of [
    '',
    ' ',
    '5',
    '1.5',
    's',
    '.s',
    '1 s',
    ' 1s',
    '1s ',
    '-1s',
    '1S',
    '1d',
    '1h-1m',
    '1e3s',
    '1..s',
    '1s2',
    '+',
    '++1s',
    '0x1s',
    '1,5s',
  ]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
  t.equal(parseDuration(`${'1'.repeat(64)}h`), undefined, 'more digits than any duration has');
  t.end();
});

t.test('adds up the parts of any duration', (t) => {
  const below = (max: number) => fc.integer({ min: 0, max: max - 1 });
  fc.assert(
    fc.property(below(500), below(60), below(60), below(1_000), (h, m, s, ms) => {
      return parseDuration(`${h}h${m}m${s}s${ms}ms`) === ((h * 60 + m) * 60 + s) * 1_000 + ms;
    }),
  );
  t.end();
});
