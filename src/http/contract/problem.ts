/** Problem documents (RFC 9457): the one place where errors become answers. */
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import {
  ConflictError,
  ContainerError,
  InvalidArgumentError,
  KeyReusedError,
  NotFoundError,
  PreconditionFailedError,
  UnavailableError,
} from '../../containers/errors.ts';
import { containerIdOf } from '../server/request-log.ts';
import { buildProblem, problemMediaType } from './problem-forms.ts';
import type { Failure, Problem, ProblemTypes } from './problem-forms.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The form of its problem documents. */
    problemTypes: ProblemTypes;
  }
}

export interface ProblemAnswer {
  problem: Problem;
  /** Beside `content-type`. */
  headers: Record<string, string>;
}

/** A request that HTTP itself forbids, or that cannot be served now. The message is for the client. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Answers a request that failed, and logs why where that is more than the request's own violation. */
export function sendProblem(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { problem, headers } = problemAnswer(error, request.raw.url, request.server.problemTypes);
  const clientLeft = reply.raw.destroyed;
  if (error instanceof InvalidArgumentError) request.lifecycle.faults = placesOf(error);
  if (!clientLeft) logFailure(log, request, problem.status, error);
  // Fastify closes the connection on a body that it does not take, and a client that is still sending would then lose the
  // answer. Open, the rest is read and thrown away for as long as a request may take.
  reply.removeHeader('connection');
  reply
    .code(problem.status)
    .headers(headers)
    .header('content-type', problemMediaType)
    .serializer(JSON.stringify)
    .send(problem);
}

function logFailure(log: Logger, request: FastifyRequest, status: number, err: unknown): void {
  if (status < 500) return;
  const containerId = containerIdOf(request);
  const fields = { requestId: request.id, ...(containerId !== undefined && { containerId }), err };
  if (status === 503) log.warn(fields, 'request cannot be served now');
  else log.error(fields, 'request failed');
}

/** How many places that are at fault the log names, and how much of each. */
const maxFaults = 20;
const maxFaultLength = 256;

/** Pointers of fields and names of parameters; never what stood there. Undefined where no single one is at fault. */
function placesOf({ violations }: InvalidArgumentError): string[] | undefined {
  if (violations.length === 0) return undefined;
  return violations
    .slice(0, maxFaults)
    .map(({ pointer, parameter }) => (parameter ?? pointer ?? '').slice(0, maxFaultLength));
}

/** The answer to a request that failed with `error`, which may be anything; what is not known is told without details. */
export function problemAnswer(error: unknown, uri: string | undefined, types: ProblemTypes): ProblemAnswer {
  const { headers = {}, ...failure } = describe(error);
  return { problem: buildProblem(types, failure, uri === undefined ? undefined : uriReference(uri)), headers };
}

interface Description extends Failure {
  headers?: Record<string, string>;
}

function describe(error: unknown): Description {
  if (error instanceof ContainerError) return describeContainerError(error);
  if (error instanceof RequestError) return { status: error.status, detail: error.message, headers: error.headers };
  return describeFrameworkError(error) ?? { status: 500, detail: 'The provider could not handle the request.' };
}

function describeContainerError(error: ContainerError): Description {
  const detail = error.message;
  if (error instanceof InvalidArgumentError) {
    return { status: 400, detail, refusal: error.refusal, violations: error.violations };
  }
  if (error instanceof NotFoundError) return { status: 404, detail };
  if (error instanceof PreconditionFailedError) return { status: 412, detail };
  if (error instanceof KeyReusedError) return { status: 422, detail };
  if (error instanceof ConflictError) return { status: 409, detail };
  if (error instanceof UnavailableError) {
    return { status: 503, detail, headers: { 'retry-after': String(error.retryAfterSeconds) } };
  }
  return { status: 500, detail };
}

/** Fastify's errors by code. Its messages are not repeated: some hold parts of the request. */
const frameworkErrors: Record<string, Description> = {
  FST_ERR_BAD_URL: { status: 400, detail: 'The URL is malformed.' },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, detail: 'The body has more than 200 KiB.' },
};

/** An error as the packages around Fastify make them. */
interface HttpError extends Error {
  code: string;
  expose: boolean;
  statusCode: number;
  headers: Record<string, string>;
}

/** What Fastify and its plugins refuse: the latter's errors have no codes, but say that clients may see them. */
function describeFrameworkError(error: unknown): Description | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, expose, statusCode: status, headers } = error as Partial<HttpError>;
  const known = frameworkErrors[code ?? ''];
  if (known) return known;
  const isForClients = code?.startsWith('FST_') === true || expose === true;
  if (!isForClients || typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return { status, detail: `${STATUS_CODES[status] ?? 'Bad Request'}.`, ...(headers && { headers }) };
}

/**
 * A request target as a URI reference: what must not stand in one is escaped, such as a lone percent sign. Absent where
 * it is neither a path nor a URI.
 */
function uriReference(target: string): string | undefined {
  const escaped = target
    .replace(/%(?![0-9A-Fa-f]{2})/g, '%25')
    .replace(/[^!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]/gu, (character) => encodeURIComponent(character.toWellFormed()));
  // Two slashes at the beginning would make a host of the first segment.
  if (escaped.startsWith('//')) return `/.${escaped}`;
  return escaped.startsWith('/') || escaped === '*' || URL.canParse(escaped) ? escaped : undefined;
}
