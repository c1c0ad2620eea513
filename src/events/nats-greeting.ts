/** Whether a NATS server answers at an address, asked with a socket of our own. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { within } from '../time.ts';

/**
 * Resolves when the server has begun to introduce itself, as NATS servers do first, with and without TLS, but for those
 * that want the handshake before anything else. The NATS client keeps a socket for each attempt at a server that accepts
 * connections and says nothing; this one does not.
 *
 * @param server - `host:port`
 * @param signal - ends the wait; its reason is thrown
 * @param tls - for a server that wants the handshake first; absent, or without that: what follows the greeting
 * @throws Error when the address does not answer as a NATS server within the time
 */
export async function awaitGreeting(
  server: string,
  timeoutMs: number,
  signal: AbortSignal,
  tls?: ConnectionOptions & { handshakeFirst?: boolean },
): Promise<void> {
  signal.throwIfAborted();
  const { hostname, port } = new URL(`nats://${server}`);
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
  const socket = tls?.handshakeFirst ? connectTls({ ...tls, ...address }) : connect(address);
  const silence = tls === undefined || tls.handshakeFirst ? '' : ', or wants the TLS handshake first (tls_first=true)';
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let greeting = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    greeting += chunk;
    if (greeting.startsWith('INFO ')) resolve(undefined);
    else if (greeting.length >= 5) reject(new Error(`${server} is not a NATS server`));
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${server} closed the connection`)));
  try {
    await within(promise, { ms: timeoutMs, message: `${server} does not answer${silence}`, signal });
  } finally {
    socket.destroy();
  }
}
