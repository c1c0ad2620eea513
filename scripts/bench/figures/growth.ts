/** How the service grows with the number of containers: the same figures beside few and beside very many. */
import type { FigureBuilder, Reading } from '../figure.ts';
import type { LoadJob } from '../load-process.ts';
import type { ProviderProcess } from '../provider-process.ts';
import { createNamespace, populate } from '../stage.ts';
import type { Stage } from '../stage.ts';
import { percentile } from '../statistics.ts';
import { startObserved, windowMs } from './events.ts';
import { pathsOverAll } from './get.ts';

const megabyte = 1024 * 1024;
const pageSize = 1_000;
const connections = { get: 10, list: 2 };

export const buildGrowth: FigureBuilder = async (stage, stack) => {
  const namespaces = new Map<number, string>();
  for (const containers of stage.options.growth) {
    const namespace = await createNamespace(stage, stack, `growth-${containers}`);
    await populate(stage.api, namespace, containers);
    namespaces.set(containers, namespace);
  }
  return {
    run: async () => {
      const readings: Reading[] = [];
      for (const [containers, namespace] of namespaces) {
        readings.push(...(await measureBeside(stage, { containers, namespace })));
      }
      return readings;
    },
  };
};

async function measureBeside(
  stage: Stage,
  { containers, namespace }: { containers: number; namespace: string },
): Promise<Reading[]> {
  await using stack = new AsyncDisposableStack();
  const { provider, measureDelays } = await startObserved(stage, stack, { namespace, containers });
  const filled = await provider.read({ collect: true });
  const { get, list } = await measureReads(stage, provider, containers);
  const loaded = await provider.read();
  const delays = await measureDelays();
  const reading = (series: string, unit: string, value: number): Reading => ({
    name: `${series} beside ${containers}`,
    unit,
    value,
    aim: 'stated',
    growth: { series, containers },
  });
  return [
    reading('GET, p50', 'ms', get),
    reading(`list of at most ${pageSize}, p50`, 'ms', list),
    reading('caches filled', 'ms', provider.readyAfterMs - provider.listeningAfterMs),
    reading('memory, filled', 'MB', filled.residentMemory / megabyte),
    reading('memory, after load', 'MB', loaded.residentMemory / megabyte),
    reading(`change to event, window of ${windowMs} ms, p50`, 'ms', windowMs + percentile(delays, 50)),
  ];
}

/** @returns the medians of both, in milliseconds, after a run that warms up */
async function measureReads(
  { load, options }: Stage,
  { url }: ProviderProcess,
  containers: number,
): Promise<{ get: number; list: number }> {
  const gets: LoadJob = {
    url,
    paths: pathsOverAll(containers),
    connections: connections.get,
    durationMs: options.loadMs,
  };
  const path = `/api/v1alpha1/containers?max_page_size=${pageSize}`;
  const lists: LoadJob = { url, paths: [path], connections: connections.list, durationMs: options.loadMs };
  await load.run('load', gets);
  const get = await load.run('load', gets);
  await load.run('load', lists);
  const list = await load.run('load', lists);
  return { get: get.p50, list: list.p50 };
}
