/**
 * Reading one container, among few and among many: beside a bare route that leaves the same line in a log, beside a silent
 * one, and many beside few.
 */
import type { FigureBuilder, Reading } from '../figure.ts';
import { containerId } from '../objects.ts';
import type { ProviderProcess } from '../provider-process.ts';
import { compareReads, makeLoad, sameAim, startBaseline } from './baseline.ts';
import type { ReadComparison, ReadTarget } from './baseline.ts';

const connections = 10;
const warmUpMs = 1_500;

const besideLogged = { p50: '≤ 1.25 ×', p99: 'stated', rate: 'stated', processorTime: '≤ 1.4 ×' };
const besideFew = { p50: '≤ 1.1 ×', p99: 'stated', rate: 'stated', processorTime: '≤ 1.1 ×' };

export const buildGet: FigureBuilder = async (stage, stack) => {
  const { containers, fewContainers } = stage.options;
  const few = stack.use(await stage.startProvider(stage.namespaces.small));
  const many = stack.use(await stage.startProvider(stage.namespaces.large));
  const container = await fetch(`${many.url}/api/v1alpha1/containers/${containerId(0)}`);
  const object = (await container.json()) as object;
  const { '/one/x': silent, '/logged/x': logged } = await startBaseline(stack, [object], ['/one/x', '/logged/x']);
  const targetOf = (provider: ProviderProcess, count: number): ReadTarget => ({
    url: provider.url,
    paths: pathsOverAll(count),
    processorMs: async () => (await provider.read()).processorMs,
  });
  const ofFew = targetOf(few, fewContainers);
  const ofMany = targetOf(many, containers);
  for (const target of [silent, logged, ofFew, ofMany]) {
    await makeLoad(stage, target, { connections, durationMs: warmUpMs });
  }
  const name = (count: number, beside: string) => `GET one of ${count}, beside ${beside}`;
  const comparisons: Omit<ReadComparison, 'connections'>[] = [
    { name: name(fewContainers, 'a route that logs'), aims: besideLogged, baseline: logged, target: ofFew },
    { name: name(containers, 'a route that logs'), aims: besideLogged, baseline: logged, target: ofMany },
    { name: name(fewContainers, 'a silent route'), aims: sameAim('stated'), baseline: silent, target: ofFew },
    { name: name(containers, `one of ${fewContainers}`), aims: besideFew, baseline: ofFew, target: ofMany },
  ];
  return {
    run: async (number) => {
      const readings: Reading[] = [];
      for (const comparison of comparisons) {
        readings.push(...(await compareReads(stage, number, { ...comparison, connections })));
      }
      return readings;
    },
  };
};

/** Of at most 1,000 containers, spread evenly. */
export function pathsOverAll(count: number): string[] {
  const chosen = Math.min(count, 1_000);
  return Array.from({ length: chosen }, (_, index) => {
    return `/api/v1alpha1/containers/${containerId(Math.floor((index * count) / chosen))}`;
  });
}
