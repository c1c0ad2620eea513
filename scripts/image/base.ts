/**
 * A stand-in for the base image, for where none can be pulled: Debian by mmdebstrap, and the Node and npm of npm's
 * registry, under the base's name. It has what the Containerfile uses of the base, not its size.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buildah, describeImage } from './builder.ts';
import { runStep } from './step.ts';

const root = join(import.meta.dirname, '../..');
/** Debian's release in `node:24-slim`. */
const debianRelease = 'bookworm';
/** The last npm of the major version that comes with Node 24. */
const npmVersion = '11.21.2';
const contentLabel = 'stand-in-for-base';
const trust = '/etc/ssl/certs/ca-certificates.crt';

/** The one image that all stages start from, or other stages do; throws when there are several. */
export function readBase(containerfile: string): string {
  const stages = [...containerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gim)];
  const names = stages.map(([, , name]) => name);
  const bases = new Set(stages.map(([, base = '']) => base).filter((base) => !names.includes(base)));
  const [base] = bases;
  if (base === undefined || bases.size > 1) {
    throw new Error(`a stand-in is made for one base, and the Containerfile has ${[...bases].join(', ') || 'none'}`);
  }
  return base;
}

/** Makes the image of that name where it is not there yet, with this Node and npm in it. */
export async function ensureBase(base: string): Promise<void> {
  const content = `node ${readNodeVersion()}, npm ${npmVersion}, ${debianRelease}`;
  const known = await describeImage(base);
  if (known?.configuration.Labels?.[contentLabel] === content) return;
  const work = mkdtempSync(join(tmpdir(), 'image-base-'));
  try {
    const debian = await ensureDebian(work);
    const npm = join(work, 'npm');
    await runStep({
      name: 'install npm',
      seconds: 180,
      command: 'npm',
      commandLine: ['install', '--silent', '--global', '--prefix', npm, `npm@${npmVersion}`],
    });
    await assemble(base, content, { debian, modules: join(npm, 'lib/node_modules') });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function ensureDebian(work: string): Promise<string> {
  const archive = join(root, '.cache/image/debian.tar');
  if (existsSync(archive)) return archive;
  const made = join(work, 'debian.tar');
  await runStep({
    name: 'make Debian',
    seconds: 600,
    command: 'mmdebstrap',
    commandLine: ['--variant=minbase', '--include=ca-certificates', debianRelease, made],
  });
  await runStep({ name: 'keep Debian', seconds: 60, command: 'cp', commandLine: [made, `${archive}.part`] });
  renameSync(`${archive}.part`, archive);
  return archive;
}

async function assemble(base: string, content: string, from: { debian: string; modules: string }): Promise<void> {
  const container = (await buildah('begin the base', ['from', 'scratch'])).trim();
  const copy = (source: string, target: string) =>
    buildah(`put ${target} into the base`, ['add', '--quiet', container, source, target], 180);
  try {
    await copy(from.debian, '/');
    await copy(join(root, 'node_modules/node/bin/node'), '/usr/local/bin/node');
    await copy(from.modules, '/usr/local/lib/node_modules');
    // Whom this machine trusts, so that npm reaches the registry the same way.
    const certificates = process.env['NODE_EXTRA_CA_CERTS'] || trust;
    if (existsSync(certificates)) await copy(certificates, trust);
    const link = 'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm';
    const configure = `mkdir -p /usr/local/etc && echo cafile=${trust} >/usr/local/etc/npmrc`;
    await buildah('set up npm in the base', [
      ...['run', '--isolation', 'chroot', container, '--', 'sh', '-ec'],
      `${link}; ${configure}; node --version; npm --version`,
    ]);
    await buildah('label the base', ['config', '--label', `${contentLabel}=${content}`, container]);
    await buildah('name the base', ['commit', '--quiet', container, base], 180);
  } finally {
    await buildah('end the base', ['rm', container]);
  }
}

function readNodeVersion(): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string } | undefined>;
  };
  const version = lock.packages['node_modules/node']?.version;
  if (version === undefined) throw new Error('package-lock.json has no node');
  return version;
}
