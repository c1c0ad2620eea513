/** What the module of image references that kubelets use says of them, built with Go from the folder of this file. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { buildOnce, goBuild } from '../go/build-once.ts';

const moduleFolder = import.meta.dirname;

/** Whether each is an image reference, in the same order. */
export async function imageReferenceVerdicts(references: readonly string[]): Promise<boolean[]> {
  const folder = await buildOnce({
    name: 'image-references',
    moduleFolder,
    versionOf: 'github.com/distribution/reference',
    describe: (version) => `distribution/reference ${version}`,
    build: (output) => goBuild(moduleFolder, '.', join(output, 'image-references')),
  });
  const child = spawn(join(folder, 'image-references'), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(references.map((reference) => `${JSON.stringify(reference.toWellFormed())}\n`).join(''));
  const verdicts = (await text(child.stdout)).split('\n').filter((line) => line !== '');
  if (verdicts.length !== references.length) throw new Error(`${verdicts.length} verdicts of ${references.length}`);
  return verdicts.map((verdict) => verdict === 'true');
}
