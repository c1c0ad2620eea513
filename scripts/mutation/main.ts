/**
 * `npm run mutate -- src/containers/status.ts [TEST…]`: changes the file in one small way after the other, runs tests
 * against each, and names the changes that none of them notices. The files themselves stay as they are.
 *
 * Without tests these are the ones below the folder in `test/` of the same name that load the file: first the one that is
 * named like it. `--lines=FROM-TO` takes the changes within these lines only. Those who look at `MUTANT` see which it is.
 */
import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { mutantsOf } from './mutants.ts';
import type { Mutant } from './mutants.ts';

/** A mutant that runs this many times as long as the unchanged file does is taken as noticed. */
const slowness = 10;
const leastMs = 20_000;
/** For a test of what is not changed. */
const unchangedMs = 120_000;

const root = join(import.meta.dirname, '../..');
const apply = pathToFileURL(join(import.meta.dirname, 'apply.ts')).href;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { lines: { type: 'string' } } });
const [file, ...named] = positionals;
if (file === undefined) throw new Error('which file?');

const text = readFileSync(file, 'utf8');
const url = pathToFileURL(resolve(file)).href;
const tests = named.length > 0 ? named : testsOf(file);
if (tests.length === 0) throw new Error(`no test below test/ in the place of ${file} loads it`);

const boundsMs = new Map<string, number>();
for (const test of tests) {
  const startedAt = performance.now();
  if (!(await passes(test, undefined))) throw new Error(`${test} fails as it is`);
  boundsMs.set(test, leastMs + slowness * (performance.now() - startedAt));
}

const [from = 1, to = Infinity] = values.lines?.split('-').map(Number) ?? [];
const mutants = mutantsOf(text).filter((mutant) => lineOf(mutant) >= from && lineOf(mutant) <= to);
console.log(`${file}: ${mutants.length} mutants, ${tests.join(', ')}`);
let survived = 0;
let line = from;
process.once('SIGTERM', () => {
  console.log(`ended at line ${line}, ${survived} survived so far`);
  process.exit(1);
});
for (const mutant of mutants) {
  line = lineOf(mutant);
  if (await isNoticed(mutant)) continue;
  survived += 1;
  console.log(describe(mutant));
}
console.log(`${mutants.length - survived} noticed, ${survived} survived`);
process.exitCode = survived > 0 ? 1 : 0;

async function isNoticed(mutant: Mutant): Promise<boolean> {
  for (const test of tests) if (!(await passes(test, mutant))) return true;
  return false;
}

async function passes(test: string, mutant: Mutant | undefined): Promise<boolean> {
  const change = mutant && { NODE_OPTIONS: `--import=${apply}`, MUTANT: JSON.stringify({ url, ...mutant }) };
  const child = spawn(process.execPath, [test], {
    stdio: 'ignore',
    env: { NODE_COMPILE_CACHE: join(root, '.cache/compile'), ...process.env, TAP_BAIL: '1', ...change },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), boundsMs.get(test) ?? unchangedMs);
  const code = await new Promise<number | null>((end) => child.once('exit', end));
  clearTimeout(timer);
  return code === 0;
}

/** The nearest in name first. */
function testsOf(path: string): string[] {
  const folder = dirname(path).replace(/^src/, 'test');
  const own = path.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts');
  const others = globSync(`${folder}/**/*.test.ts`).filter((test) => loads(resolve(test), new Set()));
  return others.sort((a, b) => Number(b === own) - Number(a === own) || (a < b ? -1 : 1));
}

function loads(path: string, seen: Set<string>): boolean {
  if (path === resolve(file!)) return true;
  if (seen.has(path)) return false;
  seen.add(path);
  const imports = readFileSync(path, 'utf8').matchAll(/^(?:import|export|\}) (?!type\b).*?from '(\.[^']+\.ts)'/gm);
  return imports.some(([, specifier]) => loads(join(dirname(path), specifier!), seen));
}

function lineOf({ start }: Mutant): number {
  return text.slice(0, start).split('\n').length;
}

/** Its line as it is, and as no test minds. */
function describe({ start, end, replacement }: Mutant): string {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = (text.indexOf('\n', end) + text.length + 1) % (text.length + 1);
  const before = text.slice(lineStart, lineEnd).trim();
  const after = (text.slice(lineStart, start) + replacement + text.slice(end, lineEnd)).trim();
  return `${file}:${lineOf({ start, end, replacement })}\n  - ${before.replaceAll('\n', '\n    ')}\n  + ${after.replaceAll('\n', '\n    ')}`;
}
