/** The API's listener as a part of the process. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { formatAddress } from '../../config/address.ts';
import type { ListenAddress } from '../../config/address.ts';
import type { Check, Part } from '../../lifecycle.ts';

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
