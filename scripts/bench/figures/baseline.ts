/** The bare server that reads are compared with. */
import { join } from 'node:path';
import type { BaselineJobs } from '../baseline-process.ts';
import { startWorker } from '../jobs.ts';

/** @returns its URL */
export async function startBaseline(stack: AsyncDisposableStack, objects: readonly object[]): Promise<string> {
  const worker = stack.use(startWorker<BaselineJobs>(join(import.meta.dirname, '../baseline-process.ts')));
  return worker.run('serve', { objects });
}
