/** Waits grow, within bounds that no failure, no chance and nobody else can move. */
import t from 'tap';
import { backoffMs, parseRetryAfter, spreadMs } from '../src/backoff.ts';

const backoff = { firstMs: 250, maxMs: 10_000 };

t.test('doubles with every failure, up to a bound', (t) => {
  const delays = [1, 2, 3, 6, 7, 100, 5_000].map((failures) => backoffMs(failures, backoff, 0, 1));
  t.strictSame(delays, [250, 500, 1_000, 8_000, 10_000, 10_000, 10_000]);
  t.end();
});

t.test('shortens a wait by up to half, by chance', (t) => {
  t.equal(backoffMs(1, backoff, 0, 0), 125);
  t.equal(backoffMs(100, backoff, 0, 0.5), 7_500);
  t.end();
});

t.test('waits as long as it is asked to, up to a minute or what is said', (t) => {
  t.equal(backoffMs(1, backoff, 7_000, 0), 7_000);
  t.equal(backoffMs(7, backoff, 7_000, 1), 10_000);
  t.equal(backoffMs(1, backoff, 3_600_000, 0), 60_000);
  t.equal(backoffMs(1, { ...backoff, maxAskedMs: 600_000 }, 3_600_000, 0), 600_000);
  t.end();
});

t.test('those who were asked to wait do not come back together, and within a bound', (t) => {
  const waits = [0, 0.5, 1].map((chance) => spreadMs(1_000, 10_000, chance));
  t.strictSame(waits, [1_000, 1_250, 1_500]);
  t.equal(spreadMs(60_000, 10_000, 1), 10_000);
  t.ok(spreadMs(60_000, 10_000, 0) > 6_000);
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
    [undefined, undefined],
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
