/** Binds each operation of the contract to its handler. */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { fastifyOpenapiGlue } from 'fastify-openapi-glue';
import type { Handlers } from '../../generated/routes.ts';
import { basePath, inlineReferences, operationsOf } from './document.ts';
import type { OpenApiDocument, Operation, ResolvedOperation } from './document.ts';
import type { Exchange } from './exchanges.ts';
import { compileRequestValidation } from './request-validation.ts';
import type { RequestParts, Rules } from './request-validation.ts';
import { serialize } from './serialize.ts';

/** A handler of any operation: what the typed ones of `Handlers` have in common. */
type Handler = (call: Call) => Promise<Answer>;

interface Answer {
  status: number;
  body?: unknown;
}

/**
 * Registers a route for every operation of the document.
 *
 * @param rules - what the schemas of operations cannot say, by operationId
 * @throws Error that names every operation without a handler and every handler without an operation
 */
export async function bindOperations(
  app: FastifyInstance,
  document: OpenApiDocument,
  handlers: Handlers,
  rules: Partial<Record<string, Rules>>,
): Promise<void> {
  const operations = new Map(operationsOf(document).map((operation) => [operation.operationId, operation]));
  const bound = new Map(Object.entries(handlers) as [string, Handler][]);
  requireSameNames([...operations.keys()], [...bound.keys()]);

  await app.register(fastifyOpenapiGlue, {
    specification: withoutResponses(inlineReferences(document, document)),
    prefix: basePath(document),
    operationResolver: (operationId) =>
      routeOf(operations.get(operationId)!, bound.get(operationId)!, rules[operationId]),
  });
}

/** Answers go out as they are, and the plugin would warn that it finds no parsers for their media types. */
function withoutResponses(document: OpenApiDocument): OpenApiDocument {
  for (const { responses } of Object.values(document.paths).flatMap(
    (item) => Object.values(item) as Partial<Operation>[],
  )) {
    for (const response of Object.values(responses ?? {})) delete response.content;
  }
  return document;
}

function requireSameNames(operationIds: readonly string[], names: readonly string[]): void {
  const faults = [
    ...operationIds.filter((id) => !names.includes(id)).map((id) => `operation ${id} has no handler`),
    ...names.filter((name) => !operationIds.includes(name)).map((name) => `handler ${name} has no operation`),
  ];
  if (faults.length > 0) throw new Error(`The handlers are not those of the contract: ${faults.join(', ')}`);
}

/** What a handler is called with. The signal is made only for handlers that ask for it. */
class Call {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly #exchange: Exchange;

  constructor({ params, query, body }: RequestParts, exchange: Exchange) {
    this.params = params;
    this.query = query;
    this.body = body;
    this.#exchange = exchange;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }
}

/** Fastify validates with the contract's schemas; the handler is reached by requests in which nothing at all is wrong. */
function routeOf(operation: ResolvedOperation, handle: Handler, rules: Rules | undefined): RouteOptions {
  const { schema, validatorCompiler, requireValid } = compileRequestValidation(operation, rules);
  const contentTypes = contentTypesOf(operation);
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    requireValid(request);
    let answer: Answer | undefined;
    try {
      answer = await handle(new Call(request, request.exchange));
    } catch (error) {
      if (!reply.sent) throw error;
    }
    // Sent already means that the time was up: how the handler ends then is nobody's any more.
    if (answer && !reply.sent) sendAnswer(reply, answer, contentTypes);
    return reply;
  };
  // Method and path are the plugin's to set.
  return { schema, validatorCompiler, attachValidation: true, handler } as unknown as RouteOptions;
}

function sendAnswer(reply: FastifyReply, { status, body }: Answer, contentTypes: Map<number, string>): void {
  reply.code(status);
  if (body === undefined) {
    reply.send();
    return;
  }
  // The serializer is named here because Fastify would otherwise add a charset to the content type.
  reply.serializer(serialize).header('content-type', contentTypes.get(status) ?? 'application/json');
  reply.send(body);
}

function contentTypesOf(operation: ResolvedOperation): Map<number, string> {
  return new Map(
    Object.entries(operation.responses).flatMap(([status, { content }]) =>
      Object.keys(content ?? {}).map((contentType) => [Number(status), contentType] as const),
    ),
  );
}
