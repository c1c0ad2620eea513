/**
 * Clients that make containers come and go through any replica, while what the replicas see of the cluster has gaps; and
 * what has to hold at the end: whoever was told 201 of a container finds it in the events, and the last of them is true.
 */
import { setTimeout as delay } from 'node:timers/promises';

import type { ControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { WatchProxy } from '../../support/watch-proxy.ts';
import type { Chance } from '../soak/random.ts';
import { chanceOf } from '../soak/random.ts';
import type { Replica, Replicas } from './replicas.ts';

const lanes = 4;
const patienceMs = 120_000;

export interface GapsOptions {
  replicas: Replicas;
  controlPlane: ControlPlane;
  /** Before each replica, in the order of `replicas.all`. */
  proxies: readonly WatchProxy[];
  seed: number;
  milliseconds: number;
  tell: (line: string) => void;
}

/** Of each id, whether it was ever made, and how often. */
export interface Made {
  ids: ReadonlySet<string>;
  creates: number;
  deletes: number;
}

/** Resolves when the time is over, all faults are, and nothing is under way. */
export async function makeGaps(options: GapsOptions): Promise<Made> {
  const { seed, milliseconds } = options;
  const chance = chanceOf(seed);
  const over = AbortSignal.timeout(milliseconds);
  const faults = causeFaults(options, chance.fork(), over);
  const made = { ids: new Set<string>(), creates: 0, deletes: 0 };
  const clients = Array.from({ length: lanes }, (_, lane) =>
    live(options.replicas, `g${lane}`, chance.fork(), made, over),
  );
  await Promise.all([faults, ...clients]);
  return made;
}

/** Most are gone soon, through another replica as a rule; some ids are taken again, some stay. */
async function live(
  { all }: Replicas,
  prefix: string,
  chance: Chance,
  made: { ids: Set<string>; creates: number; deletes: number },
  over: AbortSignal,
): Promise<void> {
  let left: string[] = [];
  const remove = async (id: string): Promise<void> => {
    const path = { container_id: id };
    const { response } = await chance.pick(all).client.DELETE('/containers/{container_id}', { params: { path } });
    if (response.status === 204) made.deletes += 1;
    if (response.status >= 500) left.push(id);
  };
  for (let turn = 0; !over.aborted; turn += 1) {
    const id = turn > 0 && chance.next() < 0.1 ? `${prefix}-${chance.between(0, turn - 1)}` : `${prefix}-${turn}`;
    const body = { spec: containerSpec() };
    const { response } = await chance.pick(all).client.POST('/containers', { params: { query: { id } }, body });
    if (response.status === 201) {
      made.ids.add(id);
      made.creates += 1;
      if (chance.next() < 0.3) left.push(id);
      else {
        await delay(chance.pick([0, 0, 100, 700]));
        await remove(id);
      }
    }
    if (left.length > 5) {
      const oldest = left;
      left = [];
      for (const each of oldest) if (chance.next() < 0.8) await remove(each);
    }
    await delay(chance.between(20, 250));
  }
}

type Fault = (chance: Chance, options: GapsOptions) => Promise<void>;

/** Of some replicas, the leader at least half the time. */
function some(chance: Chance, { proxies, replicas }: GapsOptions): WatchProxy[] {
  const leader = replicas.all.findIndex((replica) => replica.leads());
  const chosen = proxies.filter((_, index) => (index === leader ? chance.next() < 0.7 : chance.next() < 0.4));
  return chosen.length > 0 ? chosen : [chance.pick(proxies)];
}

const faults: Record<string, Fault> = {
  'watches hear late': async (chance, options) => {
    const proxies = some(chance, options);
    for (const proxy of proxies) proxy.delayMs = chance.between(500, 8_000);
    await delay(chance.between(2_000, 10_000));
    if (chance.next() < 0.5) for (const proxy of proxies) proxy.cutWatches();
    for (const proxy of proxies) proxy.delayMs = 0;
  },
  'watches are throttled': async (chance, options) => {
    const proxies = some(chance, options);
    for (const proxy of proxies) {
      proxy.retryAfter = chance.between(1, 30);
      proxy.cutWatches();
    }
    await delay(chance.between(2_000, 20_000));
    for (const proxy of proxies) proxy.retryAfter = undefined;
  },
  'watches are cut': (chance, options) => {
    for (const proxy of some(chance, options)) proxy.cutWatches();
    return Promise.resolve();
  },
  'history is compacted': (_, { controlPlane }) => controlPlane.compact(),
  'the API server is killed': async (chance, { controlPlane }) => {
    const { apiServer } = controlPlane.components;
    await apiServer.kill();
    await delay(chance.between(1_000, 20_000));
    if (chance.next() < 0.3) await controlPlane.compact();
    await apiServer.start();
  },
};

async function causeFaults(options: GapsOptions, chance: Chance, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const name = chance.pick(Object.keys(faults));
    options.tell(name);
    await faults[name]!(chance, options);
    await delay(chance.between(200, 4_000));
  }
  for (const proxy of options.proxies) Object.assign(proxy, { delayMs: 0, retryAfter: undefined });
}

/** What is not told of them, in words: each id wants its events, the last of which is the truth. Waits for two minutes. */
export async function untold({ system, all }: Replicas, ids: ReadonlySet<string>): Promise<string[]> {
  const look = async (): Promise<string[]> => {
    const existing = await idsInCluster(system.cluster);
    const last = new Map(system.events.received.map(({ event }) => [event.data.id, event.data.status]));
    return [...ids].flatMap((id) => {
      const status = last.get(id);
      if (status === undefined) return [`${id} has no event`];
      if ((status === 'DELETED') !== existing.has(id)) return [];
      return [`${id}: the last event says ${status}, and ${leaderOf(all)} leads`];
    });
  };
  return await eventually(look, ({ length }) => length === 0, patienceMs).catch(look);
}

function leaderOf(all: readonly Replica[]): string {
  return all.find((replica) => replica.leads())?.name ?? 'nobody';
}

async function idsInCluster({ request, namespace }: Replicas['system']['cluster']): Promise<Set<string>> {
  const answer = await request('GET', `/apis/apps/v1/namespaces/${namespace}/deployments`);
  const { items } = answer.body as {
    items: { metadata: { labels: Record<string, string>; deletionTimestamp?: string } }[];
  };
  const there = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return new Set(there.map(({ metadata }) => metadata.labels['dcm.project/dcm-instance-id']!));
}
