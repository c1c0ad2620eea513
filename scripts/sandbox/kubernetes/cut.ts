/** Ending a connection without a word. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Resets the connection; one with TLS, which Node cannot reset, is closed in the middle of what it carries. */
export function cut(socket: Socket | null | undefined): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket?.resetAndDestroy();
}
