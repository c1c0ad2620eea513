/** The API's listener as a part of the process, and its end: requests in flight are answered, and none outlives the deadline. */
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Server as TlsServer, TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { formatAddress } from '../../config/address.ts';
import type { ListenAddress } from '../../config/address.ts';
import { defaultRetryAfterSeconds } from '../../containers/errors.ts';
import type { Check, Part } from '../../lifecycle.ts';
import { RequestError } from '../contract/problem.ts';
import type { OpenRequests } from './request-lifecycle.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Closes all connections at once, whatever is under way on them. */
    cutConnections: () => void;
  }
}

export interface HttpServerOptions {
  app: FastifyInstance;
  address: ListenAddress;
  log: Logger;
}

const notListening: Check = { ok: false, reason: 'the API does not listen' };

export function createHttpServer({ app, address, log }: HttpServerOptions): Part {
  return {
    name: 'http',
    async start() {
      // Fastify would make a second server for the other address of localhost, which it does not drain.
      const host = address.host === 'localhost' ? '127.0.0.1' : address.host;
      await app.listen({ host, port: address.port });
      log.info({ address: formatAddress(app.server.address() as AddressInfo) }, 'listening');
    },
    async stop(deadline) {
      deadline.addEventListener('abort', () => app.cutConnections());
      await app.close();
    },
    health: () => ({ readyz: app.server.listening ? { ok: true } : notListening }),
  };
}

/**
 * How long nothing is under way before what is left is closed: the next requests of clients that are busy on kept-alive
 * connections arrive meanwhile, and are refused rather than cut off.
 */
const quietPeriodMs = 100;

/**
 * Makes `app.close()` graceful. Once it has begun, answers say `connection: close`, new requests on connections that are still
 * open are refused with 503, and once no request is open connections on which nothing is under way are closed. For requests
 * that take too long there is `app.cutConnections()`.
 */
export class Closing {
  /** To be asked by the hooks of requests. */
  hasBegun = false;
  readonly #server: Server;
  readonly #openRequests: OpenRequests;
  readonly #closeIdleConnections: () => void;
  /**
   * Those that are open, also those that were handed to `connect` listeners, which the server itself no longer knows. Over TLS
   * there are two of each: the connection, and, once the handshake is over, what is in it.
   */
  readonly #sockets = new Set<Socket>();

  constructor(app: FastifyInstance, openRequests: OpenRequests) {
    const { server } = app;
    this.#server = server;
    this.#openRequests = openRequests;
    this.#closeIdleConnections = server.closeIdleConnections.bind(server);
    // Node's own `close` calls it at once, and takes an answer for sent as soon as it was ended.
    server.closeIdleConnections = () => undefined;
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    }
    app.decorate('cutConnections', () => this.#sockets.forEach((socket) => socket.destroy()));
  }

  /** To be called when the application is about to close. */
  begin(): void {
    this.hasBegun = true;
    const closeIdle = () => {
      if (this.#openRequests.open > 0) return;
      this.#closeIdleConnections();
      this.#closeSilent();
    };
    // What has arrived while the event loop was busy is read first.
    const quietPeriod = setTimeout(() => setImmediate(closeIdle), quietPeriodMs).unref();
    this.#openRequests.onEnd(() => quietPeriod.refresh());
    this.#server.once('close', () => clearTimeout(quietPeriod));
  }

  /**
   * Closes those on which nothing is under way though Node does not count them as idle: nothing was ever received on them, or
   * their handshake is not complete, or we have said our last word and the client keeps its side open.
   */
  #closeSilent(): void {
    const sockets = [...this.#sockets];
    const secured = new Set(sockets.filter((socket) => socket instanceof TLSSocket).map(clientOf));
    const isInHandshake = (socket: Socket) => this.#server instanceof TlsServer && !secured.has(clientOf(socket));
    for (const socket of sockets) {
      if (socket.bytesRead === 0 || socket.writableFinished || isInHandshake(socket)) socket.destroy();
    }
  }
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Of requests that arrive once it has begun. */
export function stopping(): RequestError {
  return new RequestError(503, 'The provider is stopping.', { 'retry-after': String(defaultRetryAfterSeconds) });
}
