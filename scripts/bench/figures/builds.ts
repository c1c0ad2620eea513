/**
 * This build beside another one (`--against FOLDER`), in turns: what each read and each create costs of the provider's own
 * processor time, all that follows from it included, and how long the client waits.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inTurn } from '../figure.ts';
import type { FigureBuilder, Reading } from '../figure.ts';
import type { ProviderProcess } from '../provider-process.ts';
import type { Stage } from '../stage.ts';
import { compareReads, makeLoad, sameAim } from './baseline.ts';
import type { ReadTarget } from './baseline.ts';
import { pathsOverAll } from './get.ts';
import { create, remove } from './writes.ts';

const connections = 10;
const warmUpMs = 1_500;
/** How long a provider is given for what follows from the last request: watch events, and the status events after their debounce. */
const settleMs = 1_000;
const aim = '≤ 1.05 ×';

export const buildBuilds: FigureBuilder = async (stage, stack) => {
  const { otherBuild, fewContainers } = stage.options;
  const { small, empty, crowd } = stage.namespaces;
  const start = async (namespace: string, folder?: string): Promise<ProviderProcess> =>
    stack.use(await stage.startProvider(namespace, folder === undefined ? {} : { folder }));
  const [otherReads, ownReads] = [await start(small, otherBuild), await start(small)];
  const [otherWrites, ownWrites] = [await start(empty, otherBuild), await start(crowd)];
  const reads = [
    { name: `GET one of ${fewContainers}`, paths: pathsOverAll(fewContainers) },
    { name: `list of ${fewContainers}`, paths: [`/api/v1alpha1/containers?max_page_size=${fewContainers}`] },
  ].map(({ name, paths }) => ({ name, baseline: targetOf(otherReads, paths), target: targetOf(ownReads, paths) }));
  for (const target of reads.flatMap((read) => [read.baseline, read.target])) {
    await makeLoad(stage, target, { connections, durationMs: warmUpMs });
  }
  for (const provider of [otherWrites, ownWrites]) await createAll(stage, provider, { withPorts: true });
  return {
    run: async (number) => {
      const readings: Reading[] = [];
      for (const { name, ...both } of reads) {
        const comparison = { name: `${name}, beside the other build`, aims: sameAim(aim), connections, ...both };
        readings.push(...(await compareReads(stage, number, comparison)));
      }
      for (const withPorts of [false, true]) {
        const { baseline, value } = await inTurn(
          number,
          () => createAll(stage, otherWrites, { withPorts }),
          () => createAll(stage, ownWrites, { withPorts }),
        );
        const name = `create ${withPorts ? 'with a port' : 'without ports'}, beside the other build`;
        readings.push(
          { name: `${name}: p50`, unit: 'ms', value: value.p50, baseline: baseline.p50, aim },
          {
            name: `${name}: processor time`,
            unit: 'ms',
            value: value.processorMs,
            baseline: baseline.processorMs,
            aim,
          },
        );
      }
      return readings;
    },
  };
};

function targetOf(provider: ProviderProcess, paths: readonly string[]): ReadTarget {
  return { url: provider.url, paths, processorMs: async () => (await provider.read()).processorMs };
}

/** Creates them one at a time, and deletes them. `processorMs` is that of one create, without its delete. */
async function createAll(
  stage: Stage,
  provider: ProviderProcess,
  { withPorts }: { withPorts: boolean },
): Promise<{ p50: number; processorMs: number }> {
  const ids = Array.from({ length: stage.options.creates }, () => `c-${randomUUID().slice(0, 13)}`);
  const before = (await provider.read()).processorMs;
  const { p50 } = await stage.load.run('write', {
    concurrency: 1,
    sequences: ids.map((id) => [create(provider, id, withPorts)]),
  });
  await delay(settleMs);
  const processorMs = ((await provider.read()).processorMs - before) / ids.length;
  await stage.load.run('write', { concurrency: 20, sequences: ids.map((id) => [remove(provider, id)]) });
  await delay(settleMs);
  return { p50, processorMs };
}
