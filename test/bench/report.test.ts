import t from 'tap';
import type { Reading } from '../../scripts/bench/figure.ts';
import { inTurn } from '../../scripts/bench/figure.ts';
import { readOptions } from '../../scripts/bench/options.ts';
import { drawGrowth } from '../../scripts/bench/plot.ts';
import { formatGrowth, formatTable, summarize } from '../../scripts/bench/report.ts';
import { median, percentile } from '../../scripts/bench/statistics.ts';

t.test('the median is the middle, or between the two in the middle', (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.equal(median([10]), 10);
  t.ok(Number.isNaN(median([])));
  t.end();
});

t.test('percentiles lie between the nearest ranks, and numbers are sorted as numbers', (t) => {
  const values = [100, 9, 20];
  t.equal(percentile(values, 0), 9);
  t.equal(percentile(values, 100), 100);
  t.equal(percentile(values, 75), 60);
  t.strictSame(values, [100, 9, 20], 'what was given is left as it was');
  t.end();
});

const reading = (changes: Partial<Reading>): Reading => ({
  name: 'a',
  unit: 'ms',
  value: 1,
  aim: 'stated',
  ...changes,
});

t.test('sums up each figure by its medians, and by the median of the ratios of single runs', (t) => {
  const [row] = summarize([
    reading({ value: 10, baseline: 5 }),
    reading({ value: 30, baseline: 10 }),
    reading({ value: 20, baseline: 2 }),
  ]);
  t.match(row, { value: 20, baseline: 5, ratio: 3 });
  t.equal(row?.runs.length, 3);
  t.end();
});

t.test('states as a ratio how many times the cost it is, where more is better too', (t) => {
  const [row] = summarize([reading({ value: 50, baseline: 100, moreIsBetter: true })]);
  t.equal(row?.ratio, 2);
  t.end();
});

t.test('a figure without a baseline has no ratio', (t) => {
  const [row] = summarize([reading({})]);
  t.notOk(row && ('ratio' in row || 'baseline' in row));
  t.match(formatTable([row!]), /\| a +\| +1 ms \| +\| +\| stated +\|/);
  const beside = summarize([reading({ value: 1, baseline: 0 })]);
  t.match(formatTable(beside), /\| a +\| +1 ms \| +0 ms \| +\| stated +\|/, 'there is no ratio to nothing');
  t.end();
});

t.test('the lines of the table are of one width', (t) => {
  const rows = summarize([
    reading({ name: 'short', value: 1.234, baseline: 2 }),
    reading({ name: 'much longer', value: 123.4 }),
  ]);
  const lines = formatTable(rows).split('\n');
  t.equal(new Set(lines.map((line) => line.length)).size, 1);
  t.match(lines[2], /1\.23 ms .* 2 ms .* 0\.62 ×/);
  t.end();
});

const grown = (series: string, containers: number, value: number): Reading =>
  reading({ name: `${series} beside ${containers}`, value, growth: { series, containers } });

t.test('growth is a row for each series and a column for each number of containers', (t) => {
  const rows = summarize([grown('GET', 1_000, 2), grown('GET', 100, 1), grown('list', 100, 5)]);
  const lines = formatGrowth(rows).split('\n');
  t.match(lines[0], /\| containers \| +100 \| +1,000 \|/);
  t.match(lines[2], /\| GET +\| +1 ms \| +2 ms \|/);
  t.match(lines[3], /\| list +\| +5 ms \| +\|/);
  t.end();
});

t.test('growth is drawn as a line through all numbers, the greater the further up and right', (t) => {
  const svg = drawGrowth(summarize([grown('a < b', 100, 1), grown('a < b', 1_000, 10), grown('a < b', 10_000, 100)]));
  const [, points] = /<polyline points="([^"]+)"/.exec(svg) ?? [];
  const places = points!.split(' ').map((place) => place.split(',').map(Number));
  t.equal(places.length, 3);
  t.ok(places[0]![0]! < places[1]![0]! && places[1]![0]! < places[2]![0]!);
  t.ok(places[0]![1]! > places[1]![1]! && places[1]![1]! > places[2]![1]!);
  t.equal(places[1]![0]! - places[0]![0]!, places[2]![0]! - places[1]![0]!, 'the axes are logarithmic');
  t.match(svg, 'a &lt; b (ms)');
  t.end();
});

t.test('the baseline is taken first in one run and last in the next', async (t) => {
  for (const [number, expected] of [
    [0, ['baseline', 'value']],
    [1, ['value', 'baseline']],
  ] as const) {
    const order: string[] = [];
    const note = (name: string) => () => Promise.resolve(void order.push(name));
    await inTurn(number, note('baseline'), note('value'));
    t.strictSame(order, expected);
  }
});

t.test('options have sizes, and refuse what they do not know', (t) => {
  t.match(readOptions([]), { containers: 10_000, runs: 5, cluster: false });
  t.match(readOptions(['--size', 'small', '--runs', '2', '--only', 'get,list', '--json', 'x', '--cluster']), {
    runs: 2,
    only: ['get', 'list'],
    json: 'x',
    cluster: true,
  });
  t.equal(readOptions(['--containers', '7']).fewContainers, 7, 'few are never more than many');
  t.notOk(readOptions([]).only.includes('growth'), 'growth is only measured when it is asked for');
  t.match(readOptions(['--only', 'growth', '--plot', 'x.svg']), { only: ['growth'], plot: 'x.svg' });
  t.match(readOptions(['--against', '/other/dist']), { only: ['builds'], otherBuild: '/other/dist' });
  t.throws(() => readOptions(['--only', 'get,builds']), /builds needs --against/);
  t.throws(() => readOptions(['--only', 'put']), /--only knows .*, not put/);
  t.throws(() => readOptions(['--containers', '0']), /--containers must be/);
  t.throws(() => readOptions(['--size', 'huge']), /--size must be/);
  t.end();
});
