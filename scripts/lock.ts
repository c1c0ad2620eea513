/** A lock between processes of one machine: a file that names who holds it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits while another living process holds the lock; takes over a dead one's. Disposing gives it back.
 *
 * @param patienceMs - how long it waits, in milliseconds
 * @throws Error that names the holder, when that takes longer
 */
export async function takeLock(file: string, patienceMs: number): Promise<AsyncDisposable> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(file, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(file, { force: true });
    if (Date.now() > deadline) throw new Error(`process ${String(holder)} holds ${file} for too long`);
    await delay(500);
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
