/** Bodies: JSON, or none, and what they may weigh. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasInexactNumbers } from '../../containers/json.ts';
import { RequestError } from '../contract/problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of the body; absent: JSON. */
    mediaType?: string | undefined;
  }
  interface FastifyRequest {
    /** The text of a body with numbers that `body` does not have as they were written; absent where it has them all so. */
    exactBody?: string;
  }
}

const jsonType = 'application/json';
const mergePatchType = 'application/merge-patch+json';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What is kept of a body must fit into an annotation, which may have 256 KiB. */
export const maxBodyBytes = 200 * 1024;

/** To be called before the body is looked at: what is no media type at all would be refused without a look at whether there is one. */
export function ignoreOtherTypes(request: FastifyRequest): void {
  const { headers } = request;
  const type = headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase();
  if (type !== undefined && type !== mediaTypeOf(request)) delete headers['content-type'];
}

function mediaTypeOf({ routeOptions }: FastifyRequest): string {
  return routeOptions.config.mediaType ?? jsonType;
}

/** A body of another type than the operation's is refused with 415, unless it is empty: then there is none, whatever its type. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.decorateRequest('exactBody');
  const inTurn = oneEachTurn();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([jsonType, mergePatchType], { parseAs: 'buffer' }, (request, body, done) => {
    try {
      request.lifecycle.holdBody(parsedWeight(body as Buffer));
      const value = parseJson(body as Buffer, request);
      if (request.exactBody === undefined) done(null, value);
      else inTurn(() => done(null, value));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addContentTypeParser('*', (request, payload, done) => {
    const finish = (error: Error | null) => {
      payload.off('data', onData).off('end', onEnd).off('error', finish);
      done(error, undefined);
    };
    const onData = () => finish(otherType(request));
    const onEnd = () => finish(null);
    payload.on('data', onData).on('end', onEnd).on('error', finish);
  });
}

/**
 * Gives what takes milliseconds, as exact numbers do, a turn of the event loop of its own, in the order of arrival: others are
 * answered between two of them.
 */
function oneEachTurn(): (task: () => void) => void {
  const waiting: (() => void)[] = [];
  const next = () => {
    const task = waiting.shift()!;
    if (waiting.length > 0) setImmediate(next);
    task();
  };
  return (task) => {
    if (waiting.push(task) === 1) setImmediate(next);
  };
}

/**
 * The `preParsing` of an operation that takes a body: it is read only where there is room for it. A client that waits for
 * `100 Continue` (RFC 9110, 10.1.1) gets it when the body is about to be read, and not when what was announced is refused.
 * HTTP/1.0 knows no such answer.
 */
export function inviteBody(
  request: FastifyRequest,
  reply: FastifyReply,
  _payload: unknown,
  done: (error?: Error) => void,
): void {
  const { headers, raw } = request;
  const encoding = contentEncoding(request);
  const length = headers['content-length'];
  const isChunked = headers['transfer-encoding'] !== undefined;
  const bytes = isChunked ? maxBodyBytes : Number(length ?? 0);
  const isInvited = headers.expect !== undefined;
  // A body that is too large is refused by its length before it is read.
  if (bytes === 0 || bytes > maxBodyBytes) done();
  else if (isInvited && headers['content-type'] === undefined && !isChunked) done(otherType(request));
  else if (isInvited && encoding !== undefined && !isChunked) done(encoded(encoding));
  else {
    try {
      request.lifecycle.holdBody(bytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (isInvited && raw.httpVersion !== '1.0') reply.raw.writeContinue();
    done();
  }
}

function otherType(request: FastifyRequest): RequestError {
  const type = mediaTypeOf(request);
  return new RequestError(415, `The body must be ${type}.`, type === mergePatchType ? { 'accept-patch': type } : {});
}

/** Absent where the body is sent as it is. */
function contentEncoding({ headers }: FastifyRequest): string | undefined {
  const encoding = headers['content-encoding']?.trim() ?? '';
  return encoding === '' || /^identity$/i.test(encoding) ? undefined : encoding;
}

/** Names the encoding, cut to what a client needs to know it by. */
function encoded(encoding: string): RequestError {
  return new RequestError(415, `The body must not have the content encoding ${encoding.slice(0, 63)}.`, {
    'accept-encoding': 'identity',
  });
}

/**
 * The value as it was sent: members named `__proto__` or `constructor` are members like others, as long as nobody assigns
 * them. Bytes that are no UTF-8 are refused, since what came back would not be what was sent. Undefined for no bytes.
 */
function parseJson(body: Buffer, request: FastifyRequest): unknown {
  if (body.length === 0) return undefined;
  const encoding = contentEncoding(request);
  if (encoding !== undefined) throw encoded(encoding);
  try {
    const text = utf8.decode(body);
    const value: unknown = JSON.parse(text);
    if (hasInexactNumbers(text)) request.exactBody = text;
    return value;
  } catch {
    throw new RequestError(400, 'The body is not valid JSON in UTF-8.');
  }
}

/**
 * What JSON takes at most once it is parsed, in bytes, as measured on V8: an object or an array (`{"31":0}` is the worst), a
 * member or an element (a number that is kept as it was written), and one byte of anything, with the copies that are made of
 * it on its way to the cluster; and together for one byte of JSON, whatever is in it.
 */
const bytesOf = { opening: 350, separator: 50, any: 6, most: 40 };

/** At most 40 times as many bytes as it has. */
export function parsedWeight(json: Uint8Array): number {
  let openings = 0;
  let separators = 0;
  for (let index = 0; index < json.length; index++) {
    const byte = json[index];
    // `{` and `[`, then `,` and `:`: within a string as well.
    if (byte === 0x7b || byte === 0x5b) openings++;
    else if (byte === 0x2c || byte === 0x3a) separators++;
  }
  const weight = openings * bytesOf.opening + separators * bytesOf.separator + json.length * bytesOf.any;
  return Math.min(weight, json.length * bytesOf.most);
}
