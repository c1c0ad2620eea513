/** What the command line asks of the benchmark. */
import { parseArgs } from 'node:util';
import { figures } from './figures/figures.ts';

export interface BenchOptions {
  /** Number of containers in the large namespace. */
  containers: number;
  /** Number of containers in the small one. */
  fewContainers: number;
  /** How often each figure is taken, together with its baseline. */
  runs: number;
  /** How long load is made for one reading, in milliseconds. */
  loadMs: number;
  /** How many containers are created, one or 50 at a time, for one reading. */
  creates: number;
  /** Pods that change in a second, and for how many seconds. */
  changesPerSecond: number;
  changeSeconds: number;
  /** Names of figures. */
  only: readonly string[];
  /** On a real control plane rather than the sandbox. */
  cluster: boolean;
  /** Where the readings are written. */
  json?: string;
}

const sizes = {
  full: {
    containers: 10_000,
    fewContainers: 100,
    runs: 5,
    loadMs: 3_000,
    creates: 200,
    changesPerSecond: 200,
    changeSeconds: 5,
  },
  small: {
    containers: 200,
    fewContainers: 20,
    runs: 1,
    loadMs: 300,
    creates: 20,
    changesPerSecond: 50,
    changeSeconds: 1,
  },
};

export const usage = `npm run bench -- [--size full|small] [--containers N] [--runs N] [--only ${Object.keys(figures).join(',')}] [--json FILE] [--cluster]`;

/** @throws Error that says what cannot be understood */
export function readOptions(commandLine: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      size: { type: 'string', default: 'full' },
      containers: { type: 'string' },
      runs: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      cluster: { type: 'boolean', default: false },
    },
  });
  if (values.size !== 'full' && values.size !== 'small') throw new Error('--size must be full or small');
  const size = sizes[values.size];
  const only = values.only?.split(',') ?? Object.keys(figures);
  const unknown = only.filter((name) => !Object.hasOwn(figures, name));
  if (unknown.length > 0) throw new Error(`--only knows ${Object.keys(figures).join(', ')}, not ${unknown.join(', ')}`);
  const containers = positive('containers', values.containers) ?? size.containers;
  return {
    ...size,
    containers,
    fewContainers: Math.min(size.fewContainers, containers),
    runs: positive('runs', values.runs) ?? size.runs,
    only,
    cluster: values.cluster,
    ...(values.json !== undefined && { json: values.json }),
  };
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} must be a whole number from 1`);
  return Number(text);
}
