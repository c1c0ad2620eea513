import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import { probeServer } from '../../src/events/nats-probe.ts';

const never = new AbortController().signal;

/** What answers each connection in some way; the rest of the server is of no concern here. */
async function startServer(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    answer(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

t.test('a server introduces itself, in one piece or in several', async (t) => {
  const pieces = ['I', 'NFO {"server_id"', ':"x"}\r', '\n'];
  await using whole = await startServer((socket) => socket.write(pieces.join('')));
  await using slow = await startServer((socket) => {
    const [first, ...others] = pieces;
    socket.setNoDelay().write(first!);
    const next = (): void => {
      const piece = others.shift();
      if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    };
    setImmediate(next);
  });
  for (const { address } of [whole, slow]) await t.resolves(probeServer(address, 20_000, never));
});

t.test('who says something else is no NATS server, nor who never comes to the end of a line', async (t) => {
  await using other = await startServer((socket) => socket.write('SSH-2.0-OpenSSH\r\n'));
  await t.rejects(probeServer(other.address, 20_000, never), { message: `${other.address} is not a NATS server` });
  await using endless = await startServer((socket) => {
    socket.write('INFO ');
    const pour = () => {
      while (!socket.destroyed && socket.write(' '.repeat(64 * 1024)));
    };
    socket.on('drain', pour);
    pour();
  });
  await t.rejects(probeServer(endless.address, 5_000, never), { message: `${endless.address} is not a NATS server` });
});

t.test('who says nothing, or hangs up, is told so', async (t) => {
  await using silent = await startServer(() => undefined);
  await t.rejects(probeServer(silent.address, 50, never), { message: `${silent.address} does not answer` });
  await t.rejects(probeServer(silent.address, 50, never, {}), {
    message: `${silent.address} does not answer, or wants the TLS handshake first (tls_first=true)`,
  });
  await using closing = await startServer((socket) => socket.end());
  await t.rejects(probeServer(closing.address, 20_000, never), {
    message: `${closing.address} closed the connection`,
  });
  const reason = new Error('stopping');
  await t.rejects(probeServer(silent.address, 20_000, AbortSignal.abort(reason)), reason);
});
