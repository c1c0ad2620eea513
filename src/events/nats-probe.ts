/** Whether a NATS server answers at an address, asked with a socket of our own. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { within } from '../time.ts';

/** In characters; the addresses of a whole cluster stand in it. */
const maxGreetingLength = 256 * 1024;
/** What a server says of itself where the NATS client begins with TLS then. */
const offersTls = /"tls_(?:required|available)"\s*:\s*true/;

/**
 * Resolves when the server has introduced itself, as NATS servers do first, but for those that want the TLS handshake before
 * anything else, and when the handshake that follows has come to its end. The NATS client keeps a socket for each attempt at
 * a server that accepts connections and does not go on; this one does not. Whether its certificate is good is for the client
 * to say.
 *
 * @param server - `host:port`
 * @param signal - ends the wait; its reason is thrown
 * @param tls - for a server that wants the handshake first; absent, or without that: what follows the greeting
 * @throws Error when the address does not answer as a NATS server within the time
 */
export async function probeServer(
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
    const isGreeting = 'INFO '.startsWith(greeting.slice(0, 5)) && greeting.length <= maxGreetingLength;
    if (!isGreeting) reject(new Error(`${server} is not a NATS server`));
    if (!greeting.includes('\r\n')) return;
    socket.removeAllListeners('data');
    if (tls?.handshakeFirst || !offersTls.test(greeting)) resolve(undefined);
    else {
      const secured = connectTls({ ...tls, socket, rejectUnauthorized: false });
      secured.on('secureConnect', () => resolve(undefined)).on('error', reject);
    }
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${server} closed the connection`)));
  try {
    await within(promise, { ms: timeoutMs, message: `${server} does not answer${silence}`, signal });
  } finally {
    socket.destroy();
  }
}
