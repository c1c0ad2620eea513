/** Requests that Node itself refuses, before the application sees them: answered with problem documents all the same. */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Authenticate } from '../auth/authentication.ts';
import type { RequestLifecycle, OpenRequests } from './request-lifecycle.ts';
import { problemAnswer, RequestError } from '../contract/problem.ts';
import type { ProblemAnswer } from '../contract/problem.ts';
import { problemMediaType } from '../contract/problem-forms.ts';
import type { ProblemTypes } from '../contract/problem-forms.ts';
import { requestIdOf } from './request-log.ts';

/** What the request line and the headers may have together. */
export const maxHeaderBytes = 16 * 1024;

/** An error of Node's HTTP server. */
interface ClientError extends Error {
  code?: string;
}

export interface RefusalOptions {
  log: Logger;
  openRequests: OpenRequests;
  /** How long a client that was refused may keep its side of the connection open, in milliseconds. */
  lingerMs: number;
  /** The form of problem documents. */
  problemTypes: ProblemTypes;
}

/** The server's `clientError`: answers by hand, after what is under way on the connection, and closes it. */
export function refuseUnreadable(options: RefusalOptions): (error: ClientError, socket: Duplex) => void {
  const { openRequests } = options;
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    // Whatever else failed is the connection itself: it is gone, or its handshake came to nothing.
    if (!/^(?:HPE_|ERR_HTTP_)/.test(error.code ?? '')) {
      socket.destroy();
      return;
    }
    // What could not be read will not have arrived in time either.
    if (refused.has(socket)) return;
    refused.add(socket);
    const latest = openRequests.latestOn(socket);
    if (latest?.request.raw.complete === false) {
      openRequests.replaceHandling(latest, () => breakOff(options, error, socket, latest));
    } else if (!latest || latest.reply.raw.writableFinished) {
      refuse(options, error, socket);
    } else {
      // It is behind a request that is still being worked on, whose answer goes first.
      latest.reply.raw.once('close', () => refuse(options, error, socket));
    }
  };
}

/** Ends a connection within the body of a request, which may have been answered without it. */
function breakOff(
  options: RefusalOptions,
  error: ClientError,
  socket: Duplex,
  { request, reply }: RequestLifecycle,
): void {
  if (!reply.raw.headersSent) refuse(options, error, socket, request);
  else if (reply.raw.writableFinished) socket.destroy();
  else reply.raw.once('close', () => socket.destroy());
}

/** @param request - the one whose body could not be read; absent when its headers already could not */
function refuse(
  { log, lingerMs, problemTypes }: RefusalOptions,
  error: ClientError,
  socket: Duplex,
  request?: FastifyRequest,
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error);
  const requestId = request?.id ?? requestIdOf({ headers: {} });
  log.info({ requestId, status: refusal.status, code: error.code }, 'request could not be read');
  endWith(socket, rawAnswer(problemAnswer(refusal, request?.raw.url, problemTypes), requestId), lingerMs);
}

/** What the client sends from now on is thrown away: a connection that is closed on it would take the answer along. */
function endWith(socket: Duplex, answer: string, lingerMs: number): void {
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Refuses what the parser accepts and no route can take: tunnels. */
export function refuseTunnels(
  app: FastifyInstance,
  {
    log,
    openRequests,
    lingerMs,
    problemTypes,
    authenticate,
  }: RefusalOptions & { authenticate: Authenticate | undefined },
): void {
  app.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    const refuse = (error: unknown) => {
      const requestId = requestIdOf(request);
      const answer = problemAnswer(error, request.url, problemTypes);
      // Without its target, which is no path and may have a password in it.
      log.info({ requestId, method: request.method, status: answer.problem.status }, 'request');
      endWith(socket, rawAnswer(answer, requestId), lingerMs);
    };
    const noProxy = new RequestError(405, 'The provider is no proxy.', { allow: '' });
    socket.on('error', () => socket.destroy());
    const check = () => {
      if (authenticate === undefined) refuse(noProxy);
      else authenticate(request, () => undefined).then(() => refuse(noProxy), refuse);
    };
    const before = openRequests.latestOn(socket);
    if (before === undefined || before.isOver) {
      check();
      return;
    }
    before.reply.raw.once('close', () => socket.writable && check());
    // Nobody else reads on, and so would learn that the client leaves.
    socket.resume().once('end', () => socket.destroy());
  });
}

function refusalOf({ code }: ClientError): RequestError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestError(408, 'The request did not arrive in time.');
  if (code === 'HPE_HEADER_OVERFLOW') return new RequestError(431, 'The URL and the headers have more than 16 KiB.');
  return new RequestError(400, 'The request is not valid HTTP.');
}

function rawAnswer({ problem, headers }: ProblemAnswer, requestId: string): string {
  const body = JSON.stringify(problem);
  const lines = Object.entries({
    date: new Date().toUTCString(),
    'content-type': problemMediaType,
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const statusLine = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n`;
  return `${statusLine}${lines.join('')}\r\n${body}`;
}
