/** Requests that Node itself refuses, before the application sees them: answered with problem documents all the same. */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { problemAnswer, PROBLEM_MEDIA_TYPE, RequestError } from './problem.ts';
import { requestIdOf } from './request-log.ts';

/** An error of Node's HTTP server; the parser's name the bytes that it could not read. */
interface ClientError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

/** Answers on sockets that are to be answered by hand, and remembers what is under way on each for that. */
export interface UnreadableRequests {
  /** To be called with each request that arrives. */
  noteArrival(request: IncomingMessage, response: ServerResponse): void;
  /** The server's `clientError`. */
  onClientError(error: ClientError, socket: Duplex): void;
}

export function createUnreadableRequests(log: Logger): UnreadableRequests {
  const arrivals = new WeakMap<Duplex, { request: IncomingMessage; response: ServerResponse }>();

  const refuse = (error: ClientError, socket: Duplex, request: IncomingMessage | undefined): void => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const refusal = refusalOf(error);
    const requestId = requestIdOf(request ?? { headers: {} });
    const uri = request?.url ?? uriOf(error.rawPacket);
    log.info({ requestId, status: refusal.status, code: error.code }, 'request could not be read');
    socket.end(rawAnswer(refusal, uri, requestId, isHead(error.rawPacket)));
    // The rest of the request is not read, and must not keep the connection open.
    socket.resume();
  };

  return {
    noteArrival: (request, response) => void arrivals.set(request.socket, { request, response }),
    onClientError(error, socket) {
      if (error.code === 'ECONNRESET') {
        socket.destroy();
        return;
      }
      const latest = arrivals.get(socket);
      if (!latest || latest.response.writableFinished) refuse(error, socket, undefined);
      else if (!latest.request.complete) {
        // It broke off within the body of this request; an answer that has begun cannot be taken back.
        if (latest.response.headersSent) socket.destroy();
        else refuse(error, socket, latest.request);
      }
      // It is behind a request that is still being worked on, whose answer goes first.
      else latest.response.once('close', () => refuse(error, socket, undefined));
    },
  };
}

/** Refuses what the parser accepts and no route can take: tunnels. */
export function refuseTunnels(app: FastifyInstance): void {
  app.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    const error = new RequestError(405, 'The provider is no proxy.', { allow: '' });
    socket.on('error', () => socket.destroy());
    socket.end(rawAnswer(error, request.url, requestIdOf(request), false));
  });
}

const tooLargeCodes = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW']);

function refusalOf({ code = '' }: ClientError): RequestError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestError(408, 'The request did not arrive in time.');
  if (tooLargeCodes.has(code)) return new RequestError(431, 'The headers have more than 16 KiB.');
  return new RequestError(400, 'The request is not valid HTTP.');
}

const requestLine = /^([A-Z]+) (\S+) HTTP\/\d/;

/** The target of the request that a packet begins with; absent where it begins with something else. */
function uriOf(packet: Buffer | undefined): string | undefined {
  return requestLine.exec(packet?.toString('latin1', 0, 16_384) ?? '')?.[2];
}

function isHead(packet: Buffer | undefined): boolean {
  return packet?.toString('latin1', 0, 5) === 'HEAD ';
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
