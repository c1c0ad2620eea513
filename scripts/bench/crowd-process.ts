/** Many clients at once: connections on which nothing happens, clients that create, and one that polls the health. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { serveJobs } from './jobs.ts';

export interface CreatingJob {
  /** Of the list of containers. */
  url: string;
  /** Each on a connection of its own, with one request at a time. */
  clients: number;
  durationMs: number;
  /** Of the ids. */
  prefix: string;
  body: string;
}

/** Ids by what became of their creates. */
export interface CreatingResult {
  created: string[];
  /** 503 with `Retry-After`, which the client honours. */
  refused: string[];
  /** All else, in words; it should be empty. */
  failed: string[];
  /** Milliseconds of those that were created. */
  p50: number;
}

export interface PollingResult {
  polls: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  p100: number;
  /** How many answers were not `healthy`. */
  unhealthy: number;
}

const jobs = { holdIdle, countIdle, askOnIdle, create, poll };
export type CrowdJobs = typeof jobs;
serveJobs(jobs);

const idle = new Set<Socket>();
const openingAtOnce = 100;
const pollEveryMs = 10;

/** Opens connections, each of which has had an answer, and keeps them. */
async function holdIdle({ url, count }: { url: string; count: number }): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const numbers = Array(count).keys();
  const open = async (): Promise<void> => {
    for (const _ of numbers) {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('error', () => undefined).once('close', () => idle.delete(socket));
      await once(socket, 'connect');
      socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
      await once(socket, 'data');
      idle.add(socket);
    }
  };
  await Promise.all(Array.from({ length: openingAtOnce }, open));
}

/** How many of them are open still. */
function countIdle(): number {
  return idle.size;
}

/** Sends one request on each of them, and does not wait for the answers. */
async function askOnIdle({ url }: { url: string }): Promise<void> {
  const { hostname, pathname, search } = new URL(url);
  const text = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  await Promise.all(Array.from(idle, (socket) => new Promise<void>((sent) => socket.write(text, () => sent()))));
}

async function create({ url, clients, durationMs, prefix, body }: CreatingJob): Promise<CreatingResult> {
  const { origin, pathname } = new URL(url);
  const until = performance.now() + durationMs;
  const result: Omit<CreatingResult, 'p50'> = { created: [], refused: [], failed: [] };
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const run = async (number: number): Promise<void> => {
    const client = new Client(origin, { headersTimeout: 60_000 });
    for (let turn = 0; performance.now() < until; turn++) {
      const id = `${prefix}-${number}-${turn}`;
      const sentAt = performance.now();
      const headers = { 'content-type': 'application/json' };
      const response = await client
        .request({ path: `${pathname}?id=${id}`, method: 'POST', headers, body })
        .catch((error: unknown) => void result.failed.push(`${id}: no answer: ${String(error)}`));
      if (response === undefined) continue;
      const text = await response.body.text();
      const retryAfter = Number(response.headers['retry-after']);
      if (response.statusCode === 201) {
        histogram.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
        result.created.push(id);
      } else if (response.statusCode === 503 && retryAfter > 0) {
        result.refused.push(id);
        await delay(Math.min(retryAfter * 1_000, Math.max(0, until - performance.now())));
      } else {
        result.failed.push(`${id}: ${response.statusCode} ${text}`);
      }
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => run(number)));
  return { ...result, p50: histogram.percentile(50) / 1e6 };
}

async function poll({ url, durationMs }: { url: string; durationMs: number }): Promise<PollingResult> {
  const { origin, pathname } = new URL(url);
  const client = new Client(origin);
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const until = performance.now() + durationMs;
  let unhealthy = 0;
  while (performance.now() < until) {
    const sentAt = performance.now();
    const { body } = await client.request({ path: pathname, method: 'GET' });
    const { status } = (await body.json()) as { status: string };
    histogram.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
    if (status !== 'healthy') unhealthy++;
    await delay(pollEveryMs);
  }
  await client.close();
  return {
    polls: histogram.count,
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    p100: histogram.max / 1e6,
    unhealthy,
  };
}
