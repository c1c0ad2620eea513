/**
 * The requests that are under way: their turn, time limits, signals and log lines. There is one listener a request and one timer
 * for all, because a timer, a signal and hooks of its own would make a read half as expensive again.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { UnavailableError } from '../../containers/errors.ts';
import type { Abortable } from '../../containers/waiting.ts';
import { noMetrics } from '../../telemetry/telemetry.ts';
import type { Metrics, Telemetry } from '../../telemetry/telemetry.ts';
import { ByteLimit } from './limits.ts';
import { fieldsOf, readPeer } from './request-log.ts';
import type { Peer, TokenHolder } from './request-log.ts';
import { sendProblem } from '../contract/problem.ts';

/** In milliseconds. */
export interface TimeLimits {
  /** From the arrival of the headers to the answer. */
  requestMs: number;
  /** From the answer to its last byte. */
  writeMs: number;
}

/** How often the limits are looked at, in milliseconds; short limits more often. */
const maxCheckingIntervalMs = 250;

/** What the bodies of all requests that are under way may weigh together, so that no number of them fills the memory. */
const maxHeldBytes = 64 * 1024 * 1024;

/** How many requests of a connection may wait for those before them: clients that send several at once send few. */
const maxWaiting = 32;

/** Silence after which TCP asks whether the other side is still there, in milliseconds. */
const keepAliveMs = 30_000;

/** One request and its answer. */
export class RequestLifecycle {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly connection: Connection;
  readonly arrivedAt = performance.now();
  /** Where it stands among those that are open. */
  place = -1;
  /** Whose token it came with; absent where none was asked for. */
  holder: TokenHolder | undefined;
  /** The id that the provider chose for a container of this request; absent where the client names it. */
  chosenId: string | undefined;
  /** Where what was refused is at fault: pointers into the body, names of parameters; absent where nothing was. */
  faults: readonly string[] | undefined;
  /** When the answer was given to the connection; absent before. */
  answeredAt: number | undefined;
  /** Whether the answer is out or the client gone. */
  isOver = false;
  /** Whether the answer may take as long as it does. */
  outlasts = false;
  /** The handler at work, where it goes on when the answer is out or the client gone; absent: it does not. */
  handling: Promise<unknown> | undefined;
  readonly #bodies: ByteLimit;
  #heldBytes = 0;
  #controller: AbortController | undefined;
  #abortable: Abortable | undefined;
  #reason: Error | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply, connection: Connection, bodies: ByteLimit) {
    this.request = request;
    this.reply = reply;
    this.connection = connection;
    this.#bodies = bodies;
  }

  /**
   * Counts so many bytes for the body, in place of what was counted for it before, until neither the request nor its handler
   * has it any more.
   *
   * @throws UnavailableError where they have no room
   */
  holdBody(bytes: number): void {
    if (this.isOver) return;
    this.#bodies.take(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }

  /** A client that is gone without a word is noticed by TCP's keep-alive, since no time limit ends the answer. */
  outlast(): void {
    this.outlasts = true;
    this.request.raw.socket.setKeepAlive(true, keepAliveMs);
  }

  /** Called once, when the answer is out or the client gone. */
  end(): void {
    this.isOver = true;
    if (this.#heldBytes === 0) return;
    const give = () => this.#bodies.give(this.#heldBytes);
    if (this.handling === undefined) give();
    else this.handling.then(give, give);
  }

  /** Aborted when the client leaves or the time for the request is up. Made when it is first asked for. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Registers what is called when the signal is aborted, or would be if anybody had asked for it; at once where it was. */
  onAbort(abortable: Abortable): void {
    this.#abortable = abortable;
    if (this.#reason) abortable.abort(this.#reason);
  }

  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
    this.#abortable?.abort(reason);
  }
}

/** A connection and its requests, of which it holds none while it is idle. */
interface Connection {
  readonly peer: Peer;
  /** The one that is being handled, or was last. */
  current: RequestLifecycle | undefined;
  /** Those that came while it was not over yet, with what has them handled. */
  readonly waiting: { lifecycle: RequestLifecycle; handle: () => void }[];
  /** The one that arrived last. */
  latest: RequestLifecycle | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    lifecycle: RequestLifecycle;
  }
}

export class OpenRequests {
  readonly #log: Telemetry['log'];
  readonly #metrics: Metrics;
  /** Of the lines of requests that health has answered as usual. */
  readonly #healthLevel: 'info' | 'debug';
  readonly #limits: TimeLimits;
  /** Not a Set: the tables that it leaves behind would keep whole requests alive (docs/decisions/0016-requests-die-young.md). */
  readonly #open: RequestLifecycle[] = [];
  readonly #connections = new WeakMap<Duplex, Connection>();
  readonly #bodies = new ByteLimit(maxHeldBytes, 'Too many requests with large bodies are under way.');
  readonly #timer: NodeJS.Timeout;
  #endListener: (() => void) | undefined;

  /** @param options.logHealth - as of the application */
  constructor({ log, metrics = noMetrics, logHealth = true }: Telemetry & { logHealth?: boolean }, limits: TimeLimits) {
    this.#log = log;
    this.#healthLevel = logHealth ? 'info' : 'debug';
    this.#metrics = metrics;
    this.#limits = limits;
    const interval = Math.min(maxCheckingIntervalMs, limits.requestMs / 4, limits.writeMs / 4);
    this.#timer = setInterval(() => this.#enforceLimits(), interval).unref();
  }

  /**
   * Takes up a request as it arrives, gives its answer the request's id, and has it handled when those before it on its
   * connection are over: one after another, as RFC 9112 (section 9.3.2) asks for all that are not safe. Where too many wait
   * for that already it is answered 503; Node reads no further on a connection on which answers pile up.
   */
  begin(request: FastifyRequest, reply: FastifyReply, handle: () => void): void {
    const connection = this.#connectionOf(request.raw.socket);
    const lifecycle = new RequestLifecycle(request, reply, connection, this.#bodies);
    request.lifecycle = lifecycle;
    lifecycle.place = this.#open.push(lifecycle) - 1;
    reply.header('x-request-id', request.id);
    this.#awaitEnd(lifecycle);
    connection.latest = lifecycle;
    if (connection.current?.isOver !== false) {
      connection.current = lifecycle;
      handle();
    } else if (connection.waiting.length < maxWaiting) {
      // Its time may be up while it waits.
      const handleInTime = () => {
        if (!reply.sent) handle();
      };
      connection.waiting.push({ lifecycle, handle: handleInTime });
    } else {
      this.#refuse(lifecycle, new UnavailableError('Too many requests wait on this connection.'));
    }
  }

  #connectionOf(socket: Socket): Connection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      // Its address cannot be asked for once it is closed.
      connection = { peer: readPeer(socket), current: undefined, waiting: [], latest: undefined };
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  /** The last request that arrived on a connection, while it is under way or has not arrived to its end. */
  latestOn(socket: Duplex): RequestLifecycle | undefined {
    return this.#connections.get(socket)?.latest;
  }

  /** Does this when the turn of the request has come, in place of handling it; at once where it has. */
  replaceHandling(lifecycle: RequestLifecycle, handle: () => void): void {
    const place = lifecycle.connection.waiting.find((waiting) => waiting.lifecycle === lifecycle);
    if (place === undefined) handle();
    else place.handle = handle;
  }

  /** How many requests have arrived whose answers are not out yet. */
  get open(): number {
    return this.#open.length;
  }

  /** From now on, `listener` is called whenever an answer is out or its client is gone. */
  onEnd(listener: () => void): void {
    this.#endListener = listener;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Not left to the application's error handler: a request whose URL is malformed has none. */
  #refuse({ request, reply }: RequestLifecycle, error: UnavailableError): void {
    sendProblem(this.#log, error, request, reply);
  }

  /** In a function of its own: listeners keep all that those beside them use. */
  #awaitEnd(lifecycle: RequestLifecycle): void {
    lifecycle.reply.raw.on('close', () => this.#end(lifecycle));
  }

  #end(lifecycle: RequestLifecycle): void {
    const { request, reply, connection, arrivedAt } = lifecycle;
    lifecycle.end();
    this.#remove(lifecycle);
    this.#handleNext(connection, request.raw.socket);
    const seconds = (performance.now() - arrivedAt) / 1_000;
    const status = reply.raw.writableFinished ? reply.raw.statusCode : undefined;
    const { route, operationId } = request.routeOptions.config;
    // What is followed for hours was not long in coming.
    const measured = lifecycle.outlasts ? ((lifecycle.answeredAt ?? arrivedAt) - arrivedAt) / 1_000 : seconds;
    this.#metrics.requestEnded({ method: request.method, route, status, seconds: measured });
    const isHealth = operationId === 'GetHealth' && status === 200;
    const level = isHealth ? this.#healthLevel : 'info';
    if (status === undefined) lifecycle.abort(new Error('the client left'));
    this.#log[level](fieldsOf(lifecycle, seconds, status), status === undefined ? 'request aborted' : 'request');
    this.#endListener?.();
  }

  #handleNext(connection: Connection, socket: Duplex): void {
    const { current, latest, waiting } = connection;
    if (!current?.isOver || !socket.writable) return;
    const next = waiting.shift();
    if (next !== undefined) {
      connection.current = next.lifecycle;
      next.handle();
    } else if (latest?.isOver && latest.request.raw.complete) {
      connection.current = connection.latest = undefined;
    }
  }

  /** The last of those that are open takes its place. */
  #remove(lifecycle: RequestLifecycle): void {
    const last = this.#open.pop()!;
    if (last !== lifecycle) this.#open[lifecycle.place] = last;
    last.place = lifecycle.place;
  }

  #enforceLimits(): void {
    const now = performance.now();
    for (const lifecycle of this.#open) {
      // No hook sees the answers to requests that Fastify itself refuses.
      if (lifecycle.reply.sent) lifecycle.answeredAt ??= now;
      const { request, reply, arrivedAt, answeredAt } = lifecycle;
      if (answeredAt !== undefined) {
        const waitsForItsTurn = reply.raw.socket === null && !request.raw.socket.destroyed;
        if (waitsForItsTurn) lifecycle.answeredAt = now;
        else if (!lifecycle.outlasts && now - answeredAt >= this.#limits.writeMs) reply.raw.destroy();
      } else if (now - arrivedAt >= this.#limits.requestMs && !reply.sent) {
        const timeIsUp = new UnavailableError('The time for the request is up.');
        lifecycle.abort(timeIsUp);
        this.#refuse(lifecycle, timeIsUp);
      }
    }
  }
}
