/** How to sign in at NATS: what the configuration has, and what its files have now. */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions, TlsOptions } from 'nats';
import { credsAuthenticator } from 'nats';
import type { NatsServers, NatsTls } from '../config/nats-urls.ts';

export type NatsAccess = Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'> & {
  /** Contents, not paths. Absent: TLS only where a server demands or offers it. */
  tls?: NatsTlsFiles;
};

type NatsTlsFiles = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'handshakeFirst'>;

/** @throws when a file cannot be read; what is wrong with its content shows when it is used */
export async function readAccess({ user, password, token, credentialsFile, tls }: NatsServers): Promise<NatsAccess> {
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credentialsFile !== undefined && { authenticator: credsAuthenticator(await readCredentials(credentialsFile)) }),
    ...(tls !== undefined && { tls: await readTls(tls) }),
  };
}

/** The client wants a line feed at the end of each line; editors and stores of secrets change or drop some. */
async function readCredentials(file: string): Promise<Uint8Array> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/);
  return Buffer.from(`${lines.join('\n')}\n`);
}

async function readTls({ caFile, certFile, keyFile, handshakeFirst }: NatsTls): Promise<NatsTlsFiles> {
  return {
    ...(caFile !== undefined && { ca: await readFile(caFile, 'utf8') }),
    ...(certFile !== undefined && { cert: await readFile(certFile, 'utf8') }),
    ...(keyFile !== undefined && { key: await readFile(keyFile, 'utf8') }),
    ...(handshakeFirst !== undefined && { handshakeFirst }),
  };
}
