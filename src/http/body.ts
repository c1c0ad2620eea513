/** Bodies: JSON, or none. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RequestError } from './problem.ts';

const jsonType = /^application\/json\s*(?:;|$)/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What is kept of a body must fit into an annotation, which may have 256 KiB. */
export const maxBodyBytes = 200 * 1024;

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
    const onData = () => finish(otherType());
    const onEnd = () => finish(null);
    payload.on('data', onData).on('end', onEnd).on('error', finish);
  });
}

/**
 * The `preParsing` of an operation that takes a body: a client that waits for `100 Continue` (RFC 9110, 10.1.1) gets it when
 * the body is about to be read, and not when what was announced is refused. HTTP/1.0 knows no such answer.
 */
export function inviteBody(
  { headers, raw }: FastifyRequest,
  reply: FastifyReply,
  _payload: unknown,
  done: (error?: Error) => void,
): void {
  const length = headers['content-length'];
  const isChunked = headers['transfer-encoding'] !== undefined;
  const isEmpty = !isChunked && Number(length ?? 0) === 0;
  // A body that is too large is refused by its length before it is read.
  if (headers.expect === undefined || isEmpty || Number(length) > maxBodyBytes) done();
  else if (headers['content-type'] === undefined && !isChunked) done(otherType());
  else {
    if (raw.httpVersion !== '1.0') reply.raw.writeContinue();
    done();
  }
}

function otherType(): RequestError {
  return new RequestError(415, 'The body must be application/json.');
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
