/**
 * `npm run test:watch`: whenever a file changes, runs the tests that are nearest to it by their imports, or the test files
 * that are named. Until Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, watch } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const folders = ['src', 'generated', 'scripts', 'test'];
/** Editors write a file in several steps, and tools many files. */
const gatherMs = 200;

const named = process.argv.slice(2);
const changed = new Set<string>();
let wake = Promise.withResolvers<undefined>();

for (const folder of folders) {
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    if (!name?.endsWith('.ts')) return;
    changed.add(join(folder, name));
    wake.resolve(undefined);
  });
}
if (named.length > 0) await runTests(named);
console.log('waiting for a change');
for (;;) {
  await wake.promise;
  await new Promise((resolve) => setTimeout(resolve, gatherMs));
  wake = Promise.withResolvers();
  const files = [...changed];
  changed.clear();
  const tests = named.length > 0 ? named : testsOf(files);
  console.log(`\n${files.join(', ')}: ${tests.length === 0 ? 'no test imports it' : tests.join(', ')}`);
  if (tests.length > 0) await runTests(tests);
}

async function runTests(tests: readonly string[]): Promise<void> {
  await once(spawn(process.execPath, [join(import.meta.dirname, 'test.ts'), ...tests], { stdio: 'inherit' }), 'close');
}

/** For each file itself, where it has tests, else the tests nearest to it: those that import it, or else its importers. */
function testsOf(files: readonly string[]): string[] {
  const importers = new Map<string, string[]>();
  for (const file of folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, path] of text.matchAll(/(?:from|import\(?) ?'(\.[^']+)'/g)) {
      const imported = relative(root, join(root, dirname(file), path!));
      importers.set(imported, [...(importers.get(imported) ?? []), file]);
    }
  }
  const tests = files.flatMap((file) => {
    const seen = new Set([file]);
    for (let level = [file]; level.length > 0;) {
      const found = level.filter((each) => each.endsWith('.test.ts'));
      if (found.length > 0) return found;
      level = level.flatMap((each) => importers.get(each) ?? []).filter((each) => !seen.has(each));
      for (const each of level) seen.add(each);
    }
    return [];
  });
  return [...new Set(tests)].sort();
}
