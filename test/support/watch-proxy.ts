/** A proxy before an API server that is hard on watches alone: they hear late, are refused, or are cut. All else passes. */
import { once } from 'node:events';
import { createServer, Agent, request } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { createCertificate } from '../../scripts/sandbox/kubernetes/certificate.ts';

export interface WatchProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  url: string;
  /** PEM: who asks has to trust it. */
  certificate: string;
  /** How much later than it is sent watches hear what happens, in milliseconds; 0 at first. */
  delayMs: number;
  /** What new watches are asked to wait, in seconds, with a 429; absent: they are let through, as at first. */
  retryAfter: number | undefined;
  /** Resets the watches that are open: what they have not heard yet, they do not hear. */
  cutWatches(): void;
}

/** @param server - URL of the API server, on this machine */
export async function startWatchProxy(server: string): Promise<WatchProxy> {
  const { certificate, key } = await createCertificate();
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const watches = new Set<ServerResponse>();
  const proxy = { delayMs: 0, retryAfter: undefined as number | undefined };

  const carry = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const isWatch = /[?&]watch=true/.test(incoming.url ?? '');
    if (isWatch && proxy.retryAfter !== undefined) {
      refuse(answer, proxy.retryAfter);
      return;
    }
    const { method, headers, url = '/' } = incoming;
    const outgoing = request(new URL(url, server), { method, headers, agent, rejectUnauthorized: false });
    const fail = (): void => void answer.destroy();
    outgoing.on('error', fail);
    outgoing.on('response', (upstream) => {
      answer.writeHead(upstream.statusCode ?? 502, upstream.headers);
      upstream.on('error', fail);
      if (isWatch) void carryLate(upstream, answer);
      else upstream.pipe(answer);
    });
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  };

  /** In the order in which it came, however the delay changes. */
  const carryLate = async (upstream: IncomingMessage, answer: ServerResponse): Promise<void> => {
    watches.add(answer);
    answer.on('close', () => watches.delete(answer));
    answer.flushHeaders();
    let last = Promise.resolve();
    const later = (act: () => void): void => {
      const dueAt = performance.now() + proxy.delayMs;
      last = last.then(() => delay(Math.max(0, dueAt - performance.now()))).then(act);
    };
    upstream.on('data', (chunk: Buffer) => later(() => answer.write(chunk)));
    upstream.on('end', () => later(() => answer.end()));
    await once(upstream, 'close').catch(() => undefined);
  };

  const listener = createServer({ cert: certificate, key }, carry);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return Object.assign(proxy, {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    certificate,
    cutWatches(): void {
      for (const answer of watches) answer.destroy();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      listener.closeAllConnections();
      agent.destroy();
      if (listener.listening) await once(listener, 'close');
    },
  });
}

function refuse(answer: ServerResponse, retryAfter: number): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'TooManyRequests', code: 429 };
  answer.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(retryAfter) });
  answer.end(JSON.stringify(status));
}
