/** What the command line asks of the benchmark. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { figures, ordinaryFigures } from './figures/figures.ts';

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
  /** How many clients create at once, beside how many idle connections, for how many milliseconds. */
  clients: number;
  idleConnections: number;
  crowdMs: number;
  /** How many clients create large containers at once while the API server stands still, for how many milliseconds. */
  heavyClients: number;
  heavyMs: number;
  /** For how long nothing happens. */
  quietSeconds: number;
  /** Numbers of containers between which growth is measured. */
  growth: readonly number[];
  /** How many wait for a status at once. */
  waiters: number;
  /** Names of figures. */
  only: readonly string[];
  /** On a real control plane rather than the sandbox. */
  cluster: boolean;
  /** Where the readings are written. */
  json?: string;
  /** Where growth is drawn, as SVG. */
  plot?: string;
  /** The folder of another build (`dist/`), which this one is compared with. */
  otherBuild?: string;
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
    clients: 1_000,
    idleConnections: 5_000,
    crowdMs: 10_000,
    heavyClients: 2_000,
    heavyMs: 20_000,
    waiters: 10_000,
    quietSeconds: 60,
    growth: [100, 1_000, 10_000, 50_000],
  },
  small: {
    containers: 200,
    fewContainers: 20,
    runs: 1,
    loadMs: 300,
    creates: 20,
    changesPerSecond: 50,
    changeSeconds: 1,
    clients: 50,
    idleConnections: 100,
    crowdMs: 1_000,
    heavyClients: 100,
    heavyMs: 2_000,
    waiters: 100,
    quietSeconds: 2,
    growth: [10, 100],
  },
};

export const usage = `npm run bench -- [--size full|small] [--containers N] [--runs N] [--only ${Object.keys(figures).join(',')}] [--quiet-seconds N] [--json FILE] [--plot FILE] [--cluster] [--against FOLDER]`;

/** @throws Error that says what cannot be understood */
export function readOptions(commandLine: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      size: { type: 'string', default: 'full' },
      containers: { type: 'string' },
      runs: { type: 'string' },
      only: { type: 'string' },
      'quiet-seconds': { type: 'string' },
      json: { type: 'string' },
      plot: { type: 'string' },
      cluster: { type: 'boolean', default: false },
      against: { type: 'string' },
    },
  });
  if (values.size !== 'full' && values.size !== 'small') throw new Error('--size must be full or small');
  const size = sizes[values.size];
  const only = values.only?.split(',') ?? (values.against === undefined ? ordinaryFigures : ['builds']);
  const unknown = only.filter((name) => !Object.hasOwn(figures, name));
  if (unknown.length > 0) throw new Error(`--only knows ${Object.keys(figures).join(', ')}, not ${unknown.join(', ')}`);
  if (only.includes('builds') && values.against === undefined)
    throw new Error('builds needs --against, the dist folder of another build');
  const containers = positive('containers', values.containers) ?? size.containers;
  return {
    ...size,
    containers,
    fewContainers: Math.min(size.fewContainers, containers),
    quietSeconds: positive('quiet-seconds', values['quiet-seconds']) ?? size.quietSeconds,
    runs: positive('runs', values.runs) ?? size.runs,
    only,
    cluster: values.cluster,
    ...(values.json !== undefined && { json: values.json }),
    ...(values.plot !== undefined && { plot: values.plot }),
    ...(values.against !== undefined && { otherBuild: resolve(values.against) }),
  };
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} must be a whole number from 1`);
  return Number(text);
}
