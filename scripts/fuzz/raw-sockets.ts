/** Sends broken requests over bare sockets and checks what the server does with them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assertConforms } from '../contract/conformance.ts';
import { parseAnswers } from './answers.ts';
import type { BrokenRequest } from './broken-http.ts';

export interface RawTarget {
  host: string;
  port: number;
  /** By when the server must have closed a connection that says nothing more, in milliseconds. */
  patienceMs: number;
}

/** What is wrong with the server's behaviour; absent where nothing is. */
export async function findFault(target: RawTarget, broken: BrokenRequest): Promise<string | undefined> {
  const { bytes, closed } = await exchange(target, broken);
  if (!closed) return `the connection was still open after ${target.patienceMs} ms; received ${describe(bytes)}`;
  // A client that resets its connection may lose any part of what it was sent.
  if (broken.ending === 'reset') return undefined;
  try {
    checkAnswers(broken, bytes);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The bytes of a request as they can be read and typed again. */
export function describeRequest({ kind, packets, ending }: BrokenRequest): string {
  const text = packets.map((packet) => JSON.stringify(packet.toString('latin1').slice(0, 2_000))).join(' + ');
  return `${kind}, then ${ending}: ${text}`;
}

function checkAnswers({ packets, ambiguous }: BrokenRequest, bytes: Buffer): void {
  const mayLackBodies = Buffer.concat(packets).includes('HEAD ');
  for (const { status, headers, body } of parseAnswers(bytes, { mayLackBodies })) {
    if (status >= 500) throw new Error(`was answered ${status}: ${body}`);
    if (status < 400 && ambiguous) throw new Error(`a request without a clear end was answered ${status}: ${body}`);
    // Which request of several an answer belongs to is not known: a problem conforms for all of them.
    const method = body === '' && mayLackBodies ? 'HEAD' : 'GET';
    if (status >= 400) assertConforms({ method, path: undefined, status, headers, body });
  }
}

async function exchange(
  target: RawTarget,
  { packets, ending }: BrokenRequest,
): Promise<{ bytes: Buffer; closed: boolean }> {
  const socket = connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true });
  const received: Buffer[] = [];
  socket.on('data', (data) => received.push(data));
  socket.on('error', () => undefined);
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(true));
    // The server says that it has sent all; so have we.
    socket.once('end', () => socket.end());
  });
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), target.patienceMs);
  try {
    await Promise.race([connected(socket), closed]);
    await write(socket, packets);
    if (ending === 'reset') socket.resetAndDestroy();
    if (ending === 'half-close') socket.end();
    return { closed: await Promise.race([closed, timeout.promise]), bytes: Buffer.concat(received) };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function connected(socket: Socket): Promise<void> {
  await once(socket, 'connect').catch(() => undefined);
}

/** One packet after the other; what the server no longer wants is not sent. */
async function write(socket: Socket, packets: Buffer[]): Promise<void> {
  for (const packet of packets) {
    if (!socket.writable) return;
    await new Promise<void>((resolve) => void socket.write(packet, () => resolve()));
    await nextTurn();
  }
}

function describe(bytes: Buffer): string {
  return bytes.length === 0 ? 'nothing' : JSON.stringify(bytes.toString('latin1', 0, 500));
}
