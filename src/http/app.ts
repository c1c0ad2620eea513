/** The HTTP side, put together. */
import { fastify, LogController } from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { ClusterHealth, ContainerRepository } from '../containers/repository.ts';
import { bindOperations } from './bindings.ts';
import { acceptJsonOnly } from './body.ts';
import { loadContract } from './document.ts';
import { serveDocumentation } from './documentation.ts';
import { drainOnClose } from './draining.ts';
import { Exchanges } from './exchanges.ts';
import { createHandlers, operationRules } from './handlers.ts';
import { refuseOtherMethods } from './methods.ts';
import { RequestError } from './problem.ts';
import { requestIdOf } from './request-id.ts';
import { sendProblem } from './send-problem.ts';
import { MAX_HEADER_BYTES, refuseTunnels, refuseUnreadable } from './unreadable.ts';

/** In milliseconds. */
export interface Timeouts {
  /** From the arrival of a request's headers to its answer. */
  requestMs: number;
  /** A whole request, headers and body. */
  readMs: number;
  /** From the handler's answer to its last byte. */
  writeMs: number;
  /** Between two requests on one connection. */
  idleMs: number;
  /** From `close()` to the last connection. */
  shutdownMs: number;
}

export interface AppOptions {
  repository: ContainerRepository;
  health: ClusterHealth;
  log: Logger;
  /** The version of this package. */
  version: string;
  timeouts: Timeouts;
}

/** What is kept of a body must fit into an annotation, which may have 256 KiB. */
const MAX_BODY_BYTES = 200 * 1024;
/** How often requests that are too slow are looked for. */
const MAX_CHECKING_INTERVAL_MS = 500;

/**
 * The application, ready for plugins and for `listen`, which it never calls itself. `close()` ends within
 * `timeouts.shutdownMs`.
 *
 * @throws Error when the handlers are not those of the contract
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { log, timeouts } = options;
  const contract = await loadContract();
  const exchanges = new Exchanges(log, timeouts);
  const app = createServer(options, exchanges);

  app.addHook('onRequest', (request, reply, done) => {
    exchanges.begin(request, reply);
    // Before the body is looked at: what is wrong with one that nobody takes does not matter.
    done(faultOfHeaders(request) ?? (request.is404 ? nothingHere() : undefined));
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    request.exchange.answeredAt = performance.now();
    done(null, payload);
  });
  app.addHook('onClose', () => exchanges.stop());
  drainOnClose(app, exchanges, timeouts.shutdownMs);
  refuseTunnels(app);
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply));
  app.setNotFoundHandler((request, reply) => sendProblem(log, nothingHere(), request, reply));

  app.decorateRequest('exchange');
  acceptJsonOnly(app);
  const addRefusals = refuseOtherMethods(app);
  await bindOperations(app, contract.document, createHandlers(options), operationRules);
  await serveDocumentation(app, contract.document, contract.text);
  addRefusals();
  return app;
}

function createServer({ log, timeouts }: AppOptions, exchanges: Exchanges): FastifyInstance {
  const app = fastify({
    // Requests are logged by this service, in its own words; of Fastify's only what is wrong.
    loggerInstance: log.child({}, { level: 'warn' }),
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    genReqId: requestIdOf,
    requestIdHeader: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: timeouts.readMs,
    keepAliveTimeout: timeouts.idleMs,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: timeouts.readMs,
      requestTimeout: timeouts.readMs,
      connectionsCheckingInterval: Math.min(MAX_CHECKING_INTERVAL_MS, timeouts.readMs),
      requireHostHeader: false,
    },
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // An id that is too long is an id that is not valid, and answered as such.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    clientErrorHandler: refuseUnreadable(log, exchanges),
    frameworkErrors: (error, request, reply) => {
      exchanges.begin(request, reply);
      sendProblem(log, error, request, reply);
    },
  });
  // An expectation that nobody can meet is refused with the other headers.
  app.server.on('checkExpectation', app.routing);
  return app as unknown as FastifyInstance;
}

function nothingHere(): RequestError {
  return new RequestError(404, 'There is nothing at this path.');
}

/** What is wrong with the headers of a request that Node would answer without a problem document. */
function faultOfHeaders({ raw: { headers, httpVersion } }: FastifyRequest): RequestError | undefined {
  if (headers.host === undefined && httpVersion === '1.1') return new RequestError(400, 'The Host header is missing.');
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    return new RequestError(417, 'The only expectation that can be met is 100-continue.');
  }
  return undefined;
}
