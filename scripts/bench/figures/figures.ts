/** All figures, in the order in which they are taken. */
import type { FigureBuilder } from '../figure.ts';
import { buildBurst, buildLatency } from './events.ts';
import { buildFill, buildMemory, buildStart } from './fill.ts';
import { buildGet } from './get.ts';
import { buildList } from './list.ts';
import { buildCalls, buildCreate } from './writes.ts';

export const figures: Record<string, FigureBuilder> = {
  get: buildGet,
  list: buildList,
  calls: buildCalls,
  create: buildCreate,
  fill: buildFill,
  memory: buildMemory,
  burst: buildBurst,
  latency: buildLatency,
  start: buildStart,
};
