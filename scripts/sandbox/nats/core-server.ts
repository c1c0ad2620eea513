/** A NATS server for one process: publish, subscribe, queue groups and requests, and nothing that is kept. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { CommandParser, ProtocolError } from './protocol.ts';
import type { ClientCommand, ConnectOptions } from './protocol.ts';
import { isLiteral, isSubject, matches } from './subjects.ts';

/** Bytes of headers and payload together, as servers have it by default. */
const maxPayload = 1024 * 1024;

/** A client that leaves more than this unread is cut off, so that it costs no more memory. */
const maxPendingBytes = 64 * 1024 * 1024;

interface Subscription {
  client: Client;
  subject: string;
  queue: string | undefined;
  sid: string;
  delivered: number;
  /** Messages after which it ends by itself. */
  max: number | undefined;
}

interface Client {
  id: number;
  socket: Socket;
  options: ConnectOptions;
  subscriptions: Map<string, Subscription>;
}

type Publication = Extract<ClientCommand, { name: 'PUB' }>;

export class CoreNatsServer implements AsyncDisposable {
  readonly #clients = new Set<Client>();
  #server: Server | undefined;
  #port: number;
  #clientCount = 0;
  #paused = false;

  private constructor(port: number) {
    this.#port = port;
  }

  /** @param options.port - on 127.0.0.1; absent: any that is free. Rejects when it is taken. */
  static async start(options: { port?: number } = {}): Promise<CoreNatsServer> {
    const server = new CoreNatsServer(options.port ?? 0);
    await server.listen();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Listens again where it was before it was closed. */
  async listen(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Drops all clients. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#paused = false;
    for (const { socket } of this.#clients) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** Reads nothing and answers nobody until it is resumed, as a process that was stopped. */
  pause(): void {
    this.#paused = true;
    for (const { socket } of this.#clients) socket.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const client of this.#clients) this.#begin(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: Socket): void {
    const client: Client = { id: ++this.#clientCount, socket, options: {}, subscriptions: new Map() };
    this.#clients.add(client);
    socket.setNoDelay();
    socket.on('error', () => undefined);
    socket.on('close', () => this.#clients.delete(client));
    if (!this.#paused) this.#begin(client);
  }

  #begin(client: Client): void {
    const { socket } = client;
    if (socket.listenerCount('data') > 0) {
      socket.resume();
      return;
    }
    socket.write(`INFO ${JSON.stringify(this.#info(client))}\r\n`);
    const parser = new CommandParser(maxPayload);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const command of parser.parse(chunk)) this.#execute(client, command);
      } catch (err) {
        if (!(err instanceof ProtocolError)) throw err;
        socket.end(`-ERR '${err.message}'\r\n`);
        socket.removeAllListeners('data');
      }
    });
  }

  #info({ id, socket }: Client): object {
    return {
      server_id: randomUUID(),
      server_name: 'sandbox',
      version: '2.9.0',
      proto: 1,
      host: '127.0.0.1',
      port: this.#port,
      headers: true,
      max_payload: maxPayload,
      client_id: id,
      client_ip: socket.remoteAddress,
    };
  }

  #execute(client: Client, command: ClientCommand): void {
    switch (command.name) {
      case 'CONNECT':
        client.options = command.options;
        break;
      case 'PING':
        client.socket.write('PONG\r\n');
        return;
      case 'PONG':
        return;
      case 'SUB':
        if (isSubject(command.subject)) {
          client.subscriptions.set(command.sid, { client, ...command, delivered: 0, max: undefined });
        } else client.socket.write(`-ERR 'Invalid Subject'\r\n`);
        break;
      case 'UNSUB':
        unsubscribe(client, command.sid, command.max);
        break;
      case 'PUB':
        if (isLiteral(command.subject)) this.#publish(client, command);
        else client.socket.write(`-ERR 'Invalid Publish Subject'\r\n`);
        break;
    }
    if (client.options.verbose === true) client.socket.write('+OK\r\n');
  }

  #publish(publisher: Client, publication: Publication): void {
    const receivers = this.#receivers(publisher, publication.subject);
    for (const subscription of receivers) deliver(subscription, publication);
    const { reply } = publication;
    if (receivers.length > 0 || reply === undefined || publisher.options.no_responders !== true) return;
    const headers = Buffer.from('NATS/1.0 503\r\n\r\n');
    for (const subscription of publisher.subscriptions.values()) {
      if (!matches(subscription.subject, reply)) continue;
      deliver(subscription, { name: 'PUB', subject: reply, reply: undefined, headers, payload: Buffer.alloc(0) });
    }
  }

  /** Every subscription of its own, and one of each queue group. */
  #receivers(publisher: Client, subject: string): Subscription[] {
    const matching = [...this.#clients]
      .filter((client) => client !== publisher || publisher.options.echo !== false)
      .flatMap(({ subscriptions }) => [...subscriptions.values()])
      .filter((subscription) => matches(subscription.subject, subject));
    const groups = Map.groupBy(
      matching.filter(({ queue }) => queue !== undefined),
      ({ queue }) => queue,
    );
    const chosen = [...groups.values()].map((group) => group[Math.floor(Math.random() * group.length)]!);
    return [...matching.filter(({ queue }) => queue === undefined), ...chosen];
  }
}

function unsubscribe({ subscriptions }: Client, sid: string, max: number | undefined): void {
  const subscription = subscriptions.get(sid);
  if (subscription === undefined) return;
  if (max === undefined || subscription.delivered >= max) subscriptions.delete(sid);
  else subscription.max = max;
}

/** A client that did not ask for headers gets the payload alone. */
function deliver(subscription: Subscription, { subject, reply, headers, payload }: Publication): void {
  const { client, sid } = subscription;
  const to = reply === undefined ? `${subject} ${sid}` : `${subject} ${sid} ${reply}`;
  const parts =
    headers !== undefined && client.options.headers === true
      ? [`HMSG ${to} ${headers.length} ${headers.length + payload.length}\r\n`, headers, payload, '\r\n']
      : [`MSG ${to} ${payload.length}\r\n`, payload, '\r\n'];
  client.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  subscription.delivered++;
  if (subscription.delivered === subscription.max) client.subscriptions.delete(sid);
  if (client.socket.writableLength > maxPendingBytes) client.socket.destroy();
}
