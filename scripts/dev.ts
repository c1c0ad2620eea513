/** Runs the service from its sources, with a log for people. Configured by the environment, as the built service is. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import pretty from 'pino-pretty';

import { untilNpmEnds } from './parents.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const service = spawn(process.execPath, [main], { stdio: ['inherit', 'pipe', 'inherit'] });

// The service decides how it ends. A signal from the terminal reaches it without our help; one sent to us alone does not.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => service.kill('SIGTERM'));
void untilNpmEnds().then(() => service.kill('SIGTERM'));
service.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
await pipeline(service.stdout, pretty({ colorize: process.stdout.isTTY, sync: true }));
