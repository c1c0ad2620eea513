/** Finding a few of many containers, beside a page of those that there are. */
import type { FigureBuilder } from '../figure.ts';
import { compareReads, makeLoad, sameAim } from './baseline.ts';
import type { ReadTarget } from './baseline.ts';

const connections = 2;
const warmUpMs = 1_500;

export const buildFilter: FigureBuilder = async (stage, stack) => {
  const provider = stack.use(await stage.startProvider(stage.namespaces.large));
  const list = '/api/v1alpha1/containers?max_page_size=1000';
  const filter = encodeURIComponent('spec.metadata.name = rare AND status = RUNNING');
  const aimAt = (path: string): ReadTarget => ({
    url: provider.url,
    paths: [path],
    processorMs: async () => (await provider.read()).processorMs,
  });
  const [baseline, target] = [aimAt(list), aimAt(`${list}&filter=${filter}`)];
  const found = (await (await fetch(provider.url + target.paths[0]!)).json()) as { containers: object[] };
  for (const each of [baseline, target]) await makeLoad(stage, each, { connections, durationMs: warmUpMs });
  const name = `filter, ${found.containers.length} of ${stage.options.containers}`;
  return {
    run: (number) => compareReads(stage, number, { name, aims: sameAim('≤ 3 ×'), baseline, target, connections }),
  };
};
