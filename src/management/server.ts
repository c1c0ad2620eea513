/** The listener for those who run the service: probes and metrics. It is a part that starts first and stops last. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { formatAddress } from '../config/address.ts';
import type { ListenAddress } from '../config/address.ts';
import type { Part } from '../lifecycle.ts';
import { answerProbe, answerSingleCheck } from './probes.ts';
import type { Probes } from './probes.ts';

/** The metrics in the format that Prometheus reads. */
export interface Scraped {
  readonly contentType: string;
  scrape(): Promise<string>;
}

export interface ManagementServerOptions {
  address: ListenAddress;
  probes: Probes;
  metrics: Scraped;
  log: Logger;
  /** What a request may take to arrive, in milliseconds, and half of what an answer may of which nothing is taken; absent: 10 s. */
  requestMs?: number;
}

interface Answer {
  status: number;
  contentType?: string;
  text: string;
}

/** What is asked for here is small and at hand. */
const defaultRequestMs = 10_000;
const probePathPattern = /^\/(?<probe>livez|readyz)(?:\/(?<check>[a-z0-9-]+))?$/;
const nothingHere: Answer = { status: 404, text: 'Here are /livez, /readyz and /metrics.\n' };

export function createManagementServer({
  metrics,
  requestMs = defaultRequestMs,
  ...others
}: ManagementServerOptions): Part {
  const { address, log } = others;
  const options = { ...others, metrics: sharing(metrics) };
  const times = { requestTimeout: requestMs, headersTimeout: requestMs, connectionsCheckingInterval: requestMs / 10 };
  const server = createServer(times, (request, response) => {
    respond(options, request, response).catch((err: unknown) => {
      log.error({ err }, 'a request to the management address failed');
      response.destroy();
    });
  });
  // Those on which nothing moves, as where an answer is not taken, are cut: later, since a late request is answered.
  server.setTimeout(2 * requestMs);
  return {
    name: 'management',
    async start() {
      await listen(server, address);
      log.info({ managementAddress: formatAddress(server.address() as AddressInfo) }, 'serving probes and metrics');
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Whoever asks while a scrape is under way gets that: it costs milliseconds, and clients can ask thousands of times at once. */
function sharing(metrics: Scraped): Scraped {
  let running: Promise<string> | undefined;
  return {
    contentType: metrics.contentType,
    scrape: () => (running ??= metrics.scrape().finally(() => (running = undefined))),
  };
}

/** @throws the error of a server that cannot listen */
async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  server.listen({ port, ...(host !== '' && { host }) });
  await once(server, 'listening');
}

async function respond(
  options: ManagementServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType = 'text/plain; charset=utf-8', text } = await answer(options, request);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

async function answer({ probes, metrics }: ManagementServerOptions, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, text: 'Ask with GET or HEAD.\n' };
  const [path = '', query] = (request.url ?? '').split('?', 2);
  if (path === '/metrics') return { status: 200, contentType: metrics.contentType, text: await metrics.scrape() };
  const { probe, check } = probePathPattern.exec(path)?.groups ?? {};
  if (probe !== 'livez' && probe !== 'readyz') return nothingHere;
  const checks = probes.checks(probe);
  if (check !== undefined) return answerSingleCheck(checks, check);
  return answerProbe(probe, checks, new URLSearchParams(query).has('verbose'));
}
