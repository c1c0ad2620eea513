/** The test of a file is found by its path; what concerns no one file stands in a folder that CONTRIBUTING names. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const contributing = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const [, section = ''] = /^## Where tests are\n(.*?)^## /ms.exec(contributing) ?? [];
const folders = [...section.matchAll(/^\| `(test\/[^`]+)`/gm)].map(([, folder]) => folder!);
const tests = globSync('test/**/*.test.ts', { cwd: root, exclude: ['test/layout.test.ts'] });

t.test('a test is named like the file that it is of, or stands in a folder of behaviour', (t) => {
  const lost = tests.filter((test) => !folders.some((folder) => test.startsWith(`${folder}/`)) && !hasFile(test));
  t.strictSame(lost, [], 'no file of src/ or scripts/ has its path, and CONTRIBUTING names none of its folders');
  t.end();
});

t.test('each folder of behaviour has tests', (t) => {
  t.ok(folders.length > 0);
  t.strictSame(
    folders.filter((folder) => !tests.some((test) => test.startsWith(`${folder}/`))),
    [],
  );
  t.end();
});

function hasFile(test: string): boolean {
  const file = test.replace(/^test\//, '').replace(/\.test\.ts$/, '.ts');
  return ['src', 'scripts'].some((folder) => existsSync(join(root, folder, file)));
}
