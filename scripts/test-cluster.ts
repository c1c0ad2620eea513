/**
 * `npm run test:cluster`: the suites that need a real Kubernetes API server, against one control plane that is started
 * for them, or against the cluster of SP_TEST_KUBECONFIG. `-- --all` adds what takes long (SP_TEST_ALL=1: every fault,
 * the long soaks); `-- --soak=MINUTES` soaks three replicas alone, for so long; file names take the place of the suites;
 * all other arguments are those of `npm test`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { buildService } from './build/service.ts';
import { startControlPlane } from './cluster/control-plane.ts';
import type { ControlPlane } from './cluster/control-plane.ts';

const suites = ['test/conformance', 'test/deploy', 'test/e2e'];
/** These kill and stop processes, which only works on a control plane of our own, or start one with a real node. */
const suitesOnOwnProcesses = ['test/cluster', 'test/faults', 'test/node'];

/** What is soaked is the service as it ships. */
const builtFolder = '.cache/service';

/** On a control plane of its own, which it watches. */
const soak = { option: '--soak=', file: 'test/faults/replicas/soak.test.ts' };

const secondsPerFile = 1800;

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

async function main(): Promise<number> {
  const soakOption = process.argv.find((argument) => argument.startsWith(soak.option));
  if (soakOption !== undefined) return await runSoak(Number(soakOption.slice(soak.option.length)));

  await using controlPlane = await startControlPlane();
  const { gitVersion } = JSON.parse(await controlPlane.api.text('/version')) as { gitVersion: string };
  console.log(`Kubernetes ${gitVersion} at ${controlPlane.api.server}`);

  const given = process.argv.slice(2).filter((argument) => argument !== '--all');
  const namesFiles = given.some((argument) => !argument.startsWith('-'));
  const exitCode = await runTests([...given, ...(namesFiles ? [] : listFiles(controlPlane))], {
    SP_TEST_KUBECONFIG: controlPlane.kubeconfig,
    ...(process.argv.includes('--all') && { SP_TEST_ALL: '1' }),
  });
  controlPlane.check();
  return exitCode;
}

function listFiles({ isOwn }: ControlPlane): string[] {
  if (!isOwn) console.log(`left out, as the cluster is not ours: ${suitesOnOwnProcesses.join(', ')}`);
  const folders = isOwn ? [...suitesOnOwnProcesses, ...suites] : suites;
  return folders.flatMap((folder) => globSync(`${folder}/**/*.test.ts`).sort());
}

async function runSoak(minutes: number): Promise<number> {
  if (!(minutes > 0)) throw new Error(`${soak.option} takes a number of minutes`);
  const seconds = Math.ceil(minutes * 60);
  await buildService(join(import.meta.dirname, '..', builtFolder));
  return await runTests([`--timeout=${secondsPerFile + seconds}`, soak.file], {
    SP_TEST_ALL: '1',
    SP_TEST_BUILT: builtFolder,
    SP_TEST_SOAK_SECONDS: String(seconds),
  });
}

async function runTests(commandLine: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const runner = join(import.meta.dirname, 'test.ts');
  const child = spawn(process.execPath, [runner, `--timeout=${secondsPerFile}`, ...commandLine], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  // Ctrl-C in a terminal reaches the tests without our help; we go on until they have ended.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
