/** Ports for servers that are told where to listen. */
import { once } from 'node:events';
import { createServer } from 'node:net';

const portsGivenOut = new Set<number>();

/**
 * A port that nothing listens on now. It lies below the range that the system hands out to outgoing connections, so
 * that none of these takes the port of a server while that is being restarted.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (portsGivenOut.has(port) || !(await isFree(port))) continue;
    portsGivenOut.add(port);
    return port;
  }
}

/** Whether nobody listens there on 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
  const listener = createServer().listen(port, '127.0.0.1');
  try {
    await once(listener, 'listening');
    listener.close();
    await once(listener, 'close');
    return true;
  } catch {
    return false;
  }
}
