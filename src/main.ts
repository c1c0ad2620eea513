/** The process: configuration, parts, start, signals, stop. Nothing else starts or ends anything, or knows all the parts. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

import type { Logger } from 'pino';

import { ConfigError, readConfig } from './config/config.ts';
import type { Config } from './config/config.ts';
import { createStatusEvents } from './events/status-events.ts';
import { buildApp } from './http/app.ts';
import { packageFile } from './http/contract/document.ts';
import { createHttpServer } from './http/server/listener.ts';
import { connectCluster } from './kubernetes/cluster.ts';
import type { Cluster } from './kubernetes/cluster.ts';
import { connectLease } from './kubernetes/lease-client.ts';
import { Elector } from './leadership/elector.ts';
import { alwaysLeads } from './leadership/leadership.ts';
import { startParts, stopParts, stopWithin } from './lifecycle.ts';
import type { Part } from './lifecycle.ts';
import { createLog } from './log/log.ts';
import type { Log } from './log/log.ts';
import { Probes } from './management/probes.ts';
import { createManagementServer } from './management/server.ts';
import { buildRegistration } from './registration/registry-client.ts';
import { ProviderRegistration } from './registration/registration.ts';
import { accessTokens } from './registration/access-token.ts';
import { systemClock } from './clock.ts';
import type { PrometheusMetrics } from './telemetry/prometheus.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import { sleep } from './time.ts';

/** How long the last lines of the log may take. */
const logFlushMs = 200;
/** How long a leader that stops may keep the others waiting for what it has left to publish: they repeat it all. */
const lastEventsMs = 3_000;
/** npm passes a terminal's SIGINT on to a process that has it from the terminal already: within this time they are one. */
const sameInterruptMs = 500;

const config = readConfigOrComplain();
if (config !== undefined) await run(config, createLog(config.logLevel));

function readConfigOrComplain(): Config | undefined {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`The configuration is not valid:\n${error.message.replaceAll(/^/gm, '  ')}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

async function run(config: Config, { log, flush }: Log): Promise<void> {
  const exit = async (code: number) => {
    await flush(logFlushMs);
    process.exit(code);
  };
  process.on('uncaughtException', (err, origin) => {
    log.fatal({ err, origin }, 'unexpected error, exiting');
    void exit(1);
  });
  const signal = firstSignal(log, exit);
  try {
    const version = await packageVersion();
    log.info({ version, node: process.version }, 'starting');
    const { parts, probes } = await build(config, version, log);
    await startParts(parts);
    log.info({ signal: await signal }, 'stopping');
    probes.stop();
    const { drainDelayMs, shutdownMs } = config.server;
    await sleep(drainDelayMs);
    await stopParts(parts, shutdownMs - Math.min(logFlushMs, shutdownMs / 10), log);
    log.info('stopped');
  } catch (err) {
    log.error({ err }, 'cannot start');
    await exit(1);
  }
  await exit(0);
}

/** Resolves to the first signal that asks for the end; a second one ends the process at once. */
function firstSignal(log: Logger, exit: (code: number) => Promise<void>): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: { signal: NodeJS.Signals; at: number } | undefined;
    const receive = (signal: NodeJS.Signals, number: number) => {
      if (first === undefined) {
        first = { signal, at: performance.now() };
        resolve(signal);
        return;
      }
      if (signal === 'SIGINT' && first.signal === 'SIGINT' && performance.now() - first.at < sameInterruptMs) return;
      log.warn({ signal }, 'second signal, exiting at once');
      void exit(128 + number);
    };
    process.on('SIGTERM', receive);
    process.on('SIGINT', receive);
  });
}

/**
 * The parts in the order in which they start; they stop in reverse, so that what takes work in ends before what carries it
 * out, and the status of a container that a last request created is published too. None has opened a connection yet.
 */
async function build(config: Config, version: string, log: Logger): Promise<{ parts: Part[]; probes: Probes }> {
  const { kubernetes, leaderElection, monitor, nats: natsServers, keyValueBucket } = config;
  const { provider, registry, server, problemTypes, tokens } = config;
  const metrics = config.management && (await createMetrics(version));
  const telemetry: Telemetry = { log, ...(metrics && { metrics }) };
  const seen: SeenCluster = { retryWatches: () => cluster.retryWatches(), blindMs: () => cluster.blindMs() };
  const election = leaderElection && createElector(leaderElection.leaseName, config, telemetry, seen);
  const leadership = election ?? alwaysLeads;
  const { status: statusSettings, ...monitoring } = monitor;
  const cluster = connectCluster({
    ...kubernetes,
    providerNames: [provider.name, ...config.formerNames],
    statusSettings,
    leadership,
    ...telemetry,
  });
  const statusEvents = createStatusEvents({
    source: cluster.source,
    ...(keyValueBucket !== undefined && { bucketName: keyValueBucket }),
    natsServers,
    providerName: provider.name,
    formerNames: config.formerNames,
    namespace: kubernetes.namespace,
    leadership,
    ...monitoring,
    ...telemetry,
  });
  const app = await buildApp({
    repository: cluster.repository,
    ...(cluster.logs && { logs: cluster.logs }),
    source: cluster.source,
    isClusterHealthy: cluster.isHealthy,
    version,
    timeouts: server,
    problemTypes,
    logHealth: config.logHealth,
    hintPolicy: kubernetes.hintPolicy,
    ...telemetry,
    ...(server.tls && { tls: server.tls }),
    ...(tokens && { tokens }),
  });
  const registration = new ProviderRegistration({
    registry,
    registration: buildRegistration(provider),
    ...(registry.authentication && { tokens: accessTokens(registry.authentication, systemClock) }),
    leadership,
    clock: systemClock,
    ...telemetry,
  });
  const { nats, events } = statusEvents;
  const http = createHttpServer({ app, address: server, log });
  const working: Part[] =
    election === undefined
      ? [cluster.part, nats, events, http, registration]
      : // Another replica takes over within seconds, while this one still answers what is in flight.
        [cluster.part, http, nats, election, stopWithin(events, lastEventsMs), registration];
  const probes = new Probes(working);
  const management: Part[] = [];
  if (config.management && metrics) {
    metrics.collectFrom({
      caches: cluster.stats,
      events: statusEvents.stats,
      leads: () => leadership.leads,
      ...(leaderElection &&
        election && { election: { lease: leaderElection.leaseName, isLed: () => election.leader !== 'nobody' } }),
    });
    management.push(createManagementServer({ address: config.management, probes, metrics, log }));
  }
  return { parts: [...management, ...working], probes };
}

/** Loaded only where it is wanted: its library costs memory and time at the start. */
async function createMetrics(version: string): Promise<PrometheusMetrics> {
  const { PrometheusMetrics } = await import('./telemetry/prometheus.ts');
  return new PrometheusMetrics(version);
}

type SeenCluster = Pick<Cluster, 'retryWatches' | 'blindMs'>;

function createElector(
  name: string,
  { kubernetes }: Config,
  { log, metrics }: Telemetry,
  { retryWatches, blindMs }: SeenCluster,
): Elector {
  const { kubeconfig, namespace } = kubernetes;
  const client = connectLease({
    ...(kubeconfig !== undefined && { kubeconfig }),
    namespace,
    name,
    ...(metrics && { metrics }),
    onAnswer: retryWatches,
  });
  return new Elector({ client, identity: `${hostname()}_${randomUUID()}`, log, clock: systemClock, blindMs });
}

/** A build's names its commit too: `0.1.0+abc1234`. */
async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(packageFile('package.json'), 'utf8')) as { version: string };
  return version;
}
