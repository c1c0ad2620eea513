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
    const { name, unit, aim, moreIsBetter } = same[0]!;
    const baselines = same.map(({ baseline }) => baseline).filter((baseline) => baseline !== undefined);
    return {
      name,
      unit,
      aim,
      ...(moreIsBetter && { moreIsBetter }),
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
  const cells = [
    ['figure', 'median', 'baseline', 'ratio', 'to reach'],
    ...rows.map(({ name, unit, value, baseline, ratio, aim }) => [
      name,
      quantity(value, unit),
      baseline === undefined ? '' : quantity(baseline, unit),
      ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
      aim,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) => `| ${row.map((cell, column) => pad(cell, widths[column]!, column)).join(' | ')} |`);
  const rule = `|${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

function isNumber(column: number): boolean {
  return column >= 1 && column <= 3;
}

function pad(cell: string, width: number, column: number): string {
  return isNumber(column) ? cell.padStart(width) : cell.padEnd(width);
}

/** With three digits that count. */
function quantity(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const number = Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return unit === '' ? number : `${number} ${unit}`;
}
