/** The end of the server: requests in flight are answered, and no connection outlives the time for it. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Exchanges } from './exchanges.ts';
import { RequestError, RETRY_AFTER_SECONDS } from './problem.ts';

/** What is kept of the time for the shutdown, so that cut connections are gone before it is over. */
const CUT_MARGIN_MS = 500;

/**
 * Makes `app.close()` graceful and bounded. Once it was called, answers say `connection: close`, new requests on connections
 * that are still open are refused with 503, and connections on which nothing is under way are closed; those that are left
 * shortly before `shutdownMs` are cut.
 */
export function drainOnClose(app: FastifyInstance, exchanges: Exchanges, shutdownMs: number): void {
  const { server } = app;
  const sockets = trackSockets(server);
  let draining = false;

  app.addHook('onRequest', (_request, _reply, done) => {
    done(draining ? refusal() : undefined);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (draining) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('preClose', (done) => {
    draining = true;
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    // An answer that was under way already has said keep-alive: its connection becomes idle, and would be waited for.
    exchanges.onEnd(() => setImmediate(() => server.closeIdleConnections()));
    const cutAfterMs = shutdownMs - Math.min(CUT_MARGIN_MS, shutdownMs / 5);
    const cut = setTimeout(() => server.closeAllConnections(), cutAfterMs).unref();
    server.once('close', () => clearTimeout(cut));
    done();
  });
}

function refusal(): RequestError {
  return new RequestError(503, 'The provider is stopping.', { 'retry-after': String(RETRY_AFTER_SECONDS) });
}

/** The open sockets: those on which nothing was ever received are not idle in the eyes of the server, and would be waited for. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}
