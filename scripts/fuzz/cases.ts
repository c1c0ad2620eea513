/** Runs many cases, a few at a time, and reports each that fails with the way to run it again. */
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';

export interface CaseRun<Case> {
  /** Of the part, as `--only` knows it. */
  part: string;
  cases: fc.Arbitrary<Case>;
  count: number;
  seed: number;
  /** Only this one, by its number. */
  only?: number | undefined;
  /** How many run at a time. */
  parallel: number;
  /** What is wrong with how the provider treats the case; absent where nothing is. */
  findFault: (one: Case) => Promise<string | undefined>;
  describe: (one: Case) => string;
}

export interface CaseResult {
  passed: number;
  failed: number;
}

/** To notice, in milliseconds, which connections were closed while the cases were made, which nothing interrupts. */
const noticeMs = 100;
/** Further failures are counted only: mostly they are the same. */
const maxShown = 20;

export async function runCases<Case>(run: CaseRun<Case>): Promise<CaseResult> {
  const { part, seed, only, findFault, describe } = run;
  const count = only === undefined ? run.count : only + 1;
  const numbered = fc
    .sample(run.cases, { numRuns: count, seed })
    .entries()
    .drop(only ?? 0);
  await delay(noticeMs);
  const result: CaseResult = { passed: 0, failed: 0 };
  const work = async (): Promise<void> => {
    for (const [index, one] of numbered) {
      const fault = await findFault(one);
      if (fault === undefined) {
        result.passed++;
        continue;
      }
      result.failed++;
      if (result.failed > maxShown) continue;
      console.log(
        `not ok: ${fault}\n  ${describe(one)}\n  again: npm run fuzz -- --only ${part} --seed ${seed} --case ${index}`,
      );
    }
  };
  await Promise.all(Array.from({ length: run.parallel }, work));
  return result;
}
