/**
 * A bare Fastify, with a route that stringifies one object, one that leaves a line in a log as well, one for many objects, and
 * one that does not answer.
 */
import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fastify } from 'fastify';
import type { FastifyReply } from 'fastify';
import { pino } from 'pino';
import { createLogger } from '../../src/log/log.ts';
import { serveJobs } from './jobs.ts';

const jobs = { serve, processorMs, readMemory };
export type BaselineJobs = typeof jobs;
serveJobs(jobs);

/** Bytes that pino gathers before it writes, as its documentation advises for speed. */
const gatheredBytes = 4_096;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** Those that are not answered. */
const held: FastifyReply[] = [];

/**
 * @param logFile - where the lines of `/logged/:id` go
 * @returns the URL: `/one/:id` and `/logged/:id` give the first of the objects, `/many` all of them as a list does,
 *   `/held/:id` nothing
 */
async function serve({ objects, logFile }: { objects: readonly object[]; logFile: string }): Promise<string> {
  const app = fastify({ keepAliveTimeout: 3_600_000 });
  app.setSerializerCompiler(() => JSON.stringify);
  app.get('/one/:id', () => objects[0]);
  app.get('/many', () => ({ containers: objects }));
  const log = createLogger('info', pino.destination({ dest: logFile, sync: false, minLength: gatheredBytes }));
  app.get('/logged/:id', (request, reply) => {
    const arrivedAt = performance.now();
    reply.raw.on('close', () => {
      const durationMs = Math.round((performance.now() - arrivedAt) * 1_000) / 1_000;
      const { method, url: path } = request;
      log.info({ requestId: randomUUID(), method, path, durationMs, status: reply.statusCode }, 'request');
    });
    return reply.send(objects[0]);
  });
  app.get('/held/:id', (_request, reply) => {
    held.push(reply);
  });
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** @returns the processor time that this process has used so far */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** In bytes, after a garbage collection. */
function readMemory(): { heapUsed: number; residentMemory: number } {
  collectGarbage();
  const { heapUsed, rss: residentMemory } = process.memoryUsage();
  return { heapUsed, residentMemory };
}
