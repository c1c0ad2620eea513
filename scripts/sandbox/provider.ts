/** The provider of the sandbox: the service itself, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface ProviderOptions {
  env: NodeJS.ProcessEnv;
  /** Each line of its log and of its standard error. */
  onLine: (line: string) => void;
}

export interface Provider extends AsyncDisposable {
  /** Resolves once it listens; rejects when it ends before that. */
  listening: Promise<void>;
  /** Resolves when it has ended. */
  ended: Promise<void>;
}

const mainFile = join(import.meta.dirname, '../../src/main.ts');
/** Past this its graceful end is cut short. */
const stopTimeoutMs = 1_300;

/**
 * It has a process group of its own, so that a terminal's Ctrl-C reaches it once, from us, and not as two signals, of
 * which the second ends it at once.
 */
export function startProvider({ env, onLine }: ProviderOptions): Provider {
  const child = spawn(process.execPath, [mainFile], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(child, 'close').then(() => void process.off('exit', kill));
  const listening = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      onLine(line);
      if (line.includes('"msg":"listening"')) resolve();
    });
    void ended.then(() => reject(new Error('the provider ended before it listened')));
  });
  listening.catch(() => undefined);
  createInterface({ input: child.stderr }).on('line', onLine);
  return {
    listening,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, stopTimeoutMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
