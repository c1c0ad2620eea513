/** What metrics cost: a scrape beside many containers, and each read. */
import type { FigureBuilder } from '../figure.ts';
import { inTurn } from '../figure.ts';
import { containerId } from '../objects.ts';
import type { ProviderProcess } from '../provider-process.ts';
import { makeLoad } from './baseline.ts';
import type { ReadTarget } from './baseline.ts';

const scrapes = 50;
const connections = 10;

export const buildMetrics: FigureBuilder = async (stage, stack) => {
  const { containers, loadMs } = stage.options;
  const bare = stack.use(await stage.startProvider(stage.namespaces.large));
  const env = { SP_MANAGEMENT_ADDRESS: '127.0.0.1:0' };
  const measured = stack.use(await stage.startProvider(stage.namespaces.large, { env }));
  const [, address] = /"managementAddress":"([^"]+)"/.exec(await measured.output()) ?? [];
  for (const provider of [bare, measured]) {
    await makeLoad(stage, readsOf(provider), { connections, durationMs: loadMs / 2 });
  }
  return {
    run: async (number) => {
      const limits = { connections, durationMs: loadMs };
      const reads = await inTurn(
        number,
        () => makeLoad(stage, readsOf(bare), limits),
        () => makeLoad(stage, readsOf(measured), limits),
      );
      const before = (await measured.read()).processorMs;
      for (let n = 0; n < scrapes; n += 1) await (await fetch(`http://${address!}/metrics`)).text();
      const scrapeMs = ((await measured.read()).processorMs - before) / scrapes;
      return [
        { name: `scrape of ${containers}: processor time`, unit: 'ms', value: scrapeMs, aim: '20 ms' },
        {
          name: 'GET with metrics, beside one without: processor time',
          unit: 'µs',
          value: reads.value.processorMicroseconds,
          baseline: reads.baseline.processorMicroseconds,
          aim: 'stated',
        },
      ];
    },
  };
};

function readsOf(provider: ProviderProcess): ReadTarget {
  return {
    url: provider.url,
    paths: [`/api/v1alpha1/containers/${containerId(0)}`],
    processorMs: async () => (await provider.read()).processorMs,
  };
}
