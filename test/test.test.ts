import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const runner = join(import.meta.dirname, '../scripts/test.ts');

/** Not in one piece: this file sees none. */
const seesAnswers = ['support', 'http.ts'].join('/');

/** What a test file does: its first run leaves a mark, by which the second knows that it is one. */
const files = {
  'passes.test.mjs': 'totals(1, 0);',
  'fails.test.mjs': 'totals(1, 2);',
  'problems.test.mjs': `
    // ${seesAnswers}: the answer's problem
    console.log('form: ' + process.env.SP_TEST_PROBLEM_TYPES);
    process.env.SP_TEST_PROBLEM_TYPES === 'uris' ? totals(0, 1) : totals(1, 0);`,
  'flaky.test.mjs': `
    import { existsSync, writeFileSync } from 'node:fs';
    const mark = import.meta.filename + '.ran';
    const ranBefore = existsSync(mark);
    writeFileSync(mark, '');
    console.log(ranBefore ? 'second try' : 'first try');
    ranBefore ? totals(3, 0) : totals(2, 1);`,
};
const prelude = `
  function totals(pass, fail) {
    console.log(\`# { total: \${pass + fail}, pass: \${pass}, fail: \${fail} }\`);
    process.exitCode = fail > 0 ? 1 : 0;
  }`;

t.test('a file that fails is run again only when that is asked for', async (t) => {
  const once = await runFiles(['passes.test.mjs', 'flaky.test.mjs'], {});
  t.equal(once.code, 1);
  t.match(once.output, /^3 passed, 1 failed, 0 skipped$/m);
  t.notMatch(once.output, /second try/);
});

t.test('a file that passes when it is run again counts as passed, and is named with its failure', async (t) => {
  const { code, output } = await runFiles(['flaky.test.mjs', 'passes.test.mjs'], { SP_TEST_FLAKE_ATTEMPTS: '2' });
  t.equal(code, 0);
  t.match(output, /first try[^]*not ok - .*flaky\.test\.mjs[^]*ok - .*passes\.test\.mjs[^]*ok - .*flaky\.test\.mjs/);
  t.match(output, /^flaky, passed only when run again:\n.*flaky\.test\.mjs$/m);
  t.match(output, /^4 passed, 0 failed, 0 skipped$/m);
});

t.test('a file that fails each time fails the whole, and is counted once', async (t) => {
  const { code, output } = await runFiles(['fails.test.mjs', 'passes.test.mjs'], { SP_TEST_FLAKE_ATTEMPTS: '2' });
  t.equal(code, 1);
  t.match(output, /^2 passed, 2 failed, 0 skipped$/m);
  t.notMatch(output, /flaky/);
});

t.test('a file that looks at problem documents is run in both forms of them', async (t) => {
  const { code, output } = await runFiles(['passes.test.mjs', 'problems.test.mjs'], {});
  t.equal(code, 1);
  t.match(output, /^ok - .*problems\.test\.mjs #[^]*form: uris[^]*not ok - .*problems\.test\.mjs .*uris/m);
  t.match(output, /^2 passed, 1 failed, 0 skipped$/m);
  const one = await runFiles(['passes.test.mjs', 'problems.test.mjs'], { SP_TEST_PROBLEM_TYPES: 'names' });
  t.match(one.output, /^2 passed, 0 failed, 0 skipped$/m);
});

async function runFiles(names: (keyof typeof files)[], environment: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'test-runner-'));
  try {
    for (const name of names) await writeFile(join(folder, name), `${files[name]}\n${prelude}`);
    const paths = names.map((name) => join(folder, name));
    const { SP_TEST_PROBLEM_TYPES: _, ...inherited } = process.env;
    const env = { ...inherited, SP_TEST_FLAKE_ATTEMPTS: '1', ...environment };
    return await new Promise<{ code: number; output: string }>((resolve) => {
      const child = execFile(process.execPath, [runner, '--jobs=1', ...paths], { env }, (_error, stdout) =>
        resolve({ code: child.exitCode ?? -1, output: stdout }),
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
