/** A proxy of TCP connections, for networks that fail: it resets what is open, refuses what is new, or carries nothing. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  /** Of 127.0.0.1; stays the same while it refuses. */
  port: number;
  /** Connections that are open through it. */
  readonly connections: number;
  /** Connections that were ever made to it. */
  readonly accepted: number;
  /** Resets both ends of every open connection. New ones are taken. */
  reset(): void;
  /** Refuses new connections; those that are open stay. */
  refuse(): Promise<void>;
  /** Takes connections again, after `refuse`. */
  accept(): Promise<void>;
  /** Keeps what is open, and takes what is new, but carries nothing any more: a cable that is cut. */
  silence(): void;
  /** Carries again, after `silence`, what was sent meanwhile too. */
  carry(): void;
}

interface Pair {
  client: Socket;
  server: Socket;
}

/**
 * @param target - where connections are carried to, e.g. the URL of an API server on 127.0.0.1
 * @param localAddress - from which they come there; absent: the system's choice
 */
export async function startTcpProxy(target: string, localAddress?: string): Promise<TcpProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const pairs = new Set<Pair>();
  let accepted = 0;
  let isSilent = false;
  const listener = createServer({ pauseOnConnect: true }, (client) => {
    accepted++;
    const address = { host: hostname, port: Number(targetPort), ...(localAddress && { localAddress }) };
    const pair: Pair = { client, server: connect(address) };
    pairs.add(pair);
    for (const [from, to] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
    }
    if (!isSilent) join(pair);
  });
  const port = await listen(listener, 0);

  return {
    port,
    get connections() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    reset() {
      for (const { client, server } of pairs) {
        client.resetAndDestroy();
        server.resetAndDestroy();
      }
      pairs.clear();
    },
    async refuse() {
      // Open connections keep the server from being closed, not from being deaf.
      listener.close();
      while (listener.listening) await once(listener, 'close');
    },
    async accept() {
      await listen(listener, port);
    },
    silence() {
      isSilent = true;
      for (const pair of pairs) part(pair);
    },
    carry() {
      isSilent = false;
      for (const pair of pairs) join(pair);
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      if (!listener.listening) return;
      listener.close();
      await once(listener, 'close');
    },
  };
}

function join({ client, server }: Pair): void {
  client.pipe(server);
  server.pipe(client);
}

function part({ client, server }: Pair): void {
  for (const socket of [client, server]) {
    socket.unpipe();
    socket.pause();
  }
}

async function listen(listener: Server, port: number): Promise<number> {
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}
