/** Servers that never come to the end of an answer, each in its own way, on sockets of this machine. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a client waits for in vain. */
export const stalls = ['connection', 'frozen process', 'handshake', 'headers', 'body'] as const;
/** A flood never ends either, as fast as the client reads. */
export type Stall = (typeof stalls)[number] | 'flood';

export interface StalledServer extends AsyncDisposable {
  /** Without a path. */
  url: string;
  /** Connections that clients hold open; absent where the server cannot tell, since it sees none. */
  connections?: () => number;
}

export async function startStalledServer(stall: Stall): Promise<StalledServer> {
  if (stall === 'connection') return await startStopped({ fill: true, scheme: 'http' });
  if (stall === 'frozen process') return await startStopped({ fill: false, scheme: 'https' });
  const server =
    stall === 'body' || stall === 'flood'
      ? createHttpServer((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).write('{');
          if (stall === 'flood') pour(response);
        })
      : createServer((socket) => socket.resume().on('error', () => undefined));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${stall === 'handshake' ? 'https' : 'http'}://127.0.0.1:${port}`,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As much as the client takes, until it leaves. */
function pour(response: { write(chunk: string): boolean; destroyed: boolean } & NodeJS.EventEmitter): void {
  const chunk = ' '.repeat(64 * 1024);
  const write = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', write);
  write();
}

/**
 * A process that is stopped: the system still completes connections to it, which then hear nothing; and where its queue of
 * those is full, further packets are swallowed.
 */
async function startStopped({ fill, scheme }: { fill: boolean; scheme: string }): Promise<StalledServer> {
  const child = fork(import.meta.filename, ['listen']);
  const [port] = (await once(child, 'message')) as [number];
  child.kill('SIGSTOP');
  const queued: Socket[] = [];
  // The system takes one more than the queue is said to have; the rest go unanswered.
  while (fill && queued.length < 4) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    queued.push(socket);
    await Promise.race([once(socket, 'connect'), new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of queued) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

if (process.argv[2] === 'listen' && process.send) {
  const server = createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    process.send?.((server.address() as AddressInfo).port),
  );
  process.once('disconnect', () => process.exit());
}
