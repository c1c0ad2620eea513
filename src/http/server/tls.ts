/** TLS for the server, with certificates that are renewed while it runs. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Server as TlsServer, createSecureContext } from 'node:tls';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
  /** Authorities of client certificates; absent: clients need none. */
  clientCaFile?: string;
}

/** What the files hold. */
export interface TlsCredentials {
  cert: string;
  key: string;
  ca?: string;
}

/** How often the files are looked at. Not watched: in a Secret's mount it is a link that changes. */
const reloadMs = 10_000;
const minTlsVersion = 'TLSv1.2';

/** @throws Error that names what is wrong with the files: one cannot be read or used, or they do not belong together */
export async function loadTlsCredentials({ certFile, keyFile, clientCaFile }: TlsFiles): Promise<TlsCredentials> {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile, 'utf8'),
    readFile(keyFile, 'utf8'),
    clientCaFile === undefined ? undefined : readFile(clientCaFile, 'utf8'),
  ]);
  const credentials = { cert, key, ...(ca !== undefined && { ca }) };
  requireUsable(certFile, () => new X509Certificate(cert));
  requireUsable(keyFile, () => createPrivateKey(key));
  if (clientCaFile !== undefined) requireUsable(clientCaFile, () => readAuthorities(ca!));
  createSecureContext(contextOptions(credentials));
  return credentials;
}

/**
 * An empty file is a setting that is left out to `createSecureContext`: then there is no certificate, and clients are
 * those of every public authority.
 */
function requireUsable(file: string, read: () => unknown): void {
  try {
    read();
  } catch (cause) {
    throw new Error(`${file} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** Each of them: `createSecureContext` would take those before one that is broken or cut off, and leave out the rest. */
function readAuthorities(pem: string): void {
  const [, ...certificates] = pem.split('-----BEGIN ');
  if (certificates.length === 0) throw new Error('it has no certificate');
  for (const certificate of certificates) new X509Certificate(`-----BEGIN ${certificate}`);
}

/** Everything of a secure context, each time: what is left out would count as unset, the authorities of clients among it. */
function contextOptions(credentials: TlsCredentials): SecureContextOptions {
  return { ...credentials, minVersion: minTlsVersion };
}

/** @param handshakeMs - how long a client may take for the handshake, in milliseconds */
export function tlsServerOptions(credentials: TlsCredentials, handshakeMs: number): TlsOptions {
  const isVerified = credentials.ca !== undefined;
  return {
    ...contextOptions(credentials),
    requestCert: isVerified,
    rejectUnauthorized: isVerified,
    handshakeTimeout: handshakeMs,
  };
}

/**
 * Looks at the files every ten seconds until the application closes. New credentials count for new connections; those that
 * cannot be used leave the old ones in place, and are told once.
 */
export function renewTlsCredentials(
  app: FastifyInstance,
  files: TlsFiles,
  { current, log, clock }: { current: TlsCredentials; log: Logger; clock: Clock },
): void {
  const server: unknown = app.server;
  if (!(server instanceof TlsServer)) throw new Error('the server does not speak TLS');
  let used = JSON.stringify(current);
  let lastFailure: string | undefined;
  const look = async () => {
    try {
      const found = await loadTlsCredentials(files);
      lastFailure = undefined;
      if (JSON.stringify(found) === used) return;
      server.setSecureContext(contextOptions(found));
      used = JSON.stringify(found);
      log.info('the certificate was renewed');
    } catch (err) {
      if (String(err) === lastFailure) return;
      lastFailure = String(err);
      log.error({ err }, 'the certificate cannot be renewed, the old one stays');
    }
  };
  let isClosed = false;
  let cancel: () => void;
  const again = () => {
    if (!isClosed) cancel = clock.after(reloadMs, () => void look().then(again));
  };
  again();
  app.addHook('onClose', () => {
    isClosed = true;
    cancel();
  });
}
