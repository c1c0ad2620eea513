/** One process of a control plane, which a test may kill, stop, continue and start again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Where the process ids are told that must not outlive this process. */
export interface Reaper {
  kill(processId: number): void;
  spare(processId: number): void;
}

export interface ComponentOptions {
  name: string;
  executable: string;
  commandLine: string[];
  /** Standard output and error go here; a restart appends. */
  logFile: string;
  /** Beside what we have ourselves. */
  env?: Record<string, string>;
  reaper: Reaper;
  /** Whether the process serves; what it throws counts as "not yet". Absent: it serves as soon as it runs. */
  isReady?: () => Promise<boolean>;
}

const readyTimeoutMs = 60_000;
const pollIntervalMs = 50;

export class Component {
  readonly name: string;
  readonly #options: ComponentOptions;
  #process: ChildProcess | undefined;
  #deathWanted = false;
  #failure: Error | undefined;

  constructor(options: ComponentOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Of the process that runs now, or ran last. */
  get processId(): number | undefined {
    return this.#process?.pid;
  }

  /** Set once the process ended without having been asked to, until it is started again; says why, with its last log lines. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Starts the process and waits until it is ready. */
  async start(): Promise<void> {
    this.#spawn();
    await this.#waitUntilReady();
  }

  /** SIGKILL, and waits until the process is gone. A stopped process dies as well. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#deathWanted = true;
    if (!child || hasEnded(child)) return;
    child.ref();
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /**
   * SIGSTOP: connections stay open and nothing answers any more. Waits until every thread stands still, where /proc
   * tells; the signal alone leaves a busy process some milliseconds.
   */
  async pause(): Promise<void> {
    this.#process?.kill('SIGSTOP');
    const threads = `/proc/${String(this.processId)}/task`;
    while (existsSync(threads) && !readdirSync(threads).every((thread) => isStopped(`${threads}/${thread}/stat`))) {
      await delay(1);
    }
  }

  /** SIGCONT. */
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Kills the process if it runs, starts it on the same port and data, and waits until it is ready. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** The last lines of standard output and error. */
  log(lines = 20): string {
    if (!existsSync(this.#options.logFile)) return '';
    return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  #spawn(): void {
    const { executable, commandLine, env, logFile, name, reaper } = this.#options;
    this.#deathWanted = false;
    this.#failure = undefined;
    const log = openSync(logFile, 'a');
    // A session of its own: Ctrl-C in a terminal goes to us, and we decide what it does to the components.
    const child = spawn(executable, commandLine, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#process = child;
    const { pid } = child;
    if (pid !== undefined) reaper.kill(pid);
    child.unref();
    child.on('error', (error) => (this.#failure = new Error(`${name} could not be started`, { cause: error })));
    child.on('exit', (code, signal) => {
      if (pid !== undefined) reaper.spare(pid);
      if (this.#deathWanted || child !== this.#process) return;
      this.#failure = new Error(
        `${name} ended by ${signal ?? `exit code ${String(code)}`}; its last lines:\n${this.log()}`,
      );
    });
  }

  async #waitUntilReady(): Promise<void> {
    const { isReady, name } = this.#options;
    if (!isReady) return;
    const deadline = Date.now() + readyTimeoutMs;
    while (!(await isReady().catch(() => false))) {
      if (this.#failure) throw this.#failure;
      if (Date.now() > deadline) {
        throw new Error(`${name} was not ready after ${readyTimeoutMs / 1000} s; its last lines:\n${this.log()}`);
      }
      await delay(pollIntervalMs);
    }
  }
}

/** The state follows the name of the program, which stands in brackets. A thread that is gone does nothing either. */
function isStopped(statFile: string): boolean {
  try {
    return /\) T /.test(readFileSync(statFile, 'utf8'));
  } catch {
    return true;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
