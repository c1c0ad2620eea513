/** The client side of the NATS protocol as bytes come in: lines, and payloads whose length a line announces. */

/** What a client asks for. Payloads and headers are views of what was received. */
export type ClientCommand =
  | { name: 'CONNECT'; options: ConnectOptions }
  | { name: 'PING' | 'PONG' }
  | { name: 'PUB'; subject: string; reply: string | undefined; headers: Buffer | undefined; payload: Buffer }
  | { name: 'SUB'; subject: string; queue: string | undefined; sid: string }
  | { name: 'UNSUB'; sid: string; max: number | undefined };

export interface ConnectOptions {
  verbose?: boolean;
  echo?: boolean;
  headers?: boolean;
  no_responders?: boolean;
}

/** What the client did wrong, in the words that servers send before they close the connection. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const maxControlLine = 4_096;
const lineEnd = Buffer.from('\r\n');

export class CommandParser {
  readonly #maxPayload: number;
  #received: Buffer = Buffer.alloc(0);

  /** @param maxPayload - bytes of headers and payload together */
  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload;
  }

  /** The commands that the chunk completes. Throws ProtocolError; the parser is of no use after that. */
  *parse(chunk: Buffer): Iterable<ClientCommand> {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const end = this.#received.indexOf(lineEnd);
      if (end > maxControlLine || (end < 0 && this.#received.length > maxControlLine)) {
        throw new ProtocolError('Maximum Control Line Exceeded');
      }
      if (end < 0) return;
      const line = this.#received.toString('utf8', 0, end);
      const payloadAt = end + lineEnd.length;
      const sizes = this.#payloadSizes(line);
      const next = sizes === undefined ? payloadAt : payloadAt + sizes.total + lineEnd.length;
      if (this.#received.length < next) return;
      const body = this.#received.subarray(payloadAt, Math.max(payloadAt, next - lineEnd.length));
      const command = sizes === undefined ? parseLine(line) : publish(line, sizes.headers, body);
      this.#received = this.#received.subarray(next);
      yield command;
    }
  }

  #payloadSizes(line: string): { headers: number; total: number } | undefined {
    const [name = '', ...args] = line.trim().split(/\s+/);
    const operation = name.toUpperCase();
    if (operation !== 'PUB' && operation !== 'HPUB') return undefined;
    const total = sizeOf(args.at(-1));
    const headers = operation === 'HPUB' ? sizeOf(args.at(-2)) : 0;
    if (headers > total) throw new ProtocolError('Parser Error');
    if (total > this.#maxPayload) throw new ProtocolError('Maximum Payload Violation');
    return { headers, total };
  }
}

function publish(line: string, headerSize: number, body: Buffer): ClientCommand {
  const [name = '', subject = '', ...rest] = line.trim().split(/\s+/);
  const sizes = name.toUpperCase() === 'HPUB' ? 2 : 1;
  if (rest.length < sizes || rest.length > sizes + 1) throw new ProtocolError('Parser Error');
  return {
    name: 'PUB',
    subject,
    reply: rest.length > sizes ? rest[0] : undefined,
    headers: headerSize > 0 ? body.subarray(0, headerSize) : undefined,
    payload: body.subarray(headerSize),
  };
}

function parseLine(line: string): ClientCommand {
  const [name = '', ...args] = line.trim().split(/\s+/);
  switch (name.toUpperCase()) {
    case 'CONNECT':
      return { name: 'CONNECT', options: parseOptions(line.slice(line.indexOf(' ') + 1)) };
    case 'PING':
      return { name: 'PING' };
    case 'PONG':
      return { name: 'PONG' };
    case 'SUB': {
      const [subject, second, third] = args;
      if (subject === undefined || second === undefined || args.length > 3) throw new ProtocolError('Parser Error');
      return third === undefined
        ? { name: 'SUB', subject, queue: undefined, sid: second }
        : { name: 'SUB', subject, queue: second, sid: third };
    }
    case 'UNSUB': {
      const [sid, max] = args;
      if (sid === undefined) throw new ProtocolError('Parser Error');
      return { name: 'UNSUB', sid, max: max === undefined ? undefined : sizeOf(max) };
    }
    default:
      throw new ProtocolError('Unknown Protocol Operation');
  }
}

function parseOptions(json: string): ConnectOptions {
  try {
    return JSON.parse(json) as ConnectOptions;
  } catch {
    throw new ProtocolError('Parser Error');
  }
}

function sizeOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,9}$/.test(text)) throw new ProtocolError('Parser Error');
  return Number(text);
}
