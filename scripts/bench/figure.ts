/** What a figure is. */
import type { Stage } from './stage.ts';

/** One number with its baseline, both taken in the same run. */
export interface Reading {
  /** Says which figure it is, with its conditions: the same in every run. */
  name: string;
  unit: string;
  value: number;
  /** Absent: the number is stated alone. */
  baseline?: number;
  /** A greater value is the better one: the ratio is that of the baseline to the value. */
  moreIsBetter?: true;
  /** What is to be reached, in words. */
  aim: string;
  /** Where it is the point of a curve over the number of containers. */
  growth?: { series: string; containers: number };
}

/** What stays as it is from run to run, and goes at the end. */
export interface Figure {
  /** Takes the figure once. The baseline is taken first in even runs, last in odd ones. */
  run: (number: number) => Promise<Reading[]>;
}

/** Builds what the figure needs; `stack` takes it down. */
export type FigureBuilder = (stage: Stage, stack: AsyncDisposableStack) => Promise<Figure>;

/** Takes two readings one after the other, in an order that alternates from run to run. */
export async function inTurn<Baseline, Value>(
  number: number,
  baseline: () => Promise<Baseline>,
  value: () => Promise<Value>,
): Promise<{ baseline: Baseline; value: Value }> {
  if (number % 2 === 0) return { baseline: await baseline(), value: await value() };
  const measured = await value();
  return { baseline: await baseline(), value: measured };
}
