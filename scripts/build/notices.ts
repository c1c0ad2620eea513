/** The licences of what is in the bundle. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/**
 * Name, version, licence and the text of the licence of every package that a file of the bundle comes from, or that is
 * named besides.
 */
export function formatNotices({ inputs }: Metafile, more: readonly string[]): string {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  const packages = [...new Set([...folders, ...more.map((name) => `node_modules/${name}`)])].sort();
  const notices = packages.map((folder) => {
    const { name, version, license } = readManifest(folder);
    const texts = globSync(`${folder}/{LICENSE,LICENCE,License,license,NOTICE,COPYING}*`, { cwd: root }).sort();
    const text = texts.map((file) => readFileSync(join(root, file), 'utf8').trim()).join('\n\n');
    return `${name} ${version}\n${license}\n\n${text}`.trim();
  });
  return `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

interface Manifest {
  name: string;
  version: string;
  license: string;
}

function readManifest(folder: string): Manifest {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Partial<Manifest>;
  const { name, version, license } = manifest;
  if (name === undefined || version === undefined || typeof license !== 'string') {
    throw new Error(`${folder}/package.json does not say what it is and under which licence`);
  }
  return { name, version, license };
}
