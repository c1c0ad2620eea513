/** Bodies: JSON, or none. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { RequestError } from './problem.ts';

/** A body of any other type is refused with 415, unless it is empty: then there is none, whatever its type. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    // Without a body its type does not matter, not even whether it is one.
    if (headers['content-type'] !== undefined && announcesNoBody(headers)) delete headers['content-type'];
    done();
  });
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('*', (_request, payload, done) => {
    const finish = (error: Error | null) => {
      payload.off('data', onData).off('end', onEnd).off('error', finish);
      done(error, undefined);
    };
    const onData = () => finish(new RequestError(415, 'The body must be application/json.'));
    const onEnd = () => finish(null);
    payload.on('data', onData).on('end', onEnd).on('error', finish);
  });
}

function announcesNoBody(headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] === undefined && (length === undefined || length === '0');
}
