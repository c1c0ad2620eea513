/** Executables built with Go from a module of this repository, once, into a cache that all processes share. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { takeLock } from '../lock.ts';

const cacheFolder = join(import.meta.dirname, '..', '..', '.cache');
const buildTimeoutMs = 40 * 60_000;

export interface GoBuild {
  /** Its folder in the cache. */
  name: string;
  /** Folder with go.mod and go.sum. */
  moduleFolder: string;
  /** The module whose version, as go.mod has it, tells people what they have. */
  versionOf: string;
  /** Completes "building … with go1.26". */
  describe: (version: string) => string;
  /** Puts the executables into the folder. */
  build: (folder: string, version: string) => Promise<void>;
}

/**
 * The folder with the executables, built unless they are there; two processes do not build at once. A change of the
 * module is a new folder.
 *
 * @throws Error when Go is missing, or the build fails
 */
export async function buildOnce({ name, moduleFolder, versionOf, describe, build }: GoBuild): Promise<string> {
  const { version, digest } = await readModule(moduleFolder, versionOf);
  const folder = join(cacheFolder, name, `${version}-${digest}`);
  if (existsSync(folder)) return folder;
  const goVersion = execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: moduleFolder }).trim();
  await mkdir(join(cacheFolder, name), { recursive: true });
  await using _lock = await takeLock(`${folder}.lock`, buildTimeoutMs);
  if (existsSync(folder)) return folder;

  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    console.error(`building ${describe(version)} with ${goVersion}: some minutes, once`);
    const startedAt = Date.now();
    await build(unfinished, version);
    await rename(unfinished, folder);
    console.error(`built in ${Math.round((Date.now() - startedAt) / 1000)} s: ${folder}`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/**
 * `go build`, with what it says on standard error.
 *
 * @param target - the package: `.`, or the path of one that go.mod names
 * @param options - `variables` are set in the executable: `path/to/package.name` → value; `tags` are build tags
 */
export async function goBuild(
  moduleFolder: string,
  target: string,
  output: string,
  { variables = {}, tags = [] }: { variables?: Record<string, string>; tags?: readonly string[] } = {},
): Promise<void> {
  const settings = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
  const go = spawn(
    'go',
    ['build', '-trimpath', '-tags', tags.join(), '-ldflags', ['-s', '-w', ...settings].join(' '), '-o', output, target],
    {
      cwd: moduleFolder,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: buildTimeoutMs,
      env: { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false' },
    },
  );
  const progress = setInterval(() => console.error('still building…'), 60_000);
  const [code] = (await once(go, 'exit')) as [number | null];
  clearInterval(progress);
  if (code !== 0) throw new Error('go build failed: see its words above');
}

/** The version of a module in go.mod, and a digest of all that the executable depends on. */
async function readModule(folder: string, versionOf: string): Promise<{ version: string; digest: string }> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  let version = '';
  for (const file of (await readdir(folder)).sort()) {
    if (!file.endsWith('.go') && file !== 'go.mod' && file !== 'go.sum') continue;
    const content = await readFile(join(folder, file), 'utf8');
    hash.update(content);
    if (file !== 'go.mod') continue;
    const words = content.split(/\s+/);
    version = words.find((word, index) => words[index - 1] === versionOf && /^v\d/.test(word)) ?? '';
  }
  return { version, digest: hash.digest('hex').slice(0, 12) };
}
