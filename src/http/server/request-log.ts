/** What lines of the log say of a request: which container it is about, and who calls. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import type { JWTPayload } from 'jose';
import { isContainerId } from '../../containers/container-id.ts';

/** The container that a request is about, where it is one with an id that a container may have. */
export function containerIdOf({ method, params, query, exchange }: FastifyRequest): string | undefined {
  const named = method === 'POST' ? (query as Named | undefined)?.id : undefined;
  const id = exchange.chosenId ?? (params as Named | undefined)?.container_id ?? named;
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
