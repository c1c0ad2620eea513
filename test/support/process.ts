/** A process that a test starts, watches and ends. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface ProcessOptions {
  /** Its environment, besides the tests' own without what configures npm or a provider. */
  env?: Record<string, string>;
  /** `env` is all of its environment, and tap's means to measure coverage do not get into it either. */
  bareEnvironment?: boolean;
  cwd?: string;
  /** A process group of its own, as a shell gives it to what is typed at a terminal. */
  ownGroup?: boolean;
  uid?: number;
}

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface TestProcess extends AsyncDisposable {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** All of its standard output so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves to the match once the standard output has it; rejects when the process ends or 60 s pass before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  ended: Promise<ProcessEnd>;
  /** Sends a signal, with `ownGroup` to the whole group, as a terminal does. */
  signal(signal: NodeJS.Signals): void;
}

const patienceMs = 60_000;

export function startProcess(command: string, args: string[], options: ProcessOptions = {}): TestProcess {
  const { env = {}, bareEnvironment = false, cwd, ownGroup = false, uid } = options;
  const bare = ['-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), command, ...args];
  const child = spawn(bareEnvironment ? 'env' : command, bareEnvironment ? bare : args, {
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid }),
    detached: ownGroup,
    env: { ...inheritedEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (ownGroup) process.kill(-child.pid!, name);
    else child.kill(name);
  };
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    signal,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout);
          if (match === null) return;
          settle();
          resolve(match);
        };
        const fail = (why: string) => {
          settle();
          reject(new Error(`${why} before it printed ${String(pattern)}:\n${stdout}\n${stderr}`));
        };
        const end = () => fail('the process ended');
        const timer = setTimeout(fail, patienceMs, 'too much time passed');
        const settle = () => {
          clearTimeout(timer);
          child.stdout.off('data', look);
          child.off('close', end);
        };
        child.stdout.on('data', look);
        child.once('close', end);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      signal('SIGKILL');
      await ended;
    },
  };
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm|SP|DCM)_/.test(name));
  return Object.fromEntries(inherited);
}
