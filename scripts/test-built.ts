/** `npm run test:built`: builds the service, and runs the tests of it as a whole against what was built. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const suites = ['test/process', 'test/e2e', 'test/faults/process', 'test/container-image'];

const given = process.argv.slice(2);
const runs: [script: string, ...commandLine: string[]][] = [
  ['build.ts'],
  ['test.ts', ...(given.length > 0 ? given : suites)],
];
for (const [script, ...commandLine] of runs) {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, script), ...commandLine], {
    stdio: 'inherit',
    env: { ...process.env, SP_TEST_BUILT: 'dist' },
  });
  process.exitCode = status ?? 1;
  if (status !== 0) break;
}
