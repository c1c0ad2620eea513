/**
 * The requests that are under way: their time limits, signals and log lines. There is one listener a request and one timer
 * for all, because a timer, a signal and hooks of its own would make a read half as expensive again.
 */
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { UnavailableError } from '../containers/errors.ts';
import { RETRY_AFTER_SECONDS } from './problem.ts';

/** In milliseconds. */
export interface ExchangeLimits {
  /** From the arrival of the headers to the answer. */
  requestMs: number;
  /** From the answer to its last byte. */
  writeMs: number;
}

/** How often the limits are looked at, in milliseconds; short limits more often. */
const MAX_CHECKING_INTERVAL_MS = 250;

/** One request and its answer. */
export class Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly arrivedAt = performance.now();
  /** When the answer was given to the connection; absent before. */
  answeredAt: number | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.request = request;
    this.reply = reply;
  }

  /** Aborted when the client leaves or the time for the request is up. Made when it is first asked for. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
}

export class Exchanges {
  readonly #log: Logger;
  readonly #limits: ExchangeLimits;
  readonly #open = new Set<Exchange>();
  readonly #latest = new WeakMap<Duplex, Exchange>();
  readonly #timer: NodeJS.Timeout;
  #endListener: (() => void) | undefined;

  constructor(log: Logger, limits: ExchangeLimits) {
    this.#log = log;
    this.#limits = limits;
    const interval = Math.min(MAX_CHECKING_INTERVAL_MS, limits.requestMs / 4, limits.writeMs / 4);
    this.#timer = setInterval(() => this.#enforceLimits(), interval).unref();
  }

  /** Takes up a request as it arrives, and gives its answer the request's id. */
  begin(request: FastifyRequest, reply: FastifyReply): void {
    const exchange = new Exchange(request, reply);
    request.exchange = exchange;
    this.#open.add(exchange);
    this.#latest.set(request.raw.socket, exchange);
    reply.header('x-request-id', request.id);
    reply.raw.on('close', () => this.#end(exchange));
  }

  /** The last request that arrived on a connection, whether or not it is still under way. */
  latestOn(socket: Duplex): Exchange | undefined {
    return this.#latest.get(socket);
  }

  /** From now on, `listener` is called whenever an answer is out or its client is gone. */
  onEnd(listener: () => void): void {
    this.#endListener = listener;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #end(exchange: Exchange): void {
    const { request, reply, arrivedAt } = exchange;
    this.#open.delete(exchange);
    const fields = {
      requestId: request.id,
      method: request.method,
      path: pathOf(request.url),
      durationMs: Math.round((performance.now() - arrivedAt) * 1_000) / 1_000,
    };
    if (reply.raw.writableFinished) {
      this.#log.info({ ...fields, status: reply.raw.statusCode }, 'request');
    } else {
      exchange.abort(new Error('the client left'));
      this.#log.info({ ...fields, aborted: true }, 'request aborted');
    }
    this.#endListener?.();
  }

  #enforceLimits(): void {
    const now = performance.now();
    for (const exchange of this.#open) {
      const { reply, arrivedAt, answeredAt } = exchange;
      if (answeredAt !== undefined) {
        if (now - answeredAt >= this.#limits.writeMs) reply.raw.destroy();
      } else if (now - arrivedAt >= this.#limits.requestMs && !reply.sent) {
        const timeIsUp = new UnavailableError('The time for the request is up.', RETRY_AFTER_SECONDS);
        exchange.abort(timeIsUp);
        reply.send(timeIsUp);
      }
    }
  }
}

/** The path alone: the values of a query may be anybody's secret. */
function pathOf(url: string): string {
  const end = url.search(/[?#;]/);
  return end < 0 ? url : url.slice(0, end);
}
