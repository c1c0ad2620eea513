/** Requests that Node itself refuses, before the application sees them: answered with problem documents all the same. */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Exchanges } from './exchanges.ts';
import { problemAnswer, PROBLEM_MEDIA_TYPE, RequestError } from './problem.ts';
import { requestIdOf } from './request-id.ts';

/** What the request line and the headers may have together. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** An error of Node's HTTP server; the parser's name the bytes that it could not read. */
interface ClientError extends Error {
  code?: string;
  rawPacket?: unknown;
}

/** The server's `clientError`: answers by hand, after what is under way on the connection, and closes it. */
export function refuseUnreadable(log: Logger, exchanges: Exchanges): (error: ClientError, socket: Duplex) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const latest = exchanges.latestOn(socket);
    if (latest?.request.raw.complete === false) {
      // It broke off within the body of a request, which may have been answered without it.
      if (latest.reply.raw.headersSent) socket.destroy();
      else refuse(log, error, socket, latest.request.raw);
    } else if (!latest || latest.reply.raw.writableFinished) {
      refuse(log, error, socket);
    } else {
      // It is behind a request that is still being worked on, whose answer goes first.
      latest.reply.raw.once('close', () => refuse(log, error, socket));
    }
  };
}

/** @param request - the one whose body could not be read; absent when its headers already could not */
function refuse(log: Logger, error: ClientError, socket: Duplex, request?: IncomingMessage): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error);
  const requestId = requestIdOf(request ?? { headers: {} });
  log.info({ requestId, status: refusal.status, code: error.code }, 'request could not be read');
  const uri = request?.url ?? uriOf(error.rawPacket);
  socket.end(rawAnswer(refusal, uri, requestId, isHead(error.rawPacket)));
  // The rest of the request is not read, and must not keep the connection open.
  socket.resume();
}

/** Refuses what the parser accepts and no route can take: tunnels. */
export function refuseTunnels(app: FastifyInstance): void {
  app.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    const error = new RequestError(405, 'The provider is no proxy.', { allow: '' });
    socket.on('error', () => socket.destroy());
    socket.end(rawAnswer(error, request.url, requestIdOf(request), false));
  });
}

function refusalOf({ code = '', rawPacket }: ClientError): RequestError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestError(408, 'The request did not arrive in time.');
  if (code !== 'HPE_HEADER_OVERFLOW') return new RequestError(400, 'The request is not valid HTTP.');
  return isWithinRequestLine(rawPacket)
    ? new RequestError(414, 'The URL has more than 16 KiB.')
    : new RequestError(431, 'The headers have more than 16 KiB.');
}

/** Whether the limit was passed before the first line of the request ended. */
function isWithinRequestLine(packet: unknown): boolean {
  if (!Buffer.isBuffer(packet) || !/^[A-Z]+ \S/.test(packet.toString('latin1', 0, 32))) return false;
  const lineEnd = packet.indexOf('\n');
  return lineEnd < 0 || lineEnd > MAX_HEADER_BYTES;
}

const requestLine = /^([A-Z]+) (\S+) HTTP\/\d/;

/** The target of the request that a packet begins with, its bytes beyond ASCII escaped; absent where it begins with something else. */
function uriOf(packet: unknown): string | undefined {
  if (!Buffer.isBuffer(packet)) return undefined;
  const target = requestLine.exec(packet.toString('latin1', 0, MAX_HEADER_BYTES))?.[2];
  return target?.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isHead(packet: unknown): boolean {
  return Buffer.isBuffer(packet) && packet.toString('latin1', 0, 5) === 'HEAD ';
}

function rawAnswer(error: RequestError, uri: string | undefined, requestId: string, withoutBody: boolean): string {
  const { problem, headers } = problemAnswer(error, uri);
  const body = JSON.stringify(problem);
  const lines = Object.entries({
    date: new Date().toUTCString(),
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const statusLine = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n`;
  return `${statusLine}${lines.join('')}\r\n${withoutBody ? '' : body}`;
}
