/**
 * `npm run test:cluster`: the suites that need a real Kubernetes API server, against one control plane that is started
 * for them, or against the cluster of SP_TEST_KUBECONFIG; those of NATS once more on the newest NATS server, as the one
 * that is installed may be years old. `-- --all` adds what takes long (SP_TEST_ALL=1: every fault, the long soaks);
 * `-- --soak=MINUTES` soaks three replicas alone, for so long; file names take the place of the suites, with
 * `--newest-nats` on the newest NATS server; all other arguments are those of `npm test`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { buildService } from './build/service.ts';
import { startControlPlane } from './cluster/control-plane.ts';
import type { ControlPlane } from './cluster/control-plane.ts';
import { findNewestNatsServer } from './nats/newest-server.ts';

const suites = ['test/conformance', 'test/deploy', 'test/e2e'];
/** These kill and stop processes, which only works on a control plane of our own, or start one with a real node. */
const suitesOnOwnProcesses = ['test/cluster', 'test/faults', 'test/node'];
/** Once more on the newest NATS server. */
const suitesOfNats = ['test/events', 'test/faults/nats', 'test/faults/replicas'];

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

  const given = process.argv.slice(2).filter((argument) => !['--all', '--newest-nats'].includes(argument));
  const namesFiles = given.some((argument) => !argument.startsWith('-'));
  const onNewestNats = process.argv.includes('--newest-nats');
  const environment = {
    SP_TEST_KUBECONFIG: controlPlane.kubeconfig,
    ...(process.argv.includes('--all') && { SP_TEST_ALL: '1' }),
  };
  const exitCodes: number[] = [];
  if (!onNewestNats) {
    exitCodes.push(await runTests([...given, ...(namesFiles ? [] : listFiles(controlPlane))], environment));
  }
  if (onNewestNats || !namesFiles) {
    const folders = suitesOfNats.filter((folder) => controlPlane.isOwn || !folder.startsWith('test/faults'));
    const files = namesFiles ? [] : folders.flatMap(filesOf);
    exitCodes.push(await runTests([...given, ...files], { ...environment, ...(await environmentOfNewestNats()) }));
  }
  controlPlane.check();
  return Math.max(...exitCodes);
}

function listFiles({ isOwn }: ControlPlane): string[] {
  if (!isOwn) console.log(`left out, as the cluster is not ours: ${suitesOnOwnProcesses.join(', ')}`);
  const folders = isOwn ? [...suitesOnOwnProcesses, ...suites] : suites;
  return folders.flatMap(filesOf);
}

function filesOf(folder: string): string[] {
  return globSync(`${folder}/**/*.test.ts`).sort();
}

/** Tests start the first `nats-server` in the PATH. */
async function environmentOfNewestNats(): Promise<{ PATH: string }> {
  const folder = await findNewestNatsServer();
  console.log(`with ${execFileSync(join(folder, 'nats-server'), ['--version'], { encoding: 'utf8' }).trim()}:`);
  return { PATH: [folder, process.env['PATH']].join(delimiter) };
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
