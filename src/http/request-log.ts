/** The identity of a request, and its one line in the log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

const saneRequestId = /^[\w.:/+=@~-]{1,128}$/;

/** The client's `X-Request-Id` when it is short and harmless in a log, else a random UUID. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const sent = request.headers['x-request-id'];
  return typeof sent === 'string' && saneRequestId.test(sent) ? sent : randomUUID();
}

/** Gives the answer the request's id, and logs one line when the answer is out or the client has gone. */
export function trackRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const startedAt = performance.now();
  reply.header('x-request-id', request.id);
  reply.raw.once('close', () => {
    const fields = {
      requestId: request.id,
      method: request.method,
      path: pathOf(request.url),
      durationMs: Math.round((performance.now() - startedAt) * 1_000) / 1_000,
    };
    if (reply.raw.writableFinished) log.info({ ...fields, status: reply.raw.statusCode }, 'request');
    else log.info({ ...fields, aborted: true }, 'request aborted');
  });
}

/** The path alone: the values of a query may be anybody's secret. */
function pathOf(url: string): string {
  const end = url.search(/[?#;]/);
  return end < 0 ? url : url.slice(0, end);
}

/** Logs why a request failed, where that is more than the request's own fault. */
export function logFailure(log: Logger, request: FastifyRequest, status: number, error: unknown): void {
  if (status === 503) log.warn({ requestId: request.id, err: error }, 'request cannot be served now');
  else if (status >= 500) log.error({ requestId: request.id, err: error }, 'request failed');
}
