/** All figures, in the order in which they are taken. */
import type { FigureBuilder } from '../figure.ts';
import { buildBuilds } from './builds.ts';
import { buildBodies } from './bodies.ts';
import { buildCrowd } from './crowd.ts';
import { buildBurst, buildLatency } from './events.ts';
import { buildFill, buildMemory, buildStart } from './fill.ts';
import { buildFilter } from './filter.ts';
import { buildGet } from './get.ts';
import { buildGrowth } from './growth.ts';
import { buildList } from './list.ts';
import { buildMetrics } from './metrics.ts';
import { buildQuiet } from './quiet.ts';
import { buildRemembered } from './remembered.ts';
import { buildWait } from './wait.ts';
import { buildCalls, buildCreate } from './writes.ts';

export const figures: Record<string, FigureBuilder> = {
  get: buildGet,
  list: buildList,
  filter: buildFilter,
  calls: buildCalls,
  create: buildCreate,
  fill: buildFill,
  memory: buildMemory,
  burst: buildBurst,
  remembered: buildRemembered,
  latency: buildLatency,
  metrics: buildMetrics,
  load: buildCrowd,
  bodies: buildBodies,
  wait: buildWait,
  start: buildStart,
  quiet: buildQuiet,
  growth: buildGrowth,
  builds: buildBuilds,
};

/** Those that are taken unless others are named: all but what takes a cluster of its own size, or another build. */
export const ordinaryFigures: readonly string[] = Object.keys(figures).filter(
  (name) => name !== 'growth' && name !== 'builds',
);
