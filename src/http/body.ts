/** Bodies: JSON, or none. */
import type { FastifyInstance } from 'fastify';
import { RequestError } from './problem.ts';

const jsonType = /^application\/json\s*(?:;|$)/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A body of any other type is refused with 415, unless it is empty: then there is none, whatever its type. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    // What is no media type at all would be refused without a look at whether there is a body.
    if (headers['content-type'] !== undefined && !jsonType.test(headers['content-type']))
      delete headers['content-type'];
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
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

/**
 * The value as it was sent: members named `__proto__` or `constructor` are members like others, as long as nobody assigns
 * them. Bytes that are no UTF-8 are refused, since what came back would not be what was sent. Undefined for no bytes.
 */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    throw new RequestError(400, 'The body is not valid JSON in UTF-8.');
  }
}
