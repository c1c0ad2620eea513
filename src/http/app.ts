/** The HTTP side, put together. */
import { fastify, LogController } from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HintPolicy } from '../containers/hints.ts';
import { systemClock } from '../clock.ts';
import { ContainerWaiting } from '../containers/waiting.ts';
import type { ContainerWaitingOptions } from '../containers/waiting.ts';
import type { Clock } from '../clock.ts';
import type { ContainerLogs, ContainerRepository } from '../containers/repository.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { tokenAuthentication } from './auth/authentication.ts';
import type { Authenticate, TokenRules } from './auth/authentication.ts';
import { bindOperations, refuseOtherMethods } from './contract/bindings.ts';
import { acceptJsonOnly, ignoreOtherTypes, maxBodyBytes } from './server/body.ts';
import { loadContract, operationsOf } from './contract/document.ts';
import type { OpenApiDocument } from './contract/document.ts';
import { compileBodyValidation } from './contract/request-validation.ts';
import type { BodyValidation } from './contract/request-validation.ts';
import type { OperationId } from '../../generated/routes.ts';
import { serveDocumentation } from './contract/documentation.ts';
import { Closing, stopping } from './server/listener.ts';
import { OpenRequests } from './server/request-lifecycle.ts';
import { createHandlers, createRules } from './handlers.ts';
import { RequestError, sendProblem } from './contract/problem.ts';
import { withProblemTypes } from './contract/problem-forms.ts';
import type { ProblemTypes } from './contract/problem-forms.ts';
import { requestIdOf } from './server/request-log.ts';
import { loadTlsCredentials, renewTlsCredentials, tlsServerOptions } from './server/tls.ts';
import type { TlsCredentials, TlsFiles } from './server/tls.ts';
import { maxHeaderBytes, refuseTunnels, refuseUnreadable } from './server/client-errors.ts';

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
}

export interface AppOptions extends Telemetry {
  repository: ContainerRepository;
  /** Absent: callers may not read logs. */
  logs?: ContainerLogs;
  /** The same containers as they are seen. */
  source: ContainerWaitingOptions['source'];
  /** Whether the cluster can be worked with; answers within 2 s whatever it does, and never rejects. */
  isClusterHealthy: () => Promise<boolean>;
  /** The hints for Kubernetes that callers may use. */
  hintPolicy: HintPolicy;
  /** The version of this package. */
  version: string;
  timeouts: Timeouts;
  /** Whether requests for health that are answered with 200 are lines at INFO, as all others are; else DEBUG. Absent: true. */
  logHealth?: boolean;
  /** The form of problem documents, in answers and in the document that is served. */
  problemTypes: ProblemTypes;
  /** What tokens callers must have on all but the routes that are open; absent: nothing. */
  tokens?: TokenRules;
  /** Absent: plain HTTP. */
  tls?: TlsFiles;
  /** Absent: the system's. */
  clock?: Clock;
}

/** How often requests that are too slow are looked for. */
const maxCheckingIntervalMs = 500;

/**
 * The application, ready for plugins and for `listen`, which it never calls itself. `close()` ends once all requests that are
 * under way are over, which `cutConnections()` brings about.
 *
 * @throws Error when the handlers are not those of the contract, or the files for TLS cannot be used
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { log, timeouts, problemTypes, tokens, tls, clock = systemClock } = options;
  const authenticate = tokens && tokenAuthentication(tokens, log, clock);
  const credentials = tls && (await loadTlsCredentials(tls));
  const document = withProblemTypes(await loadContract(), problemTypes);
  const openRequests = new OpenRequests(options, timeouts);
  const app = createServer(options, { openRequests, authenticate, credentials });
  app.decorate('problemTypes', problemTypes);
  if (tls && credentials) renewTlsCredentials(app, tls, { current: credentials, log, clock });

  const waiting = new ContainerWaiting({ clock: systemClock, ...options });
  const closing = new Closing(app, openRequests);
  const release = () => {
    waiting.release();
    options.logs?.release();
  };
  addHooks(app, { openRequests, authenticate, closing, release });
  refuseTunnels(app, { log, openRequests, lingerMs: timeouts.readMs, problemTypes, authenticate });
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply));
  app.setNotFoundHandler((request, reply) => sendProblem(log, nothingHere(), request, reply));

  app.decorateRequest('lifecycle');
  acceptJsonOnly(app);
  const addRefusals = refuseOtherMethods(app);
  const handlers = createHandlers({ ...options, waiting, readBody: readBodiesOf('CreateContainer', document) });
  await bindOperations(app, document, handlers, createRules(options));
  await serveDocumentation(app, document);
  addRefusals();
  return app;
}

/** What it takes is made when the first body comes: most processes see none, and it would be a good part of their start. */
function readBodiesOf(operationId: OperationId, document: OpenApiDocument): BodyValidation {
  let read: BodyValidation | undefined;
  return (text, rules) => {
    read ??= compileBodyValidation(operationsOf(document).find((operation) => operation.operationId === operationId)!);
    return read(text, rules);
  };
}

interface HookParts {
  openRequests: OpenRequests;
  authenticate: Authenticate | undefined;
  closing: Closing;
  /** Answers all who wait, and ends all answers that go on. */
  release: () => void;
}

/**
 * All that requests, and then the end of the server, pass, in this order. Routes for methods that a path does not have refuse
 * in an `onRequest` of their own, which comes after this one; operations with a body invite it in `preParsing`.
 */
function addHooks(app: FastifyInstance, { openRequests, authenticate, closing, release }: HookParts): void {
  // One hook for all that is asked before the body is looked at: what is wrong with one that nobody takes does not matter.
  app.addHook('onRequest', (request, reply, done) => {
    const check = () => {
      const nothing = request.is404 ? nothingHere() : undefined;
      done(violationOfHeaders(request) ?? nothing ?? (closing.hasBegun ? stopping() : undefined));
    };
    ignoreOtherTypes(request);
    openRequests.begin(request, reply, () => authorize(authenticate, request, check, done));
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    request.lifecycle.answeredAt = performance.now();
    if (closing.hasBegun) reply.header('connection', 'close');
    done(null, payload);
  });
  // Whoever waits is answered before anything else ends, and whoever follows a log has all of it that there is.
  app.addHook('preClose', (done) => {
    release();
    closing.begin();
    done();
  });
  app.addHook('onClose', () => openRequests.stop());
}

interface ServerParts {
  openRequests: OpenRequests;
  authenticate: Authenticate | undefined;
  credentials: TlsCredentials | undefined;
}

function createServer({ log, timeouts, problemTypes }: AppOptions, parts: ServerParts): FastifyInstance {
  const { openRequests, authenticate, credentials } = parts;
  const http = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeouts.readMs,
    requestTimeout: timeouts.readMs,
    connectionsCheckingInterval: Math.min(maxCheckingIntervalMs, timeouts.readMs),
    requireHostHeader: false,
    // Of headers that may stand once, such as Host and Authorization, Node would keep the first; the next server may not.
    joinDuplicateHeaders: true,
  };
  const app = fastify({
    // Requests are logged by this service, in its own words; of Fastify's only what is wrong.
    loggerInstance: log.child({}, { level: 'warn' }),
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    // Routes validate requests and serialize answers by themselves: Fastify's compilers would be loaded for nothing.
    schemaController: { compilersFactory: { buildValidator: compilesNothing, buildSerializer: compilesNothing } },
    genReqId: requestIdOf,
    requestIdHeader: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: timeouts.readMs,
    keepAliveTimeout: timeouts.idleMs,
    http,
    ...(credentials && { https: { ...http, ...tlsServerOptions(credentials, timeouts.readMs) } }),
    return503OnClosing: false,
    // An id that is too long is an id that is not valid, and answered as such.
    routerOptions: { maxParamLength: maxHeaderBytes },
    clientErrorHandler: refuseUnreadable({ log, openRequests, lingerMs: timeouts.readMs, problemTypes }),
    frameworkErrors: (error, request, reply) => {
      // Its time may be up while the token is looked at.
      const refuse = (reason: unknown) => {
        if (!reply.sent) sendProblem(log, reason, request, reply);
      };
      openRequests.begin(request, reply, () => authorize(authenticate, request, () => refuse(error), refuse));
    },
  });
  // An expectation that nobody can meet is refused with the other headers, and a body is only asked for when it is wanted.
  app.server.on('checkExpectation', app.routing);
  app.server.on('checkContinue', app.routing);
  return app as unknown as FastifyInstance;
}

/** Calls back when it is known whether the caller may go on: at once where everybody may. */
function authorize(
  authenticate: Authenticate | undefined,
  { raw, lifecycle, routeOptions }: FastifyRequest,
  allowed: () => void,
  refused: (reason: Error) => void,
): void {
  if (authenticate === undefined || routeOptions.config.isOpen) allowed();
  else authenticate(raw, (holder) => (lifecycle.holder = holder)).then(allowed, refused);
}

function compilesNothing(): never {
  throw new Error('a route has a schema for Fastify to compile');
}

function nothingHere(): RequestError {
  return new RequestError(404, 'There is nothing at this path.');
}

/** What is wrong with the headers of a request that Node would answer without a problem document. */
function violationOfHeaders({ raw }: FastifyRequest): RequestError | undefined {
  const { headers, httpVersion } = raw;
  if (headers.host === undefined && httpVersion === '1.1') return new RequestError(400, 'The Host header is missing.');
  // No host has a space in its name: these were several, joined.
  if (headers.host?.includes(', ')) return new RequestError(400, 'The Host header must be given once.');
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    return new RequestError(417, 'The only expectation that can be met is 100-continue.');
  }
  return undefined;
}
