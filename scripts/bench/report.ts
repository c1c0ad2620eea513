/** The table and the JSON of a benchmark. */
import type { Reading } from './figure.ts';
import { median } from './statistics.ts';

/** One figure over all runs. */
export interface Row extends Omit<Reading, 'value' | 'baseline'> {
  /** Medians. */
  value: number;
  baseline?: number;
  /** The median of the ratios of each run: how many times the baseline's cost. */
  ratio?: number;
  runs: { value: number; baseline?: number }[];
}

/** One row for each name, in the order in which they first appear. */
export function summarize(readings: readonly Reading[]): Row[] {
  return [...Map.groupBy(readings, ({ name }) => name).values()].map((same) => {
    const { name, unit, aim, moreIsBetter, growth } = same[0]!;
    const baselines = same.map(({ baseline }) => baseline).filter((baseline) => baseline !== undefined);
    return {
      name,
      unit,
      aim,
      ...(moreIsBetter && { moreIsBetter }),
      ...(growth && { growth }),
      value: median(same.map(({ value }) => value)),
      ...(baselines.length > 0 && { baseline: median(baselines), ratio: median(same.map(ratioOf)) }),
      runs: same.map(({ value, baseline }) => ({ value, ...(baseline !== undefined && { baseline }) })),
    };
  });
}

function ratioOf({ value, baseline = NaN, moreIsBetter }: Reading): number {
  return moreIsBetter ? baseline / value : value / baseline;
}

/** A table in Markdown with columns of even width. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, unit, value, baseline, ratio, aim }) => [
    name,
    quantity(value, unit),
    baseline === undefined ? '' : quantity(baseline, unit),
    // Beside a baseline of nothing there is no ratio.
    ratio === undefined || !Number.isFinite(ratio) ? '' : `${ratio.toFixed(2)} ×`,
    aim,
  ]);
  return formatCells(['figure', 'median', 'baseline', 'ratio', 'to reach'], cells, ['median', 'baseline', 'ratio']);
}

/** What grows with the number of containers: a row for each series, a column for each number. */
export function formatGrowth(rows: readonly Row[]): string {
  const points = rows.flatMap(({ growth, unit, value }) => (growth ? [{ ...growth, unit, value }] : []));
  const numbers = [...new Set(points.map(({ containers }) => containers))].sort((a, b) => a - b);
  const columns = numbers.map((number) => number.toLocaleString('en'));
  const cells = [...Map.groupBy(points, ({ series }) => series)].map(([series, own]) => [
    series,
    ...numbers.map((number) => {
      const point = own.find(({ containers }) => containers === number);
      return point ? quantity(point.value, point.unit) : '';
    }),
  ]);
  return formatCells(['containers', ...columns], cells, columns);
}

/** @param numeric - the columns that stand to the right */
function formatCells(header: readonly string[], body: readonly string[][], numeric: readonly string[]): string {
  const cells = [header, ...body];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const isNumeric = (column: number) => numeric.includes(header[column]!);
  const format = (row: readonly string[]) =>
    `| ${row.map((cell, column) => pad(cell, widths[column]!, isNumeric(column))).join(' | ')} |`;
  const rule = widths.map((width, column) => (isNumeric(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2)));
  return [format(header), `|${rule.join('|')}|`, ...body.map(format)].join('\n');
}

function pad(cell: string, width: number, toTheRight: boolean): string {
  return toTheRight ? cell.padStart(width) : cell.padEnd(width);
}

/** With three digits that count. */
function quantity(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const number = Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return unit === '' ? number : `${number} ${unit}`;
}
