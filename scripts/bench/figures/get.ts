/** Reading one container, among few and among many. */
import { inTurn } from '../figure.ts';
import type { FigureBuilder, Reading } from '../figure.ts';
import { containerId } from '../objects.ts';
import { startBaseline } from './baseline.ts';

const connections = 10;

export const buildGet: FigureBuilder = async (stage, stack) => {
  const { containers, fewContainers, loadMs } = stage.options;
  const few = stack.use(await stage.startProvider(stage.namespaces.small));
  const many = stack.use(await stage.startProvider(stage.namespaces.large));
  const container = await fetch(`${many.url}/api/v1alpha1/containers/${containerId(0)}`);
  const baseline = await startBaseline(stack, [(await container.json()) as object]);
  const load = (url: string, paths: string[], durationMs = loadMs) =>
    stage.load.run('load', { url, paths, connections, durationMs });
  const targets = [
    { url: few.url, count: fewContainers },
    { url: many.url, count: containers },
  ].map(({ url, count }) => ({
    url,
    count,
    // Spread over all of them.
    paths: Array.from({ length: Math.min(count, 1_000) }, (_, index) => {
      return `/api/v1alpha1/containers/${containerId(Math.floor((index * count) / Math.min(count, 1_000)))}`;
    }),
  }));
  await load(baseline, ['/one/x']);
  for (const { url, paths } of targets) await load(url, paths);

  return {
    run: async (number) => {
      const readings: Reading[] = [];
      for (const { url, paths, count } of number % 2 === 0 ? targets : targets.toReversed()) {
        const measured = await inTurn(
          number,
          () => load(baseline, ['/one/x']),
          () => load(url, paths),
        );
        const name = (what: string): string => `GET one of ${count}: ${what}`;
        const aim = '≤ 1.3 ×, equal at both sizes';
        readings.push(
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
        );
      }
      return readings;
    },
  };
};
