/** What it takes to begin: caches filled, memory, and the process itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FigureBuilder, Reading } from '../figure.ts';
import { inTurn } from '../figure.ts';
import { startWorker } from '../jobs.ts';
import { containerId } from '../objects.ts';
import type { RawListJobs } from '../raw-list-process.ts';

export const buildFill: FigureBuilder = ({ options, kubeconfig, namespaces, ...stage }) =>
  Promise.resolve({
    run: async (number) => {
      const { containers } = options;
      const namespace = namespaces.large;
      const paths = [
        `/apis/apps/v1/namespaces/${namespace}/deployments`,
        `/api/v1/namespaces/${namespace}/services`,
        `/api/v1/namespaces/${namespace}/pods`,
      ];
      const { baseline, value } = await inTurn(
        number,
        async () => {
          await using worker = startWorker<RawListJobs>(join(import.meta.dirname, '../raw-list-process.ts'));
          return await worker.run('list', { kubeconfig, paths });
        },
        async () => {
          await using provider = await stage.startProvider(namespace);
          return provider.readyAfterMs - provider.listeningAfterMs;
        },
      );
      const name = `caches filled with ${containers} containers`;
      return [{ name, unit: 'ms', value, baseline, aim: '≤ 2 ×' }];
    },
  });

const megabyte = 1024 * 1024;

/** The baseline of the delays is that of an idle provider meanwhile: what the machine itself does to a process. */
export const buildMemory: FigureBuilder = ({ options, namespaces, load, ...stage }) =>
  Promise.resolve({
    run: async () => {
      const { containers, loadMs } = options;
      await using empty = await stage.startProvider(namespaces.empty);
      await empty.resetDelay();
      await using full = await stage.startProvider(namespaces.large, { measureDelay: true });
      const filling = await full.read();
      const idle = await empty.read();
      const none = await empty.read({ collect: true });
      const filled = await full.read({ collect: true });
      await full.resetDelay();
      await empty.resetDelay();
      const paths = Array.from({ length: 100 }, (_, index) => `/api/v1alpha1/containers/${containerId(index)}`);
      await load.run('load', { url: full.url, paths, connections: 10, durationMs: loadMs });
      await load.run('load', {
        url: full.url,
        paths: ['/api/v1alpha1/containers?max_page_size=1000'],
        connections: 2,
        durationMs: loadMs,
      });
      const loaded = await full.read();
      const idleUnderLoad = await empty.read();
      const name = `with ${containers} containers`;
      const readings: Reading[] = [
        {
          name: `memory ${name}, filled`,
          unit: 'MB',
          value: filled.residentMemory / megabyte,
          baseline: none.residentMemory / megabyte,
          aim: '150 MB',
        },
        {
          name: `memory ${name}, after load`,
          unit: 'MB',
          value: loaded.residentMemory / megabyte,
          baseline: none.residentMemory / megabyte,
          aim: '200 MB',
        },
        {
          name: `heap ${name}`,
          unit: 'MB',
          value: filled.heapUsed / megabyte,
          baseline: none.heapUsed / megabyte,
          aim: 'stated',
        },
        {
          name: `longest event loop delay, filling ${name}`,
          unit: 'ms',
          value: filling.longestDelayMs,
          baseline: idle.longestDelayMs,
          aim: '50 ms',
        },
        {
          name: `longest event loop delay, under load ${name}`,
          unit: 'ms',
          value: loaded.longestDelayMs,
          baseline: idleUnderLoad.longestDelayMs,
          aim: '50 ms',
        },
      ];
      return readings;
    },
  });

export const buildStart: FigureBuilder = ({ namespaces, ...stage }) =>
  Promise.resolve({
    run: async (number) => {
      const { baseline, value } = await inTurn(number, runNothing, async () => {
        await using provider = await stage.startProvider(namespaces.empty);
        return provider;
      });
      return [
        { name: 'start to listening', unit: 'ms', value: value.listeningAfterMs, baseline, aim: '400 ms' },
        { name: 'start to ready', unit: 'ms', value: value.readyAfterMs, baseline, aim: 'stated' },
      ];
    },
  });

async function runNothing(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '']), 'exit');
  return performance.now() - startedAt;
}
