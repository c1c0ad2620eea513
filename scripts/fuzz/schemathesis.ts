/** Schemathesis, which makes requests from the OpenAPI document that the provider serves, and checks the answers by it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface SchemathesisOptions {
  /** Of the provider, without a path. */
  url: string;
  /** At least so many requests are made. */
  requests: number;
  seed: number;
  /** Goes into environment variables of containers and into the Authorization header. */
  secret: string;
}

export interface SchemathesisResult {
  requests: number;
  failures: number;
}

const requirements = join(import.meta.dirname, 'requirements.txt');
const hooks = join(import.meta.dirname, 'hooks.py');
const cacheFolder = join(import.meta.dirname, '../../.cache/fuzz');
/** How many requests a run makes for each example an operation that is asked for, roughly and at least. */
const requestsPerExample = 8;
const maxExamplesPerRun = 400;

/**
 * What it checks is all but the acceptance of each body that the schemas allow: some rules cannot be said in them. The
 * near-valid requests check that.
 */
const excludedChecks = 'positive_data_acceptance';

/** Runs with seeds that follow each other, until it has made so many requests. Shows what it prints. */
export async function runSchemathesis({
  url,
  requests,
  seed,
  secret,
}: SchemathesisOptions): Promise<SchemathesisResult> {
  const executable = await install();
  const result = { requests: 0, failures: 0 };
  for (let run = 0; result.requests < requests; run++) {
    const missing = requests - result.requests;
    const examples = Math.min(maxExamplesPerRun, Math.max(1, Math.ceil(missing / requestsPerExample)));
    const { code, output } = await execute(
      executable,
      [
        ...['run', `${url}/openapi.json`, '--seed', String(seed + run), '--max-examples', String(examples)],
        ...['--exclude-checks', excludedChecks, '--continue-on-failure', '--no-color', '--warnings', 'off'],
        ...['--generation-database', 'none', '--header', `Authorization: Bearer ${secret}`],
        ...['--suppress-health-check', 'all', '--request-timeout', '20'],
      ],
      { FUZZ_SECRET: secret, SCHEMATHESIS_HOOKS: hooks },
    );
    const generated = Number(/^\s*(\d+) generated/m.exec(output)?.[1] ?? 0);
    if (generated === 0) throw new Error(`schemathesis made no requests (exit code ${code ?? '?'})`);
    result.requests += generated;
    const failures = Number(/(\d+) unique failures?/.exec(output)?.[1] ?? 0);
    result.failures += code === 0 ? 0 : Math.max(1, failures);
  }
  return result;
}

/** Its executable, in a virtual environment of Python's of our own that has exactly what the requirements name. */
async function install(): Promise<string> {
  const environment = join(cacheFolder, 'python');
  const executable = join(environment, 'bin/schemathesis');
  const installed = join(environment, 'requirements.txt');
  if (existsSync(executable) && existsSync(installed) && (await isSame(installed, requirements))) return executable;
  await mkdir(cacheFolder, { recursive: true });
  await rm(environment, { recursive: true, force: true });
  const steps: [command: string, ...parameters: string[]][] = [
    ['python3', '-m', 'venv', environment],
    [join(environment, 'bin/pip'), 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
  ];
  for (const [command, ...parameters] of steps) {
    const { code } = await execute(command, parameters).catch(() => ({ code: undefined }));
    if (code !== 0) {
      throw new Error(
        'schemathesis cannot be installed: install Python 3.10 or newer with its venv module (Debian: apt-get install ' +
          'python3-venv) and see that pip can reach a package index, or leave it out with --only near-valid,broken-http',
      );
    }
  }
  await copyFile(requirements, installed);
  return executable;
}

async function isSame(a: string, b: string): Promise<boolean> {
  return (await readFile(a, 'utf8')) === (await readFile(b, 'utf8'));
}

async function execute(
  command: string,
  parameters: string[],
  variables: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, parameters, {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: cacheFolder,
    env: { ...process.env, ...variables },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk);
    output += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
