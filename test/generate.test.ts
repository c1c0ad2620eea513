/** The generator: what it makes is committed, it makes the same every time, and it notices when that is not so. */
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageFile } from '../src/http/contract/document.ts';

async function copyOfPackage(): Promise<AsyncDisposable & { root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'generate-'));
  for (const folder of ['openapi', 'generated']) await cp(packageFile(folder), join(root, folder), { recursive: true });
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

function generate(...options: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [packageFile('scripts/generate.ts'), ...options], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

t.test('what is committed is what the documents make', async (t) => {
  t.same(await generate('--check'), { code: 0, output: '' });
});

t.test(
  'the check names a file that was edited, one that is missing and one too many, and changes nothing',
  async (t) => {
    await using copy = await copyOfPackage();
    const folder = join(copy.root, 'generated');
    await appendFile(join(folder, 'api.ts'), 'export const edited = true;\n');
    await rm(join(folder, 'routes.ts'));
    await writeFile(join(folder, 'extra.ts'), '');

    const { code, output } = await generate('--check', copy.root);
    t.equal(code, 1);
    t.match(output, /^generated\/api\.ts is not/m);
    t.match(output, /^generated\/routes\.ts is not/m);
    t.match(output, /^generated\/extra\.ts is not/m);
    t.notMatch(output, /client\.ts|dcm-registry\.ts/);
    t.same((await readdir(folder)).sort(), ['api.ts', 'client.ts', 'dcm-registry.ts', 'extra.ts']);
  },
);

t.test('the check names the files that a changed document would change', async (t) => {
  await using copy = await copyOfPackage();
  const path = join(copy.root, 'openapi/openapi.yaml');
  await writeFile(
    path,
    (await readFile(path, 'utf8')).replace('operationId: GetHealth', 'operationId: GetHealthStatus'),
  );
  const { code, output } = await generate('--check', copy.root);
  t.equal(code, 1);
  t.match(output, /generated\/api\.ts/);
  t.match(output, /generated\/routes\.ts/);
});

t.test('generating makes the same files from nothing, and removes those that are none of its own', async (t) => {
  await using copy = await copyOfPackage();
  const folder = join(copy.root, 'generated');
  await rm(folder, { recursive: true });
  await generate(copy.root);
  const names = (await readdir(folder)).sort();
  t.same(names, (await readdir(packageFile('generated'))).sort());
  for (const name of names) {
    const made = await readFile(join(folder, name), 'utf8');
    t.equal(made, await readFile(packageFile(join('generated', name)), 'utf8'), name);
    t.match(made, /npm run generate/);
  }
  await writeFile(join(folder, 'extra.ts'), '');
  await generate(copy.root);
  t.same((await readdir(folder)).sort(), names);
});
