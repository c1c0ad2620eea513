/**
 * `npm run test:cluster`: the suites that need a real Kubernetes API server, against one control plane that is started
 * for them, or against the cluster of SP_TEST_KUBECONFIG. `-- --all` adds what takes long (SP_TEST_ALL=1: every fault,
 * the long soak); file names replace the list of suites; all other arguments go to tap.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { startControlPlane } from '../test/cluster/control-plane.ts';

const suites = ['test/conformance', 'test/e2e'];
/** These kill and stop processes, which only works on a control plane of our own. */
const suitesOnOwnProcesses = ['test/cluster', 'test/faults'];

const secondsPerFile = 900;

const given = process.argv.slice(2).filter((argument) => argument !== '--all');
const all = process.argv.includes('--all');
const options = given.filter((argument) => argument.startsWith('-'));
const namedFiles = given.filter((argument) => !argument.startsWith('-'));

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

async function main(): Promise<number> {
  await using controlPlane = await startControlPlane();
  const folders = controlPlane.isOwn ? [...suitesOnOwnProcesses, ...suites] : suites;
  if (!controlPlane.isOwn) console.error(`left out on a cluster that is not ours: ${suitesOnOwnProcesses.join(', ')}`);
  const files =
    namedFiles.length > 0 ? namedFiles : folders.flatMap((folder) => globSync(`${folder}/**/*.test.ts`)).sort();

  const { gitVersion } = JSON.parse(await controlPlane.api.text('/version')) as { gitVersion: string };
  console.log(`# Kubernetes ${gitVersion} at ${controlPlane.api.server}`);
  const { exitCode, summary } = await runTap(files, {
    SP_TEST_KUBECONFIG: controlPlane.kubeconfig,
    ...(all && { SP_TEST_ALL: '1' }),
  });
  controlPlane.check();
  if (!summary) throw new Error('tap ended without a summary');
  console.log(
    `${summary.pass ?? 0} passed, ${summary.fail ?? 0} failed, ${(summary.skip ?? 0) + (summary.todo ?? 0)} skipped`,
  );
  return exitCode;
}

type Summary = Partial<Record<'pass' | 'fail' | 'skip' | 'todo', number>>;

/** Runs the files, shows tap's output as it comes, and reads its closing line `# { total: 3, pass: 2, fail: 1 }`. */
async function runTap(
  files: string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ exitCode: number; summary?: Summary }> {
  const tap = spawn('tap', ['--disable-coverage', `--timeout=${secondsPerFile}`, ...options, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const interrupt = (signal: NodeJS.Signals): void => void tap.kill(signal);
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  let lastOutput = '';
  tap.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk);
    lastOutput = (lastOutput + chunk).slice(-4096);
  });
  const [code] = (await once(tap, 'close')) as [number | null];
  const line = /^# \{ total: \d+(.*)\}$/m.exec(lastOutput)?.[1];
  if (line === undefined) return { exitCode: code ?? 1 };
  const summary: Summary = {};
  for (const [, name, count] of line.matchAll(/(pass|fail|skip|todo): (\d+)/g))
    summary[name as keyof Summary] = Number(count);
  return { exitCode: code ?? 1, summary };
}
