/** The provider as it ships: a process of its own, started with an environment and nothing else. */
import { createInterface } from 'node:readline';
import { createClient } from '../../generated/client.ts';
import type { Client } from '../../generated/client.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { problemTypes } from '../../scripts/contract/problem-types.ts';
import type { LogLine } from './log-lines.ts';
import { mainArguments } from './main-file.ts';
import { startProcess } from './process.ts';
import type { TestProcess } from './process.ts';

export interface ProviderOptions {
  kubeconfig: string;
  namespace: string;
  natsUrl: string;
  registrationUrl: string;
  /** More variables, which win over ours. */
  env?: Record<string, string>;
  /** Nothing else is in its environment, tap's means to measure coverage least of all: for who measures the process. */
  bareEnvironment?: boolean;
}

export interface ProviderProcess extends AsyncDisposable {
  process: TestProcess;
  /** Without the path of the API: `http://127.0.0.1:40001`. */
  url: string;
  /** A client that rejects each answer that is not as the OpenAPI document says. */
  client: Client;
  /** The lines of its log so far. */
  log: readonly LogLine[];
  /** The first line of the log, so far or yet to come, that is wanted; rejects after 60 s, or when the process ends. */
  logged(wanted: (line: LogLine) => boolean): Promise<LogLine>;
  /** SIGTERM; resolves to the exit code once the process is gone. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
}

const patienceMs = 60_000;

/** Resolves once the provider listens: its caches may not be filled yet. */
export async function startProvider(options: ProviderOptions): Promise<ProviderProcess> {
  await using stack = new AsyncDisposableStack();
  const { bareEnvironment = false } = options;
  const process = stack.use(
    startProcess(globalThis.process.execPath, mainArguments, { env: environment(options), bareEnvironment }),
  );
  const lines = new LogLines(process);
  const { address } = await lines.find(({ msg }) => msg === 'listening');
  const url = `http://${String(address)}`;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    process.signal(signal);
    return (await process.ended).code;
  };
  const kill = async (): Promise<void> => {
    await end('SIGKILL');
  };
  stack.move();
  return {
    process,
    url,
    client: createClient({ baseUrl: url, fetch: conformingFetch }),
    log: lines.all,
    logged: (wanted) => lines.find(wanted),
    stop: () => end('SIGTERM'),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** What a provider logs, as it comes. */
class LogLines {
  readonly all: LogLine[] = [];
  readonly #process: TestProcess;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(process: TestProcess) {
    this.#process = process;
    createInterface({ input: process.child.stdout }).on('line', (line) => {
      this.all.push(JSON.parse(line) as LogLine);
      this.#wake();
    });
    void process.ended.then(() => {
      this.#ended = true;
      this.#wake();
    });
  }

  async find(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const fail = (why: string): void => {
      reject(new Error(`${why} before the log had what was waited for:\n${this.#lastWords()}`));
    };
    const look = (): void => {
      const line = this.all.find(wanted);
      if (line) resolve(line);
      else if (this.#ended) fail('the provider ended');
    };
    const timer = setTimeout(fail, patienceMs, `${patienceMs} ms passed`);
    this.#waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }

  #lastWords(): string {
    const tail = this.all.slice(-20).map((line) => JSON.stringify(line));
    return [...tail, this.#process.stderr()].join('\n');
  }
}

/**
 * SP_NAME of the providers of tests: names of their own, so that their events can be told apart. Each takes the containers
 * of all of them for its own, as replicas of one provider do.
 */
export const relatedNames: readonly string[] = [
  'k8s-container-provider',
  'doomed',
  'early',
  'first',
  'knowing',
  'later',
  'leaving',
  'logs-elsewhere',
  'newcomer',
  'patient',
  'second',
  'strict',
  'successor',
  'survivor',
  'unknowing',
  ...Array.from({ length: 500 }, (_, index) => `replica-${index}`),
];

/** A provider that is quick to report. */
function environment({
  kubeconfig,
  namespace,
  natsUrl,
  registrationUrl,
  env,
}: ProviderOptions): Record<string, string> {
  return {
    SP_NAME: 'k8s-container-provider',
    SP_FORMER_NAMES: relatedNames.join(','),
    SP_ENDPOINT: 'http://provider.example:8080',
    DCM_REGISTRATION_URL: registrationUrl,
    SP_K8S_NAMESPACE: namespace,
    SP_K8S_KUBECONFIG: kubeconfig,
    SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
    SP_NATS_URL: natsUrl,
    SP_MONITOR_DEBOUNCE_MS: '50',
    SP_SERVER_ADDRESS: '127.0.0.1:0',
    ...(problemTypes === 'uris' && { SP_PROBLEM_TYPES: problemTypes }),
    ...env,
  };
}
