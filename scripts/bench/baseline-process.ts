/** A bare Fastify, with a route that stringifies one object and one that stringifies many. */
import { fastify } from 'fastify';
import { serveJobs } from './jobs.ts';

const jobs = { serve, processorMs };
export type BaselineJobs = typeof jobs;
serveJobs(jobs);

/** @returns the URL: `/one/:id` gives the first of the objects, `/many` all of them as a list does */
async function serve({ objects }: { objects: readonly object[] }): Promise<string> {
  const app = fastify();
  app.setSerializerCompiler(() => JSON.stringify);
  app.get('/one/:id', () => objects[0]);
  app.get('/many', () => ({ containers: objects }));
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** @returns the processor time that this process has used so far */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
