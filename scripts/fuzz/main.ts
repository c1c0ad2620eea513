/**
 * `npm run fuzz`: requests that a client, a proxy or an attacker gets wrong, against a provider in a process of its own
 * on a sandboxed cluster. Afterwards it must serve as before, and neither its memory nor its log may tell what passed.
 */
import type { Reading } from '../bench/probe.ts';
import { brokenRequests, canaryId } from './broken-http.ts';
import { runCases } from './cases.ts';
import { nearValidRequests } from './near-valid.ts';
import { readOptions, usage } from './options.ts';
import type { FuzzOptions, Part } from './options.ts';
import * as rawSockets from './raw-sockets.ts';
import { runSchemathesis } from './schemathesis.ts';
import { startTarget } from './target.ts';
import type { FuzzTarget } from './target.ts';
import * as visits from './visit.ts';

/** Shares of the requests; a near-valid request that makes a container brings four more with it. */
const schemathesisShare = 0.6;
const minBrokenRequests = 1_000;
/** So many near-valid requests meet a cluster that fails: what is logged then must be free of secrets as well. */
const maxUnderFaults = 500;

/** What may be kept for good: what V8 compiles and caches on its way, and the pool of connections to the cluster. */
const maxHeapGrowth = 25 * 1024 * 1024;
const maxFileGrowth = 80;

const totals = { passed: 0, failed: 0, skipped: 0 };

async function main(options: FuzzOptions): Promise<void> {
  console.log(`seed ${options.seed}: npm run fuzz -- --requests ${options.requests} --seed ${options.seed}`);
  await using target = await startTarget();
  if (options.case === undefined) await warmUp(target);
  const before = await measure(target);
  for (const part of options.only) {
    console.log(`\n# ${part}`);
    const startedAt = performance.now();
    const { passed, failed } = await runners[part](target, options);
    totals.passed += passed;
    totals.failed += failed;
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.log(`${part}: ${passed} passed, ${failed} failed, in ${seconds} s`);
  }
  console.log('\n# afterwards');
  await checkAfterwards(target, before);
}

type Runner = (target: FuzzTarget, options: FuzzOptions) => Promise<{ passed: number; failed: number }>;

const runners: Record<Part, Runner> = {
  async schemathesis({ provider: { url }, secret }, { requests, seed }) {
    const count = Math.ceil(requests * schemathesisShare);
    const result = await runSchemathesis({ url, requests: count, seed, secret });
    return { passed: result.requests - result.failures, failed: result.failures };
  },

  async 'near-valid'(target, { requests, seed, case: only }) {
    const count = Math.ceil(requests * (1 - schemathesisShare));
    const result = await runNearValid(target, { count, seed, only });
    if (only !== undefined) return result;
    using _faults = failNowAndThen(target);
    const underFaults = await runNearValid(target, { count: Math.min(count, maxUnderFaults), seed, underFaults: true });
    return { passed: result.passed + underFaults.passed, failed: result.failed + underFaults.failed };
  },

  async 'broken-http'({ provider: { url, port } }, { requests, seed, case: only }) {
    const target = { host: '127.0.0.1', port, patienceMs: 20_000 };
    await createCanary(url);
    const result = await runCases({
      part: 'broken-http',
      cases: brokenRequests,
      count: Math.max(minBrokenRequests, Math.ceil(requests / 5)),
      seed,
      only,
      parallel: 100,
      findFault: (broken) => rawSockets.findFault(target, broken),
      describe: rawSockets.describeRequest,
    });
    const canary = await fetch(`${url}/api/v1alpha1/containers/${canaryId}`);
    check(canary.status === 200, 'no smuggled request was carried out');
    return result;
  },
};

function runNearValid(
  { provider: { url }, kubernetes: { objects }, secret }: FuzzTarget,
  {
    count,
    seed,
    only,
    underFaults = false,
  }: { count: number; seed: number; only?: number | undefined; underFaults?: boolean },
): Promise<{ passed: number; failed: number }> {
  const objectsOf = (id: string): string[] =>
    ['deployments', 'services'].flatMap((kind) =>
      objects
        .list(kind, 'default')
        .filter(({ metadata }) => metadata.labels?.['dcm.project/dcm-instance-id'] === id)
        .map(({ metadata }) => `${kind}/${metadata.name}`),
    );
  return runCases({
    part: 'near-valid',
    cases: nearValidRequests(secret),
    count,
    seed,
    only,
    parallel: 8,
    findFault: (request) => visits.findFault(url, request, { underFaults, objectsOf }),
    describe: visits.describeRequest,
  });
}

/** Some of the cluster's answers are refusals, and some are lost. */
function failNowAndThen({ kubernetes: { faults } }: FuzzTarget): Disposable {
  const writes = { verb: ['create', 'delete'] as const };
  const switched = new DisposableStack();
  for (const code of [400, 403, 422, 429, 500, 503]) switched.use(faults.refuse({ code }, { ...writes, times: 30 }));
  switched.use(faults.drop({ ...writes, times: 30 }));
  switched.use(faults.dropAnswer({ ...writes, times: 30 }));
  return switched;
}

async function createCanary(url: string): Promise<void> {
  const spec = {
    service_type: 'container',
    metadata: { name: canaryId },
    image: { reference: 'registry.example/canary:1' },
    resources: { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } },
  };
  const { status } = await fetch(`${url}/api/v1alpha1/containers?id=${canaryId}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ spec }),
  });
  if (status !== 201) throw new Error(`the first container was answered ${status}`);
}

/** So that what grows once, and never again, has grown. */
async function warmUp(target: FuzzTarget): Promise<void> {
  await runNearValid(target, { count: 300, seed: 0 });
}

interface Measurement extends Reading {
  openFiles: number;
}

async function measure({ provider }: FuzzTarget): Promise<Measurement> {
  const reading = await provider.read({ collect: true });
  return { ...reading, openFiles: await provider.openFiles() };
}

async function checkAfterwards(target: FuzzTarget, before: Measurement): Promise<void> {
  const { provider, secret } = target;
  const health = await fetch(`${provider.url}/api/v1alpha1/containers/health`).catch(() => undefined);
  check(health?.status === 200, 'the provider serves');
  await deleteAll(target);
  await settled(target, before);
  const after = await measure(target);
  const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  const memory = `${megabytes(before.heapUsed)} before, ${megabytes(after.heapUsed)} after`;
  check(after.heapUsed - before.heapUsed < maxHeapGrowth, `the heap has not grown: ${memory}`);
  const files = `${before.openFiles} before, ${after.openFiles} after`;
  check(after.openFiles - before.openFiles < maxFileGrowth, `the open files have not grown: ${files}`);
  check((await provider.stop()) === 0, 'the provider stops gracefully');
  const output = await provider.output();
  check(output.includes('"msg":"request"'), 'the log tells of requests');
  const line = output.split('\n').find((text) => text.includes(secret));
  check(line === undefined, `the log holds no secret${line === undefined ? '' : `: ${line.slice(0, 2_000)}`}`);
}

/** What schemathesis has left behind, and the canary. */
async function deleteAll({ provider: { url } }: FuzzTarget): Promise<void> {
  const collection = `${url}/api/v1alpha1/containers`;
  for (;;) {
    const page = await fetch(`${collection}?max_page_size=1000`);
    const { containers } = (await page.json()) as { containers: { id: string }[] };
    if (containers.length === 0) return;
    for (const { id } of containers) await fetch(`${collection}/${id}`, { method: 'DELETE' });
  }
}

/** Waits, for a bounded time, until what deleted containers leave behind for a while is forgotten. */
async function settled(target: FuzzTarget, before: Measurement): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const { heapUsed, openFiles } = await measure(target);
    if (heapUsed - before.heapUsed < maxHeapGrowth / 5 && openFiles - before.openFiles < maxFileGrowth / 5) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function check(holds: boolean, sentence: string): void {
  if (holds) totals.passed++;
  else totals.failed++;
  console.log(`${holds ? 'ok' : 'not ok'}: ${sentence}`);
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  totals.failed++;
  console.error(error instanceof Error ? error.message : error);
  console.error(`usage: ${usage}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 ? 0 : 1;
