/**
 * `npm run bench`: what the service costs, each figure beside a baseline that is taken in the same run. It states; it
 * fails only when something breaks.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Reading } from './figure.ts';
import { figures } from './figures/figures.ts';
import { readOptions, usage } from './options.ts';
import type { BenchOptions } from './options.ts';
import { drawGrowth } from './plot.ts';
import { formatGrowth, formatTable, summarize } from './report.ts';
import { buildStage } from './stage.ts';

async function main(options: BenchOptions): Promise<void> {
  build();
  const startedAt = performance.now();
  await using stage = await buildStage(options);
  progress(`the cluster is ready after ${seconds(startedAt)}`);
  const readings: Reading[] = [];
  for (const name of options.only) {
    const begunAt = performance.now();
    await using stack = new AsyncDisposableStack();
    const { run } = await figures[name]!(stage, stack);
    for (let number = 0; number < options.runs; number++) readings.push(...(await run(number)));
    progress(`${name}: ${options.runs} runs in ${seconds(begunAt)}`);
  }
  const rows = summarize(readings);
  const setting = {
    target: options.cluster ? 'a real control plane' : 'the sandbox',
    containers: options.containers,
    runs: options.runs,
    node: process.version,
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  };
  console.log(
    `\n${Object.entries(setting)
      .map((pair) => pair.join(': '))
      .join(', ')}\n`,
  );
  console.log(formatTable(rows.filter(({ growth }) => growth === undefined)));
  if (options.only.includes('growth')) console.log(`\n${formatGrowth(rows)}`);
  if (options.plot !== undefined) await writeFile(options.plot, drawGrowth(rows));
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ setting, rows }, undefined, 2)}\n`);
}

/** The provider is measured as it ships: compiled. */
function build(): void {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, '../build.ts')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the service could not be built');
}

function progress(line: string): void {
  console.error(`# ${line}`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  console.error(`usage: ${usage}`);
  process.exitCode = 1;
}
