/**
 * Loaded into a measured process before anything else (`node --import`): tells, over the unix socket that PROBE_SOCKET
 * names, what only the process itself knows. It keeps nothing alive.
 *
 * GET `/`: a `Reading`. GET `/collected`: the same after a garbage collection. DELETE `/delay`: starts the measurement of
 * the event loop's delay, or starts it anew; it costs a little, and is off until then.
 */
import type * as Http from 'node:http';
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Reading {
  /** Bytes. */
  residentMemory: number;
  /** Bytes. */
  heapUsed: number;
  /** Milliseconds of processor time since the start, in user and in kernel mode. */
  processorMs: number;
  /** Times that a thread has waited for something, and then was given a processor. */
  wakeUps: number;
  /** Longest time for which the event loop did not turn, since the measurement began, in milliseconds; 0 before. */
  longestDelayMs: number;
  /** What keeps the process alive, by kind. */
  resources: Record<string, number>;
}

// Imported, it would load all that Node has for `fetch` into the process that is measured.
const { createServer } = createRequire(import.meta.url)('node:http') as typeof Http;

const delayResolutionMs = 1;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });

const server = createServer((request, response) => {
  // The collection stops the process, which is not its own doing.
  if (request.url === '/collected') collectGarbage();
  if (request.method === 'DELETE') {
    delay.enable();
    delay.reset();
  }
  response.setHeader('connection', 'close').end(JSON.stringify(read()));
});
server.listen(process.env['PROBE_SOCKET']).unref();

function read(): Reading {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  return {
    residentMemory: rss,
    heapUsed,
    processorMs: (user + system) / 1_000,
    wakeUps: process.resourceUsage().voluntaryContextSwitches,
    longestDelayMs: Math.max(0, delay.max / 1e6 - delayResolutionMs),
    resources,
  };
}
