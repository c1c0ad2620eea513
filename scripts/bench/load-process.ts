/** Makes load over HTTP and measures it: a fixed number of connections, each with one request at a time. */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { serveJobs } from './jobs.ts';

export interface LoadJob {
  /** Without a path. */
  url: string;
  /** Asked for in turn. */
  paths: readonly string[];
  connections: number;
  durationMs: number;
}

export interface LoadResult {
  /** Their number. */
  requests: number;
  /** Milliseconds from a request's first byte to its answer's last. */
  p50: number;
  p99: number;
  requestsPerSecond: number;
}

/** Requests that follow each other; the first that is not answered as it should be fails the job. */
export interface WriteStep {
  url: string;
  method: 'POST' | 'DELETE';
  headers: Record<string, string>;
  body?: string;
  status: number;
}

export interface WriteJob {
  /** Sequences of requests; within one each waits for the one before. */
  sequences: readonly (readonly WriteStep[])[];
  /** How many sequences are under way at a time. */
  concurrency: number;
  /** PEM; absent for plain HTTP. */
  ca?: string | undefined;
  /** PEM of the client's certificate and key; absent: none. */
  cert?: string | undefined;
  key?: string | undefined;
}

export interface WriteResult {
  /** Milliseconds for all. */
  totalMs: number;
  /** Milliseconds for one sequence. */
  p50: number;
  p99: number;
}

const jobs = { load, write };
export type LoadJobs = typeof jobs;
serveJobs(jobs);

/** Autocannon times in milliseconds with fractions, but keeps whole ones; the times of single answers are counted here. */
async function load({ url, paths, connections, durationMs }: LoadJob): Promise<LoadResult> {
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const requests = paths.map((path) => ({ path }));
  const finished = Promise.withResolvers<autocannon.Result>();
  const running = autocannon(
    { url, requests, connections, duration: durationMs / 1_000 },
    (error: Error | null, result) => (error ? finished.reject(error) : finished.resolve(result)),
  );
  running.on('response', (_client, _status, _bytes, milliseconds) =>
    histogram.record(Math.max(1, Math.round(milliseconds * 1e6))),
  );
  const startedAt = performance.now();
  const { errors, non2xx } = await finished.promise;
  const seconds = (performance.now() - startedAt) / 1_000;
  if (errors + non2xx > 0) throw new Error(`${url}: ${non2xx} answers were no success, ${errors} never came`);
  return {
    requests: histogram.count,
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    requestsPerSecond: histogram.count / seconds,
  };
}

async function write({ sequences, concurrency, ca, cert, key }: WriteJob): Promise<WriteResult> {
  const agent = new Agent({
    connections: 64,
    pipelining: 1,
    connect: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  });
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const waiting = sequences.values();
  // A connection is not opened within the measurement.
  await Promise.all(Array.from({ length: concurrency }, () => open(agent, sequences[0]?.[0]?.url)));
  const startedAt = performance.now();
  const run = async (): Promise<void> => {
    for (const sequence of waiting) {
      const sentAt = performance.now();
      for (const step of sequence) await send(agent, step);
      histogram.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, run));
  const totalMs = performance.now() - startedAt;
  await agent.close();
  return { totalMs, p50: histogram.percentile(50) / 1e6, p99: histogram.percentile(99) / 1e6 };
}

async function open(agent: Agent, url: string | undefined): Promise<void> {
  if (url === undefined) return;
  const { body } = await agent.request({ origin: new URL(url).origin, path: '/version', method: 'GET' });
  await body.dump();
}

async function send(agent: Agent, { url, method, headers, body, status }: WriteStep): Promise<void> {
  const { origin, pathname, search } = new URL(url);
  const request: Dispatcher.RequestOptions = { origin, path: pathname + search, method, headers, body: body ?? null };
  const response = await agent.request(request);
  const text = await response.body.text();
  if (response.statusCode !== status)
    throw new Error(`${method} ${url} was answered ${response.statusCode}: ${text.slice(0, 500)}`);
}
