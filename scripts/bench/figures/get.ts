/** Reading one container, among few and among many. */
import type { FigureBuilder, Reading } from '../figure.ts';
import { containerId } from '../objects.ts';
import { compareReads, makeLoad, startBaseline } from './baseline.ts';

const connections = 10;
const warmUpMs = 1_500;

export const buildGet: FigureBuilder = async (stage, stack) => {
  const { containers, fewContainers } = stage.options;
  const few = stack.use(await stage.startProvider(stage.namespaces.small));
  const many = stack.use(await stage.startProvider(stage.namespaces.large));
  const container = await fetch(`${many.url}/api/v1alpha1/containers/${containerId(0)}`);
  const baseline = await startBaseline(stack, [(await container.json()) as object], '/one/x');
  const targets = [
    { provider: few, count: fewContainers },
    { provider: many, count: containers },
  ].map(({ provider, count }) => ({
    name: `GET one of ${count}`,
    target: {
      url: provider.url,
      paths: pathsOverAll(count),
      processorMs: async () => (await provider.read()).processorMs,
    },
  }));
  for (const target of [baseline, ...targets.map((each) => each.target)]) {
    await makeLoad(stage, target, { connections, durationMs: warmUpMs });
  }
  return {
    run: async (number) => {
      const readings: Reading[] = [];
      for (const { name, target } of number % 2 === 0 ? targets : targets.toReversed()) {
        const aim = '≤ 1.3 ×, equal at both sizes';
        readings.push(...(await compareReads(stage, number, { name, aim, baseline, target, connections })));
      }
      return readings;
    },
  };
};

/** Of at most 1,000 containers, spread evenly. */
function pathsOverAll(count: number): string[] {
  const chosen = Math.min(count, 1_000);
  return Array.from({ length: chosen }, (_, index) => {
    return `/api/v1alpha1/containers/${containerId(Math.floor((index * count) / chosen))}`;
  });
}
