/** Listing a page of many containers. */
import type { FigureBuilder } from '../figure.ts';
import { compareReads, makeLoad, sameAim, startBaseline } from './baseline.ts';

const pageSize = 1_000;
const connections = 2;
const warmUpMs = 1_500;

export const buildList: FigureBuilder = async (stage, stack) => {
  const provider = stack.use(await stage.startProvider(stage.namespaces.large));
  const path = `/api/v1alpha1/containers?max_page_size=${pageSize}`;
  const page = (await (await fetch(provider.url + path)).json()) as { containers: object[] };
  const { '/many': baseline } = await startBaseline(stack, page.containers, ['/many']);
  const target = {
    url: provider.url,
    paths: [path],
    processorMs: async () => (await provider.read()).processorMs,
  };
  for (const each of [baseline, target]) await makeLoad(stage, each, { connections, durationMs: warmUpMs });
  const name = `list ${page.containers.length} of ${stage.options.containers}`;
  return {
    run: (number) => compareReads(stage, number, { name, aims: sameAim('≤ 1.1 ×'), baseline, target, connections }),
  };
};
