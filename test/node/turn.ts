/** A machine has one real node at a time, and files of tests run side by side. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { takeLock } from '../../scripts/lock.ts';

/** As long as all other files with a node may take together, in milliseconds. */
const patienceMs = 20 * 60_000;

/** Waits until no other file of tests has a node; this one may have some until all of its tests are over. */
export async function takeTurn(t: Pick<Test, 'teardown'>): Promise<void> {
  const turn = await takeLock(join(tmpdir(), 'tests-with-a-real-node.lock'), patienceMs);
  t.teardown(() => turn[Symbol.asyncDispose]());
}
