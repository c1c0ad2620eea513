/** The time that an answer may take on its way. */
import type { FastifyInstance } from 'fastify';

/** Cuts the connection when an answer has not been taken `writeMs` after its handler gave it. */
export function limitWriting(app: FastifyInstance, writeMs: number): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    const timer = setTimeout(() => reply.raw.destroy(), writeMs);
    reply.raw.once('close', () => clearTimeout(timer));
    done(null, payload);
  });
}
