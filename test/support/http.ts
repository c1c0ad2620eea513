/** The HTTP side on a free port of the loopback interface, and ways to talk to it. Every answer is checked for conformance. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createClient } from '../../generated/client.ts';
import type { Client, Schemas } from '../../generated/client.ts';
import { defaultHintPolicy } from '../../src/containers/hints.ts';
import { buildApp } from '../../src/http/app.ts';
import type { AppOptions, Timeouts } from '../../src/http/app.ts';
import { assertConforms, conformingFetch } from '../../scripts/contract/conformance.ts';
import { asNamed, problemTypes } from '../../scripts/contract/problem-types.ts';
import type { NamedProblem } from '../../scripts/contract/problem-types.ts';
import { ManualClock } from './manual-clock.ts';
import { InMemoryContainerRepository } from './container-repository.ts';

export interface HttpServer extends AsyncDisposable {
  app: FastifyInstance;
  url: string;
  port: number;
  client: Client;
  repository: InMemoryContainerRepository;
  /** The lines of the log so far, parsed. */
  logLines: Record<string, unknown>[];
  /** The server's ends of the connections that are open. */
  connections(): readonly Socket[];
  /** Lets the clock of tokens and certificates go on. */
  passTime(ms: number): Promise<void>;
}

export interface HttpServerOptions {
  timeouts?: Partial<Timeouts>;
  isClusterHealthy?: AppOptions['isClusterHealthy'];
  hintPolicy?: AppOptions['hintPolicy'];
  source?: AppOptions['source'];
  logHealth?: boolean;
  tokens?: AppOptions['tokens'];
  tls?: AppOptions['tls'];
  /** Called before the server listens. */
  prepare?: (app: FastifyInstance) => void;
  /** False: the application is built and never listens. */
  listen?: boolean;
}

compileOpenApiSchemaOnce();

const patient: Timeouts = { requestMs: 30_000, readMs: 15_000, writeMs: 15_000, idleMs: 60_000 };

export async function startHttpServer(options: HttpServerOptions = {}): Promise<HttpServer> {
  const repository = new InMemoryContainerRepository();
  const clock = new ManualClock();
  const logLines: Record<string, unknown>[] = [];
  const app = await buildApp({
    repository,
    source: options.source ?? { isLive: true, onChange: () => () => undefined, view: () => undefined },
    hintPolicy: options.hintPolicy ?? defaultHintPolicy,
    isClusterHealthy: options.isClusterHealthy ?? (() => Promise.resolve(true)),
    log: pino({ base: null }, { write: (line: string) => void logLines.push(JSON.parse(line) as never) }),
    version: '1.2.3',
    timeouts: { ...patient, ...options.timeouts },
    problemTypes,
    clock,
    ...(options.logHealth !== undefined && { logHealth: options.logHealth }),
    ...(options.tokens && { tokens: options.tokens }),
    ...(options.tls && { tls: options.tls }),
  });
  options.prepare?.(app);
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const url = options.listen === false ? '' : await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    app,
    url,
    port: (app.server.address() as AddressInfo | null)?.port ?? 0,
    client: createClient({ baseUrl: url, fetch: conformingFetch }),
    repository,
    logLines,
    connections: () => [...sockets],
    passTime: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {
      app.cutConnections();
      await app.close();
    },
  };
}

export interface RawAnswer {
  status: number;
  headers: Headers;
  body: string;
  /** The body as a problem document, in the form of names whatever is served. */
  problem: NamedProblem;
}

export interface RawConnection extends Disposable {
  socket: Socket;
  write(text: string): void;
  /** What came that was not read yet. */
  received(): string;
  /** Drops what came first, which must be `text`. */
  skip(text: string): void;
  /** The next answer on this connection; rejects when the connection ends before it is complete. */
  answer(request?: { method?: string; path?: string }): Promise<RawAnswer>;
  /** Resolves when the connection is closed, with what came after the last answer. */
  closed(): Promise<string>;
}

/**
 * A bare TCP connection to the server, for requests that no client library would send.
 *
 * @param options.ca - with it over TLS, to a server with this certificate
 */
export async function openRaw(port: number, { ca }: { ca?: Buffer } = {}): Promise<RawConnection> {
  const to = { host: '127.0.0.1', port, noDelay: true };
  const socket = ca === undefined ? connect(to) : connectTls({ ...to, ca });
  await once(socket, ca === undefined ? 'connect' : 'secureConnect');
  let received = '';
  let ended = false;
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((resolve) => resolve());
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended = true;
    wake();
  });
  const change = () =>
    new Promise<void>((resolve) => {
      const done = () => {
        waiting.delete(done);
        resolve();
      };
      waiting.add(done);
    });

  return {
    socket,
    write: (text) => void socket.write(text, 'latin1'),
    received: () => received,
    skip(text) {
      if (!received.startsWith(text)) throw new Error(`not ${JSON.stringify(text)} but ${JSON.stringify(received)}`);
      received = received.slice(text.length);
    },
    async answer({ method = 'GET', path } = {}) {
      for (;;) {
        const parsed = parseAnswer(received, method);
        if (parsed) {
          received = received.slice(parsed.length);
          assertConforms({ method, path, ...parsed.answer });
          return parsed.answer;
        }
        if (ended) throw new Error(`the connection ended within an answer: ${JSON.stringify(received)}`);
        await change();
      }
    },
    async closed() {
      while (!ended) await change();
      return received;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Sends `text` on a connection of its own and gives the answer to it. */
export async function sendRaw(port: number, text: string): Promise<RawAnswer> {
  using connection = await openRaw(port);
  connection.write(text);
  const [method, path] = text.split(' ', 2);
  return await connection.answer({ method: method!, path: path! });
}

function parseAnswer(text: string, method: string): { answer: RawAnswer; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine!.split(' ')[1]);
  const headers = new Headers(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
  const hasBody = method !== 'HEAD' && status !== 204;
  const length = headEnd + 4 + (hasBody ? Number(headers.get('content-length') ?? 0) : 0);
  if (text.length < length) return undefined;
  const body = Buffer.from(text.slice(headEnd + 4, length), 'latin1').toString('utf8');
  const isProblem = headers.get('content-type') === 'application/problem+json' && body !== '';
  return {
    answer: { status, headers, body, problem: isProblem ? asNamed(JSON.parse(body)) : ({} as never) },
    length,
  };
}

/** The library that binds operations compiles the schema of OpenAPI documents for each application, which takes most of its start. */
function compileOpenApiSchemaOnce(): void {
  const validator = Validator.prototype as unknown as { getAjvValidator(version: string): unknown };
  const compile = validator.getAjvValidator;
  const compiled = new Map<string, unknown>();
  validator.getAjvValidator = function (version) {
    if (!compiled.has(version)) compiled.set(version, compile.call(this, version));
    return compiled.get(version);
  };
}

/** A spec that is valid, with the changes of a test. */
export function containerSpec(changes: Partial<Schemas['ContainerSpec']> = {}): Schemas['ContainerSpec'] {
  return {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: 'docker.io/library/nginx:1.29' },
    resources: { cpu: { min: 1, max: 2 }, memory: { min: '512MB', max: '1GB' } },
    ...changes,
  };
}
