/** Answers with problem documents. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { problemAnswer, PROBLEM_MEDIA_TYPE } from './problem.ts';

/** Answers a request that failed, and logs why where that is more than the request's own fault. */
export function sendProblem(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { problem, headers } = problemAnswer(error, request.raw.url);
  const clientLeft = reply.raw.destroyed;
  if (!clientLeft) logFailure(log, request.id, problem.status, error);
  // Fastify closes the connection on a body that it does not take, and a client that is still sending would then lose the
  // answer. Open, the rest is read and thrown away for as long as a request may take.
  reply.removeHeader('connection');
  reply
    .code(problem.status)
    .headers(headers)
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problem);
}

function logFailure(log: Logger, requestId: string, status: number, err: unknown): void {
  if (status === 503) log.warn({ requestId, err }, 'request cannot be served now');
  else if (status >= 500) log.error({ requestId, err }, 'request failed');
}
