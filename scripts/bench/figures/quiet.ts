/** What a provider costs while nothing happens: processor time and wake-ups, alone and with replicas. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FigureBuilder, Reading } from '../figure.ts';
import type { ProviderProcess } from '../provider-process.ts';

/** After its caches are filled a provider still publishes what it found, and collects garbage. */
const settleMs = 10_000;
const replicas = 3;

interface Quiet {
  /** Milliseconds of processor time a second. */
  processorMs: number;
  /** Times a second that a thread of it was given a processor after it had waited for something. */
  wakeUps: number;
}

/** The baseline is a provider without containers. */
export const buildQuiet: FigureBuilder = async (stage, stack) => {
  const { containers, quietSeconds } = stage.options;
  const { empty, large } = stage.namespaces;
  const start = async (namespace: string, env: Record<string, string> = {}): Promise<ProviderProcess> =>
    stack.use(await stage.startProvider(namespace, { env }));
  const none = await start(empty);
  const alone = await start(large);
  const several: ProviderProcess[] = [];
  while (several.length < replicas) several.push(await start(large, { SP_LEADER_ELECTION: 'true' }));
  await delay(settleMs);
  return {
    run: async () => {
      const all = [none, alone, ...several];
      const measured = all.map((provider) => measure(provider, quietSeconds));
      const [ofNone, ofOne, ...ofSeveral] = (await Promise.all(measured)) as [Quiet, Quiet, ...Quiet[]];
      const most = (name: keyof Quiet): number => Math.max(...ofSeveral.map((quiet) => quiet[name]));
      const name = `a quiet second with ${containers} containers`;
      const ofReplicas = `${name}, the busiest of ${replicas} replicas`;
      return [
        ...readings(name, ofOne, ofNone),
        ...readings(ofReplicas, { processorMs: most('processorMs'), wakeUps: most('wakeUps') }, ofNone),
      ];
    },
  };
};

function readings(name: string, value: Quiet, baseline: Quiet): Reading[] {
  return [
    {
      name: `${name}: processor time`,
      unit: 'ms',
      value: value.processorMs,
      baseline: baseline.processorMs,
      aim: '2 ms',
    },
    { name: `${name}: wake-ups`, unit: '', value: value.wakeUps, baseline: baseline.wakeUps, aim: 'stated' },
  ];
}

async function measure(provider: ProviderProcess, seconds: number): Promise<Quiet> {
  const before = await provider.read();
  await delay(seconds * 1_000);
  const after = await provider.read();
  return {
    processorMs: (after.processorMs - before.processorMs) / seconds,
    wakeUps: (after.wakeUps - before.wakeUps) / seconds,
  };
}
