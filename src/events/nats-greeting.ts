/** Whether a NATS server answers at an address, asked with a socket of our own. */
import { connect } from 'node:net';
import { within } from '../time.ts';

/**
 * Resolves when the server has begun to introduce itself, as NATS servers do first, with and without TLS. The NATS client
 * keeps a socket for each attempt at a server that accepts connections and says nothing; this one does not.
 *
 * @param server - `host:port`
 * @param signal - ends the wait; its reason is thrown
 * @throws Error when the address does not answer as a NATS server within the time
 */
export async function awaitGreeting(server: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { hostname, port } = new URL(`nats://${server}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
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
    await within(promise, { ms: timeoutMs, message: `${server} does not answer`, signal });
  } finally {
    socket.destroy();
  }
}
