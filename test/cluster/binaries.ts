/** Finds the executables of a control plane: in KUBEBUILDER_ASSETS, else in our cache, else they are built with Go. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'kubectl',
] as const;

export type ComponentName = (typeof componentNames)[number];

/** Absolute path of each executable; kubectl is a help for people, and may be missing. */
export type Binaries = Record<Exclude<ComponentName, 'kubectl'>, string> & { kubectl?: string };

const moduleFolder = import.meta.dirname;
const cacheFolder = join(moduleFolder, '..', '..', '.cache', 'control-plane');
const buildTimeoutMs = 40 * 60_000;

/**
 * What stands in KUBEBUILDER_ASSETS is used; what is missing there (envtest has etcd, kube-apiserver and kubectl only)
 * is built from the Go module beside this file. Throws when something is missing and cannot be built, and says what to do.
 */
export async function findBinaries(assets = process.env['KUBEBUILDER_ASSETS']): Promise<Binaries> {
  const found = new Map<ComponentName, string>();
  if (assets) {
    for (const name of componentNames) {
      const path = join(assets, name);
      if (existsSync(path)) found.set(name, path);
    }
  }
  const missing = componentNames.filter((name) => !found.has(name) && name !== 'kubectl');
  if (missing.length > 0) {
    if (assets) console.error(`KUBEBUILDER_ASSETS has no ${missing.join(', ')}: taking our own`);
    const folder = await buildOnce(missing);
    for (const name of componentNames) if (!found.has(name)) found.set(name, join(folder, name));
  }
  return Object.fromEntries(found) as Binaries;
}

/** The folder with the executables, built unless they are there; two processes do not build at once. */
async function buildOnce(missing: readonly string[]): Promise<string> {
  const { kubernetesVersion, digest } = await readModule();
  const folder = join(cacheFolder, `${kubernetesVersion}-${digest}`);
  if (existsSync(folder)) return folder;
  const goVersion = readGoVersion(missing);
  await mkdir(cacheFolder, { recursive: true });
  await using _lock = await takeLock(`${folder}.lock`);
  if (existsSync(folder)) return folder;

  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    console.error(`building Kubernetes ${kubernetesVersion}, etcd and KWOK with ${goVersion}: about ten minutes, once`);
    const startedAt = Date.now();
    await build(join(unfinished, 'control-plane'), kubernetesVersion);
    for (const name of componentNames) await symlink('control-plane', join(unfinished, name));
    await rename(unfinished, folder);
    console.error(`built in ${Math.round((Date.now() - startedAt) / 1000)} s: ${folder}`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function readGoVersion(missing: readonly string[]): string {
  try {
    return execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: moduleFolder }).trim();
  } catch (error) {
    throw new Error(
      [
        `no cluster for the tests: ${missing.join(', ')} not found. Do one of these:`,
        '- set SP_TEST_KUBECONFIG to the kubeconfig of a cluster (kind, k3s, any), which the tests may then use;',
        '- set KUBEBUILDER_ASSETS to a folder that has these executables;',
        '- install Go 1.26 or newer: they are then built from their Go modules, once.',
      ].join('\n'),
      { cause: error },
    );
  }
}

/** The version of Kubernetes, and a digest of all that the executable depends on. */
async function readModule(): Promise<{ kubernetesVersion: string; digest: string }> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  let kubernetesVersion = '';
  for (const file of (await readdir(moduleFolder)).sort()) {
    if (!file.endsWith('.go') && file !== 'go.mod' && file !== 'go.sum') continue;
    const content = await readFile(join(moduleFolder, file), 'utf8');
    hash.update(content);
    if (file === 'go.mod') kubernetesVersion = /\sk8s\.io\/kubernetes (v\S+)/.exec(content)?.[1] ?? '';
  }
  return { kubernetesVersion, digest: hash.digest('hex').slice(0, 12) };
}

async function build(output: string, kubernetesVersion: string): Promise<void> {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.');
  const version = Object.entries({
    gitVersion: kubernetesVersion,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
  }).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const go = spawn('go', ['build', '-trimpath', '-ldflags', ['-s', '-w', ...version].join(' '), '-o', output, '.'], {
    cwd: moduleFolder,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: buildTimeoutMs,
    env: { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false' },
  });
  const progress = setInterval(() => console.error('still building…'), 60_000);
  const [code] = (await once(go, 'exit')) as [number | null];
  clearInterval(progress);
  if (code !== 0) throw new Error('go build failed: see its words above');
}

/** Waits, within the build's time, while another living process holds the lock; takes over a dead one's. */
async function takeLock(file: string): Promise<AsyncDisposable> {
  const deadline = Date.now() + buildTimeoutMs;
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(file, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(file, { force: true });
    if (Date.now() > deadline)
      throw new Error(`another process (${String(holder)}) builds for too long; its lock is ${file}`);
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
