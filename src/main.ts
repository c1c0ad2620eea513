/** The process: configuration, parts, start, signals, stop. Nothing else starts or ends anything, or knows all the parts. */
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';

import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

import { formatAddress } from './config/address.ts';
import { ConfigError, readConfig } from './config/config.ts';
import type { Config } from './config/config.ts';
import { buildApp } from './http/app.ts';
import { packageFile } from './http/document.ts';
import { connectCluster } from './kubernetes/cluster.ts';
import type { Cluster } from './kubernetes/cluster.ts';
import { createLog } from './log/log.ts';
import type { Log } from './log/log.ts';
import { buildRegistration } from './registration/payload.ts';
import { registrationPlugin } from './registration/plugin.ts';
import { createStatusEvents } from './status/status-events.ts';
import type { StatusEvents } from './status/status-events.ts';

/** The part of the time for the shutdown that is kept from the HTTP side for the status events, and its bound. */
const EVENTS_SHARE = 0.25;
const MAX_EVENTS_MS = 3_000;
/** How long the last lines of the log may take. */
const LOG_FLUSH_MS = 200;
/** npm passes a terminal's SIGINT on to a process that has it from the terminal already: within this time they are one. */
const SAME_INTERRUPT_MS = process.env['npm_lifecycle_event'] === undefined ? 0 : 500;

interface Service {
  app: FastifyInstance;
  cluster: Cluster;
  statusEvents: StatusEvents;
}

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
    await flush(LOG_FLUSH_MS);
    process.exit(code);
  };
  process.on('uncaughtException', (err, origin) => {
    log.fatal({ err, origin }, 'unexpected error, exiting');
    void exit(1);
  });
  const signal = firstSignal(log, exit);
  try {
    const service = await build(config, log);
    await start(service, config, log);
    log.info({ signal: await signal }, 'stopping');
    await stop(service, config.server.shutdownMs, log);
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
      if (signal === 'SIGINT' && first.signal === 'SIGINT' && performance.now() - first.at < SAME_INTERRUPT_MS) return;
      log.warn({ signal }, 'second signal, exiting at once');
      void exit(128 + number);
    };
    process.on('SIGTERM', receive);
    process.on('SIGINT', receive);
  });
}

/** Makes the parts; none of them has opened a connection yet. */
async function build(config: Config, log: Logger): Promise<Service> {
  const { kubernetes, monitor, nats, provider, registrationUrl, server } = config;
  const cluster = connectCluster({ ...kubernetes, log });
  const statusEvents = createStatusEvents({
    source: cluster.source,
    natsServers: nats,
    providerName: provider.name,
    ...monitor,
    log,
  });
  const app = await buildApp({
    repository: cluster.repository,
    health: cluster.health,
    log,
    version: await packageVersion(),
    timeouts: { ...server, shutdownMs: server.shutdownMs - eventsMs(server.shutdownMs) },
  });
  await app.register(registrationPlugin, { registrationUrl, registration: buildRegistration(provider), log });
  return { app, cluster, statusEvents };
}

/** Listens first, so that whoever looks sees the provider alive, whatever state the cluster and NATS are in. */
async function start({ app, cluster, statusEvents }: Service, { server }: Config, log: Logger): Promise<void> {
  await app.listen({ host: server.host, port: server.port });
  log.info({ address: formatAddress(app.server.address() as AddressInfo) }, 'listening');
  cluster.start();
  statusEvents.start();
}

/**
 * Stops what takes work in before what carries it out, so that the status of a container that a last request created is
 * published too. Resolves within `shutdownMs`; never rejects.
 */
async function stop({ app, cluster, statusEvents }: Service, shutdownMs: number, log: Logger): Promise<void> {
  const deadline = AbortSignal.timeout(shutdownMs - Math.min(LOG_FLUSH_MS, shutdownMs / 10));
  const stopped = (async () => {
    await app.close();
    await statusEvents.stop(deadline);
    await cluster.stop();
    return true;
  })();
  try {
    const late = new Promise<false>((resolve) => deadline.addEventListener('abort', () => resolve(false)));
    if (!(await Promise.race([stopped, late]))) log.warn('not everything ended in time');
  } catch (err) {
    log.error({ err }, 'stopping failed');
  }
}

function eventsMs(shutdownMs: number): number {
  return Math.min(MAX_EVENTS_MS, shutdownMs * EVENTS_SHARE);
}

async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(packageFile('package.json'), 'utf8')) as { version: string };
  return version;
}
