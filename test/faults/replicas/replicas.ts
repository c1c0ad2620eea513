/** Several replicas of a provider that elect a leader, and clients that make containers come and go all the while. */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { createClient } from '../../../generated/client.ts';
import { conformingFetch } from '../../../scripts/contract/conformance.ts';
import { startRealNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { containerSpec, withPorts } from '../../support/base-spec.ts';
import type { ContainerSpec } from '../../support/base-spec.ts';
import { createContainer, deleteContainer } from '../../support/containers.ts';
import { openEventStream } from '../../support/event-stream.ts';
import type { ReceivedEvent } from '../../support/events.ts';
import { healed } from '../../support/faults.ts';
import type { ProviderProcess } from '../../support/provider.ts';
import { startSystem } from '../../support/system.ts';
import type { System, SystemOptions } from '../../support/system.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import type { Writer } from './writes.ts';

export interface Replica extends ProviderProcess, Writer {
  /** SP_NAME: the source of its events tells who sent them. */
  name: string;
  /** Between it and the API server. */
  clusterLine: TcpProxy;
  /** Between it and NATS. */
  natsLine: TcpProxy;
  leads(): boolean;
}

export interface Replicas extends AsyncDisposable {
  system: System;
  /** Those that were ever started, in that order. */
  all: Replica[];
  add(): Promise<Replica>;
  /** Resolves to the one that leads, other than those given. */
  leader(...others: Replica[]): Promise<Replica>;
  /** Rejects with what is not well, as the replica sees it. */
  healed(replica: Replica, untold?: readonly string[]): Promise<void>;
}

const election = { SP_LEADER_ELECTION: 'true', SP_LEASE_NAME: 'dcm-provider-k8s-1', SP_MONITOR_RESYNC_PERIOD: '60s' };

export const bucketName = 'reported';

export interface ReplicasOptions extends SystemOptions {
  /** Whether a stream captures the events, and a bucket remembers what was reported; with it they need the real server. */
  remembering?: boolean;
  /** Whether they may do everything in the cluster, also in a namespace that is made later. */
  asAdmin?: boolean;
  /** More variables of the replica of this name. */
  envOf?: (name: string) => Promise<Record<string, string>>;
  /** What stands between a replica and the API server, with a certificate of its own; absent: nothing but the line. */
  gateway?: (server: string) => Promise<{ url: string; certificate: string }>;
}

/** The first of them leads by the time the others start. */
export async function startReplicas(
  count: number,
  { remembering = false, asAdmin = false, envOf, gateway, ...options }: ReplicasOptions = {},
): Promise<Replicas> {
  await using stack = new AsyncDisposableStack();
  const nats = remembering ? stack.use(await startRealNatsServer({ jetStream: true })) : options.nats;
  if (remembering) stack.use(await openEventStream(nats!.url));
  const env = { ...election, SP_LEASE_NAME: 'unused' };
  const system = stack.use(await startSystem({ ...options, env, ...(nats && { nats }) }));
  await system.provider.kill();
  const lines = stack.use(new AsyncDisposableStack());
  const all: Replica[] = [];
  const kubeconfig = await readFile(asAdmin ? system.cluster.kubeconfig : system.kubeconfig, 'utf8');
  const server = /server"?: *"?(https?:\/\/[^\s"]+)/.exec(kubeconfig)![1]!;

  let added = 0;
  const add = async (): Promise<Replica> => {
    const name = `replica-${added}`;
    const clusterAddress = `127.0.0.${added + 2}`;
    added += 1;
    const between = await gateway?.(server);
    const clusterLine = lines.use(await startTcpProxy(between?.url ?? server, clusterAddress));
    const natsLine = lines.use(await startTcpProxy(system.natsUrl));
    const file = `${system.kubeconfig}.${name}`;
    const led = kubeconfig.replace(server, `https://127.0.0.1:${clusterLine.port}`);
    await writeFile(file, between ? trusting(between.certificate, led) : led);
    const provider = await system.addProvider({
      ...election,
      ...(remembering && { SP_NATS_KV_BUCKET: bucketName }),
      SP_NAME: name,
      SP_K8S_KUBECONFIG: file,
      SP_NATS_URL: `nats://127.0.0.1:${natsLine.port}`,
      ...(await envOf?.(name)),
    });
    const asked = new Set<string>();
    const client = createClient({ baseUrl: provider.url, fetch: noting(asked) });
    const leads = (): boolean =>
      provider.log.findLast(({ msg }) => msg === 'leading' || msg === 'stopped leading')?.msg === 'leading';
    const replica = { ...provider, client, name, clusterLine, clusterAddress, natsLine, asked, leads };
    all.push(replica);
    return replica;
  };
  const leader = async (...others: Replica[]): Promise<Replica> => {
    const find = (): Replica | undefined => all.find((replica) => !others.includes(replica) && replica.leads());
    await until('a replica leads', () => find() !== undefined);
    return find()!;
  };
  for (let started = 0; started < count; started += 1) {
    await add();
    await leader();
  }
  const parts = stack.move();
  return {
    system,
    all,
    add,
    leader,
    healed: (replica, untold = []) => healed(system, { provider: replica, name: all.map(({ name }) => name), untold }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** The kubeconfig, with the certificate as the authority of its cluster. */
function trusting(certificate: string, kubeconfig: string): string {
  const data = Buffer.from(certificate).toString('base64');
  return kubeconfig.replace(/(certificate-authority-data"?: *"?)[^"\s]+/, `$1${data}`);
}

/** The `fetch` of a client of one replica, which keeps what is asked of it. */
function noting(asked: Set<string>): typeof fetch {
  return (input, init) => {
    const request = new Request(input, init);
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === 'POST') asked.add(`create ${searchParams.get('id')}`);
    if (request.method === 'DELETE') asked.add(`delete ${pathname.split('/').at(-1)}`);
    return conformingFetch(request);
  };
}

export interface ChurnOptions {
  /** How many containers are left at most: past that the oldest goes. Absent: every other one stays for good. */
  keep?: number;
  /** Milliseconds between one thing and the next. */
  pauseMs?: number;
}

/** Of each container in turn: without a Service, and two kinds with one. */
const specs: readonly ContainerSpec[] = [
  containerSpec(),
  withPorts({ 80: 'internal' }),
  withPorts({ 80: 'external', 81: 'internal' }),
];

/** Makes containers come and go through the replicas that `serving` gives, until it is ended. */
export function churn(serving: () => Replica[], prefix: string, { keep, pauseMs = 100 }: ChurnOptions = {}): Churn {
  const ended = new AbortController();
  const churned: Churned = { toDelete: [], deleted: [], refused: [] };
  const left: string[] = [];
  const ask = async (request: (replica: Replica) => Promise<unknown>): Promise<void> => {
    await until('a replica serves', () => serving().length > 0);
    const replicas = serving();
    const replica = replicas[Math.floor(Math.random() * replicas.length)]!;
    const startedAt = performance.now();
    try {
      await request(replica);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      churned.refused.push({ replica, message, startedAt, endedAt: performance.now() });
      throw error;
    }
  };
  const remove = async (id: string): Promise<void> => {
    churned.toDelete.push(id);
    await ask(({ client }) => deleteContainer(client, id));
    churned.deleted.push(id);
  };
  const work = async (): Promise<void> => {
    for (let made = 0; !ended.signal.aborted; made += 1) {
      const id = `${prefix}-${made}`;
      try {
        await ask(({ client }) => createContainer(client, id, specs[made % specs.length]));
        left.push(id);
        if (made % 3 === 0) await delay(3 * pauseMs);
        if (keep === undefined && made % 2 === 0) await remove(id);
        if (keep !== undefined && left.length > keep) await remove(left.shift()!);
      } catch {
        // It is told with the others at the end.
      }
      await delay(pauseMs);
    }
  };
  const working = work();
  return {
    async end() {
      ended.abort();
      await working;
      return churned;
    },
  };
}
export interface Churn {
  /** Resolves once nothing is under way any more. */
  end(): Promise<Churned>;
}

export interface Churned {
  /** Asked to be deleted, whether or not an answer came. */
  toDelete: string[];
  deleted: string[];
  /** What was answered but by success, or not at all. */
  refused: Refusal[];
}

export interface Refusal {
  replica: Replica;
  message: string;
  /** By the clock of `performance.now()`. */
  startedAt: number;
  endedAt: number;
}

/** How often the sender of the events is another one than of the event before. */
export function changesOfSender({ events }: Pick<System, 'events'>, from = 0): number {
  const sources = events.received.slice(from).map(({ event }) => event.source);
  return sources.filter((source, index) => index > 0 && source !== sources[index - 1]).length;
}

export interface LateEvents {
  count: number;
  /** From the first of them to the last. */
  spanMs: number;
}

/** What came from a replica, which led once, after the first event of the one that led next. */
export function lateEvents({ events }: Pick<System, 'events'>, deposed: Replica, next: Replica): LateEvents {
  const from =
    ({ name }: Replica) =>
    (received: ReceivedEvent) =>
      received.event.source === `dcm/providers/${name}`;
  const after = events.received.slice(events.received.findIndex(from(next)));
  const times = after.filter(from(deposed)).map(({ at }) => at);
  return { count: times.length, spanMs: times.length === 0 ? 0 : times.at(-1)! - times[0]! };
}
