/** The end of the server: requests in flight are answered, and no connection outlives the time for it. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { OpenRequests } from './request-lifecycle.ts';
import { defaultRetryAfterSeconds } from '../../containers/errors.ts';
import { RequestError } from '../contract/problem.ts';

/** What is kept of the time for the shutdown, so that cut connections are gone before it is over. */
const cutMarginMs = 500;
/**
 * How long nothing is under way before what is left is closed: the next requests of clients that are busy on kept-alive
 * connections arrive meanwhile, and are refused rather than cut off.
 */
const quietPeriodMs = 100;

declare module 'fastify' {
  interface FastifyInstance {
    /** Closes all connections at once, whatever is under way on them. */
    cutConnections: () => void;
  }
}

/**
 * Makes `app.close()` graceful and bounded. Once it has begun, answers say `connection: close`, new requests on connections
 * that are still open are refused with 503, and once no request is open connections on which nothing is under way are
 * closed; those that are left shortly before `shutdownMs` are cut.
 */
export class Closing {
  /** To be heeded by the hooks of requests. */
  hasBegun = false;
  readonly #server: Server;
  readonly #sockets: OpenSockets;
  readonly #openRequests: OpenRequests;
  readonly #shutdownMs: number;
  readonly #closeIdleConnections: () => void;

  constructor(app: FastifyInstance, openRequests: OpenRequests, shutdownMs: number) {
    this.#server = app.server;
    this.#sockets = new OpenSockets(app.server);
    this.#openRequests = openRequests;
    this.#shutdownMs = shutdownMs;
    this.#closeIdleConnections = app.server.closeIdleConnections.bind(app.server);
    // Node's own `close` calls it at once, and takes an answer for sent as soon as it was ended.
    app.server.closeIdleConnections = () => undefined;
    app.decorate('cutConnections', () => this.#sockets.closeAll());
  }

  /** To be called when the application is about to close. */
  begin(): void {
    this.hasBegun = true;
    const shutdownMs = this.#shutdownMs;
    const closeIdle = () => {
      if (this.#openRequests.open > 0) return;
      this.#closeIdleConnections();
      this.#sockets.closeSilent();
    };
    // What has arrived while the event loop was busy is read first.
    const quietPeriod = setTimeout(() => setImmediate(closeIdle), Math.min(quietPeriodMs, shutdownMs / 5)).unref();
    this.#openRequests.onEnd(() => quietPeriod.refresh());
    const cutMs = shutdownMs - Math.min(cutMarginMs, shutdownMs / 5);
    const cut = setTimeout(() => this.#sockets.closeAll(), cutMs).unref();
    this.#server.once('close', () => {
      clearTimeout(quietPeriod);
      clearTimeout(cut);
    });
  }
}

/** Of requests that arrive once it has begun. */
export function stopping(): RequestError {
  return new RequestError(503, 'The provider is stopping.', { 'retry-after': String(defaultRetryAfterSeconds) });
}

/**
 * Whether nothing is under way on a connection that Node does not count as idle: nothing was ever received on it, or we
 * have said our last word and the client keeps its side open.
 */
function isNeverIdle(socket: Socket): boolean {
  return socket.bytesRead === 0 || socket.writableFinished;
}

/**
 * The open sockets, those that were handed to `connect` listeners included, which the server itself no longer knows. Over
 * TLS they are both the connection and what is in it.
 */
class OpenSockets {
  readonly #all = new Set<Socket>();
  /** Connections whose handshake is not complete, by the client's address and port: no request can be on them. */
  readonly #handshakes = new Map<string, Socket>();

  constructor(server: Server) {
    const isTls = server instanceof TlsServer;
    server.on('connection', (socket) => {
      this.#add(socket);
      if (!isTls) return;
      const client = clientOf(socket);
      this.#handshakes.set(client, socket);
      socket.once('close', () => {
        if (this.#handshakes.get(client) === socket) this.#handshakes.delete(client);
      });
    });
    server.on('secureConnection', (socket: Socket) => {
      this.#add(socket);
      this.#handshakes.delete(clientOf(socket));
    });
  }

  closeSilent(): void {
    for (const socket of this.#all) if (isNeverIdle(socket)) socket.destroy();
    for (const socket of this.#handshakes.values()) socket.destroy();
  }

  closeAll(): void {
    for (const socket of this.#all) socket.destroy();
  }

  #add(socket: Socket): void {
    this.#all.add(socket);
    socket.once('close', () => this.#all.delete(socket));
  }
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
