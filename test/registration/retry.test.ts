import fc from 'fast-check';
import t from 'tap';

import { parseRetryAfter, retryDelay } from '../../src/registration/retry.ts';

t.test('waits a second first, then twice as long each time, up to a minute', (t) => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100, 5_000].map((failures) => retryDelay(failures, undefined, 0));
  t.strictSame(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
  t.end();
});

t.test('shortens a delay by up to a fifth, by chance', (t) => {
  t.equal(retryDelay(1, undefined, 1), 800);
  t.equal(retryDelay(7, undefined, 0.5), 54_000);
  t.end();
});

t.test('never tries sooner than the registry asked for, within ten minutes', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.option(fc.integer({ min: 0, max: 10 ** 9 }), { nil: undefined }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, asked, chance) => {
        const delay = retryDelay(failures, asked, chance);
        return delay >= 800 && delay >= Math.min(asked ?? 0, 600_000) && delay <= 720_000;
      },
    ),
  );
  t.end();
});

t.test('reads Retry-After as seconds or as a date, and nothing else', (t) => {
  const now = Date.parse('2026-01-21T10:00:00Z');
  for (const [header, expected] of [
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['Wed, 21 Jan 2026 10:00:30 GMT', 30_000],
    ['Wednesday, 21-Jan-26 10:00:30 GMT', 30_000],
    ['Wed, 21 Jan 2026 09:00:00 GMT', 0],
    [null, undefined],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026', 2_026_000],
  ] as const) {
    t.equal(parseRetryAfter(header, now), expected, `Retry-After: ${header}`);
  }
  t.end();
});
