/** What a request is known by, and what its line in the log says: which container it is about, and who calls. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import type { JWTPayload } from 'jose';
import { isContainerId } from '../../containers/container.ts';
import type { RequestLifecycle } from './request-lifecycle.ts';

const saneRequestId = /^[\w.:/+=@~-]{1,128}$/;

/** The client's `X-Request-Id` when it is short and harmless in a log, else a random UUID. */
export function requestIdOf({ headers }: { headers: IncomingHttpHeaders }): string {
  const sent = headers['x-request-id'];
  if (typeof sent === 'string' && saneRequestId.test(sent)) return sent;
  const made = randomUUID();
  // V8 keeps a text that was put together as its parts, a multiple of it, until something looks into it.
  made.charCodeAt(0);
  return made;
}

/** The container that a request is about, where it is one with an id that a container may have. */
export function containerIdOf({ method, params, query, lifecycle }: FastifyRequest): string | undefined {
  const named = method === 'POST' ? (query as Named | undefined)?.id : undefined;
  const id = lifecycle.chosenId ?? (params as Named | undefined)?.container_id ?? named;
  return typeof id === 'string' && isContainerId(id) ? id : undefined;
}

interface Named {
  container_id?: unknown;
  id?: unknown;
}

/** What is known of the other side of a connection. */
export interface Peer {
  /** Absent where the connection was gone before anybody asked. */
  remoteAddress?: string;
  /** The subject of the client's certificate, where one was asked for and is trusted: `CN=dcm, O=example`. */
  certificate?: string;
}

/** Whom a token is about and who got it; what it does not say is absent. */
export interface TokenHolder {
  sub?: string;
  clientId?: string;
}

/** Text of others in a line of the log, in characters. */
const maxLength = 256;

export function readPeer(socket: Socket): Peer {
  const { remoteAddress } = socket;
  const subject =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate()?.subject : undefined;
  return {
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(subject !== undefined && { certificate: subject.replaceAll('\n', ', ').slice(0, maxLength) }),
  };
}

/** RFC 9068, section 2.2; `azp` is where issuers of OpenID Connect have the client. */
export function holderOf({ sub, client_id, azp }: JWTPayload): TokenHolder {
  const clientId = [client_id, azp].find((value) => typeof value === 'string');
  return {
    ...(typeof sub === 'string' && { sub: sub.slice(0, maxLength) }),
    ...(clientId !== undefined && { clientId: clientId.slice(0, maxLength) }),
  };
}

/** The fields of a request's line. One literal for all: with spreads in it, it would cost twice as much. */
export function fieldsOf(
  { request, connection, holder, faults }: RequestLifecycle,
  seconds: number,
  status: number | undefined,
) {
  const { remoteAddress, certificate } = connection.peer;
  return {
    requestId: request.id,
    traceparent: traceOf(request),
    method: request.method,
    path: pathOf(request.url),
    containerId: containerIdOf(request),
    remoteAddress,
    certificate,
    sub: holder?.sub,
    clientId: holder?.clientId,
    durationMs: Math.round(seconds * 1e6) / 1_000,
    status,
    faults,
    aborted: status === undefined ? true : undefined,
  };
}

/** As W3C's Trace Context has it: version, trace, parent and flags. */
const traceParentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace that the request is part of; undefined where it names none. */
function traceOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && traceParentPattern.test(traceparent) ? traceparent : undefined;
}

/** The path alone: the values of a query may be anybody's secret. */
function pathOf(url: string): string {
  const end = url.search(/[?#;]/);
  return end < 0 ? url : url.slice(0, end);
}
