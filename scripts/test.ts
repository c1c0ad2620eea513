/**
 * `npm test`: runs test files, each with Node alone, and closes with a line that counts the tests. Without arguments that
 * is every file that package.json names for tap, with the service built once, as it ships, for all tests of its process;
 * else the files and folders that are given, with the service as its sources are. Of a file that passes one line is shown,
 * of a file that fails everything.
 *
 * `--grep=PATTERN` runs the tests with that in their names, `--bail` ends a file at its first failure, `--timeout=SECONDS`
 * bounds a file, and `--jobs=N` runs so many at a time. Coverage is `npm run test:coverage`, by tap.
 *
 * A file that looks at problem documents is run in both forms of them, one after the other; SP_TEST_PROBLEM_TYPES=names or
 * uris runs all files in that form alone.
 *
 * With SP_TEST_FLAKE_ATTEMPTS=2 a file that failed is run once more, by itself after all others; one that passes then
 * counts as passed, with the output of its failure above, and is named as flaky at the end.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

interface Run {
  /** As it is shown. */
  name: string;
  file: string;
  /** The form of problem documents that providers serve. */
  problemTypes: string;
}

interface Outcome {
  name: string;
  output: string;
  code: number | null;
  milliseconds: number;
}

const root = join(import.meta.dirname, '..');
const { tap } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  tap: { include: string[]; exclude: string[]; timeout: number; jobs: number };
};
/** Past its own time-out a file that does not end by itself is killed. */
const graceMs = 10_000;
const builtFolder = '.cache/service';
/** Of Node: most of what a file costs is the start of processes that load the same again. */
const compileCache = join(root, '.cache/compile');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grep: { type: 'string', multiple: true },
    bail: { type: 'boolean', default: false },
    timeout: { type: 'string', default: String(tap.timeout) },
    // For those who are used to it: there is none here.
    'disable-coverage': { type: 'boolean' },
    jobs: { type: 'string', default: String(tap.jobs) },
  },
});

const running = new Set<ChildProcess>();
const counts = { pass: 0, fail: 0, skip: 0 };
const skipped: string[] = [];
const flaky: string[] = [];
const interruption = new AbortController();

// A signal from the terminal reaches the tests without our help; one sent to us alone does not.
process.on('SIGINT', () => interruption.abort());
process.on('SIGTERM', () => {
  interruption.abort();
  for (const child of running) child.kill('SIGTERM');
});

/** Tests see answers of the service by these, and look at what problem documents tell by those. */
const seesAnswers = /support\/(?:http|system|provider)\.ts|contract\/conformance\.ts/;
const looksAtProblems = /\bproblem\b|\berrors?\b(?!\()|\bfindFault\b/;

const files =
  positionals.length > 0 ? positionals.flatMap(filesIn) : globSync(tap.include, { exclude: tap.exclude }).sort();
if (files.length === 0) throw new Error(`there are no tests in ${positionals.join(', ')}`);
const built = process.env['SP_TEST_BUILT'] ?? (positionals.length > 0 ? undefined : await build());
const maxAttempts = Number(process.env['SP_TEST_FLAKE_ATTEMPTS'] ?? 1);
let failedRuns = await runAll(files.flatMap(runsOf), { jobs: Number(values.jobs), isLast: maxAttempts <= 1 });
for (let attempt = 2; attempt <= maxAttempts && failedRuns.length > 0; attempt++) {
  const again = failedRuns;
  console.log(`\nonce more, one at a time: ${again.map(({ name }) => name).join(', ')}`);
  failedRuns = await runAll(again, { jobs: 1, isLast: attempt === maxAttempts });
  flaky.push(...again.filter((each) => !failedRuns.includes(each)).map(({ name }) => name));
}
if (flaky.length > 0) console.log(`\nflaky, passed only when run again:\n${flaky.join('\n')}`);
if (skipped.length > 0) console.log(`\nskipped:\n${skipped.join('\n')}`);
console.log(`\n${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`);
process.exitCode = counts.fail > 0 || interruption.signal.aborted ? 1 : 0;

function filesIn(path: string): string[] {
  return statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`).sort() : [path];
}

function runsOf(file: string): Run[] {
  const chosen = process.env['SP_TEST_PROBLEM_TYPES'];
  if (chosen !== undefined) return [{ name: file, file, problemTypes: chosen }];
  const text = readFileSync(file, 'utf8');
  const inNames = { name: file, file, problemTypes: 'names' };
  if (!seesAnswers.test(text) || !looksAtProblems.test(text)) return [inNames];
  return [inNames, { name: `${file} (types of problems: uris)`, file, problemTypes: 'uris' }];
}

/** @returns those that failed; only those of the last attempt count as failed */
async function runAll(all: readonly Run[], { jobs, isLast }: { jobs: number; isLast: boolean }): Promise<Run[]> {
  const queue = all.values();
  const failures: Run[] = [];
  const work = async (): Promise<void> => {
    for (const each of queue) {
      if (interruption.signal.aborted) return;
      if (!report(await run(each), { isLast })) failures.push(each);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failures;
}

async function build(): Promise<string> {
  const { buildService } = await import('./build/service.ts');
  await buildService(join(root, builtFolder));
  return builtFolder;
}

async function run({ name, file, problemTypes }: Run): Promise<Outcome> {
  const { grep, bail, timeout } = values;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      NODE_COMPILE_CACHE: compileCache,
      ...process.env,
      SP_TEST_PROBLEM_TYPES: problemTypes,
      ...(built !== undefined && { SP_TEST_BUILT: built }),
      TAP_TIMEOUT: timeout,
      TAP_BAIL: bail ? '1' : '0',
      ...(grep && { TAP_GREP: grep.join('\n') }),
    },
  });
  running.add(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), Number(timeout) * 1_000 + graceMs);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  running.delete(child);
  return { name, output, code, milliseconds: performance.now() - startedAt };
}

/** Whether the file passed. What failed and is to be run again is shown, but not counted. */
function report({ name, output, code, milliseconds }: Outcome, { isLast }: { isLast: boolean }): boolean {
  const totals = /^# \{ total: .*\}$/m.exec(output)?.[0];
  const failures = count(totals, 'fail');
  const failed = failures > 0 || code !== 0 || totals === undefined;
  if (failed) console.log(output);
  console.log(`${failed ? 'not ok' : 'ok'} - ${name} # time=${milliseconds.toFixed(0)}ms`);
  if (failed && !isLast && !interruption.signal.aborted) return false;
  counts.pass += count(totals, 'pass');
  counts.fail += failed ? Math.max(1, failures) : 0;
  counts.skip += count(totals, 'skip');
  skipped.push(...(output.match(/^\s*ok .*# SKIP(?! filter:).*$/gm) ?? []).map((line) => line.trim()));
  return !failed;
}

/** The number after a word of tap's totals, which leave out what is 0. */
function count(totals: string | undefined, word: string): number {
  return Number(new RegExp(`${word}: (\\d+)`).exec(totals ?? '')?.[1] ?? 0);
}
