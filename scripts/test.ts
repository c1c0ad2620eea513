/**
 * Runs the tests with tap and closes with a line that counts them. Arguments are tap's own: files, `--grep`, `--bail` and
 * the like. Of a file that passes one line is shown, of a file that fails everything.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const tap = join(import.meta.dirname, '../node_modules/.bin/tap');
const run = spawn(process.execPath, [tap, '--reporter=tap', ...process.argv.slice(2)], {
  stdio: ['inherit', 'pipe', 'inherit'],
});

/** What a file printed so far; its verdict stands behind it. */
let details: string[] = [];
const skipped: string[] = [];
let totals: string | undefined;

createInterface({ input: run.stdout }).on('line', (line) => {
  if (/^\s*ok .*# SKIP(?! filter:)/.test(line)) skipped.push(line.trim());
  if (/^# \{ total: /.test(line)) totals = line;
  if (/^(\s|# Subtest:)/.test(line)) {
    details.push(line);
  } else if (/^ok /.test(line)) {
    details = [];
    console.log(line);
  } else {
    for (const detail of details) console.log(detail);
    details = [];
    if (!/^(TAP version|1\.\.\d|$)/.test(line)) console.log(line);
  }
});

// A signal from the terminal reaches tap without our help, and tap then ends its tests; one sent to us alone does not.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => run.kill('SIGTERM'));
run.once('close', (code) => {
  for (const detail of details) console.log(detail);
  if (skipped.length > 0) console.log(`\nskipped:\n${skipped.join('\n')}`);
  console.log(`\n${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`);
  process.exitCode = totals === undefined ? code || 1 : (code ?? 1);
});

/** The number after a word of tap's totals, which leave out what is 0. */
function count(word: string): number {
  return Number(new RegExp(`${word}: (\\d+)`).exec(totals ?? '')?.[1] ?? 0);
}
