/** Listing a page of many containers. */
import { inTurn } from '../figure.ts';
import type { FigureBuilder } from '../figure.ts';
import { startBaseline } from './baseline.ts';

const pageSize = 1_000;
const connections = 2;

export const buildList: FigureBuilder = async (stage, stack) => {
  const { containers, loadMs } = stage.options;
  const provider = stack.use(await stage.startProvider(stage.namespaces.large));
  const path = `/api/v1alpha1/containers?max_page_size=${pageSize}`;
  const page = (await (await fetch(provider.url + path)).json()) as { containers: object[] };
  const baseline = await startBaseline(stack, page.containers);
  const load = (url: string, asked: string) =>
    stage.load.run('load', { url, paths: [asked], connections, durationMs: loadMs });
  await load(baseline, '/many');
  await load(provider.url, path);

  return {
    run: async (number) => {
      const measured = await inTurn(
        number,
        () => load(baseline, '/many'),
        () => load(provider.url, path),
      );
      const name = (what: string): string => `list ${page.containers.length} of ${containers}: ${what}`;
      const aim = '≤ 1.1 ×';
      return [
        { name: name('p50'), unit: 'ms', value: measured.value.p50, baseline: measured.baseline.p50, aim },
        { name: name('p99'), unit: 'ms', value: measured.value.p99, baseline: measured.baseline.p99, aim },
        {
          name: name('rate'),
          unit: '1/s',
          value: measured.value.requestsPerSecond,
          baseline: measured.baseline.requestsPerSecond,
          moreIsBetter: true,
          aim,
        },
      ];
    },
  };
};
