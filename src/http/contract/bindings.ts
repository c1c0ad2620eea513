/** The routes: one for each operation of the contract, bound to its handler, and 405 for all other methods. */
import { METHODS } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { fastifyOpenapiGlue } from 'fastify-openapi-glue';
import { basePath } from '../../../generated/routes.ts';
import type { Handlers, OperationId } from '../../../generated/routes.ts';
import type { Abortable } from '../../containers/waiting.ts';
import { inviteBody } from '../server/body.ts';
import { ByteLimit, ConcurrencyLimit } from '../server/limits.ts';
import { operationsOf, routerUrl } from './document.ts';
import type { OpenApiDocument, ResolvedOperation } from './document.ts';
import type { RequestLifecycle } from '../server/request-lifecycle.ts';
import { isContainerList, serialize } from './serialize.ts';
import { compileRequestValidation } from './request-validation.ts';
import type { RequestParts, Rules } from './request-validation.ts';
import { createSchemaCompiler } from './schema-compiler.ts';
import type { CompileSchema } from './schema-compiler.ts';
import { RequestError } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent on routes that are no operation of the contract. */
    operationId?: OperationId;
    /** The path as the contract has it, base path included; absent likewise. */
    route?: string;
    /** Whoever calls needs no token. */
    isOpen?: boolean;
  }
}

/** Of requests that write: somewhat more than the cluster is asked at once. */
const writeLimits = { atOnce: 24, waiting: 2_000 };
/** What all lists together may weigh that wait in this process for slow clients to read them. */
const maxUnreadBytes = 64 * 1024 * 1024;

/** A handler of any operation: what the typed ones of `Handlers` have in common. */
type Handler = (call: Call) => Promise<Answer>;

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: object;
}

/**
 * Registers a route for every operation of the document. What must be known before the body is read, finds the operation
 * in the `operationId` of the route's `config`.
 *
 * @param rules - what the schemas of operations cannot say, by operationId
 * @throws Error that names every operation without a handler and every handler without an operation
 */
export async function bindOperations(
  app: FastifyInstance,
  document: OpenApiDocument,
  handlers: Handlers,
  rules: Partial<Record<OperationId, Rules>>,
): Promise<void> {
  const operations = operationsOf(document);
  requireSameNames(
    operations.map(({ operationId }) => operationId),
    Object.keys(handlers),
  );
  const compile = createSchemaCompiler();
  const shared = {
    compile,
    unreadLists: new ByteLimit(maxUnreadBytes, 'Too many lists wait for their clients to read them.'),
    writes: new ConcurrencyLimit(writeLimits),
  };
  const bound = new Map<string, BoundHandler>();
  for (const operation of operations) {
    const operationId = operation.operationId as OperationId;
    const handle = handlers[operationId] as Handler;
    bound.set(operationId, bind(operation, handle, { rules: rules[operationId], ...shared }));
  }
  await app.register(fastifyOpenapiGlue, {
    specification: routesOf(document, operations),
    prefix: basePath,
    // Its type asks for method and path, which it knows itself.
    operationResolver: (operationId) => bound.get(operationId) as RouteOptions,
  });
}

/**
 * The document as routes are made of it: where each operation is, what it is called, and what hooks know of it. Its parameters,
 * bodies and answers are left out: Fastify would validate them one after the other, so that clients learn of some faults only
 * once others are mended, and write answers by schemas, which changes them.
 */
function routesOf({ openapi, info }: OpenApiDocument, operations: readonly ResolvedOperation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { operationId, method, path, isOpen, requestBody } of operations) {
    const mediaType = Object.keys(requestBody?.content ?? {})[0];
    (paths[routerUrl(path)] ??= {})[method.toLowerCase()] = {
      operationId,
      responses: { default: { description: 'as the contract says' } },
      'x-fastify-config': { operationId, route: `${basePath}${path}`, isOpen, mediaType },
    };
  }
  return { openapi, info, paths };
}

function requireSameNames(operationIds: readonly string[], names: readonly string[]): void {
  const mismatches = [
    ...operationIds.filter((id) => !names.includes(id)).map((id) => `operation ${id} has no handler`),
    ...names.filter((name) => !operationIds.includes(name)).map((name) => `handler ${name} has no operation`),
  ];
  if (mismatches.length > 0) throw new Error(`The handlers are not those of the contract: ${mismatches.join(', ')}`);
}

/** What a handler is called with. The signal is made only for handlers that ask for it. */
class Call implements RequestParts {
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
  readonly #lifecycle: RequestLifecycle;

  constructor({ params, query, headers, body }: RequestParts, lifecycle: RequestLifecycle) {
    this.params = params;
    this.query = query;
    this.headers = headers;
    this.body = body;
    this.#lifecycle = lifecycle;
  }

  get signal(): AbortSignal {
    return this.#lifecycle.signal;
  }

  onAbort(abortable: Abortable): void {
    this.#lifecycle.onAbort(abortable);
  }

  outlast(): void {
    this.#lifecycle.outlast();
  }

  chose(containerId: string): void {
    this.#lifecycle.chosenId = containerId;
  }
}

interface RouteParts {
  rules: Rules | undefined;
  compile: CompileSchema;
  unreadLists: ByteLimit;
  writes: ConcurrencyLimit;
}

type BoundHandler = Pick<RouteOptions, 'handler' | 'preParsing'>;

/** The handler is reached by requests in which nothing at all is wrong: they are validated here, and nowhere else. */
function bind(
  operation: ResolvedOperation,
  handle: Handler,
  { rules, compile, unreadLists, writes }: RouteParts,
): BoundHandler {
  const { method } = operation;
  const validate = compileRequestValidation(operation, rules, compile);
  const contentTypes = contentTypesOf(operation);
  // Neither awaits nor gives Fastify a promise: all that these take stays as long as a request waits for its answer.
  const handler = (request: FastifyRequest, reply: FastifyReply): void => {
    const call = new Call(validate(request), request.lifecycle);
    const answering = method === 'GET' ? handle(call) : writes.run(call, async () => handle(call));
    if (method !== 'GET') request.lifecycle.handling = answering;
    // Sent already means that the time was up: how the handler ends then no longer matters.
    const refuse = (error: unknown) => {
      if (!reply.sent)
        reply.send(error instanceof Error ? error : new Error('what was thrown is not an Error', { cause: error }));
    };
    answering.then((answer) => {
      try {
        if (!reply.sent) sendAnswer(reply, answer, contentTypes, unreadLists);
      } catch (error) {
        refuse(error);
      }
    }, refuse);
  };
  return operation.requestBody ? { handler, preParsing: inviteBody } : { handler };
}

function sendAnswer(
  reply: FastifyReply,
  { status, headers = {}, body }: Answer,
  contentTypes: Map<number, string>,
  unreadLists: ByteLimit,
): void {
  reply.code(status).headers(headers);
  if (body === undefined) {
    reply.send();
    return;
  }
  reply.header('content-type', contentTypes.get(status) ?? 'application/json');
  if (body instanceof Readable) {
    if (reply.request.method === 'HEAD') body.destroy();
    // The first line may be long in coming.
    reply.raw.once('pipe', () => reply.raw.flushHeaders());
    reply.send(body);
    return;
  }
  if (isContainerList(body)) {
    const list = Buffer.from(serialize(body));
    if (reply.request.method !== 'HEAD' && !reply.raw.closed) {
      unreadLists.take(list.byteLength);
      reply.raw.once('close', () => unreadLists.give(list.byteLength));
    }
    reply.send(list);
    return;
  }
  // The serializer is named here because Fastify would otherwise add a charset to the content type.
  reply.serializer(serialize).send(body);
}

function contentTypesOf(operation: ResolvedOperation): Map<number, string> {
  return new Map(
    Object.entries(operation.responses).flatMap(([status, { content }]) =>
      Object.keys(content ?? {}).map((contentType) => [Number(status), contentType] as const),
    ),
  );
}

/**
 * Answers methods that a path does not have with 405 and `Allow`. Must be called before the first route is registered. The function that it returns adds, to every path that has a route by
 * then, routes for all other methods.
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    // Fastify adds a HEAD to every GET, and calls the hook separately for a path with and without a trailing slash.
    if (method === 'HEAD') return;
    const methods = methodsByUrl.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    if (methods.has('GET')) methods.add('HEAD');
    methodsByUrl.set(url, methods);
  });
  // DELETE has no body here: one with a JSON content type and nothing in it is well formed.
  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }

  return () => {
    for (const [url, methods] of [...methodsByUrl]) {
      const allowed = [...methods].sort().join(', ');
      const refusal = () => new RequestError(405, `The methods here are: ${allowed}.`, { allow: allowed });
      app.route({
        method: app.supportedMethods.filter((method) => !methods.has(method)),
        url,
        // Answered before the body is looked at.
        onRequest: (_request, _reply, done) => done(refusal()),
        handler: () => undefined,
      });
    }
  };
}
