/**
 * The processes that a kubeconfig has started for credentials. The official client has no means to end them: its private
 * fields `authenticators` and `execFn` are used, as version 2.0.1 has them. Authenticators that one may add come after its
 * own, which take every user with `exec`.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { KubeConfig } from '@kubernetes/client-node';

/** A program that gives credentials, as the official client starts it. */
export interface CredentialsPlugin {
  /** An absolute path, or a name that is looked for in `PATH`. */
  command: string;
  args?: string[];
  env: { name: string; value: string }[];
  /** For people: how to get the program. */
  installHint?: string;
}

/** How the official client's authenticator for plugins starts one. */
interface PluginStarter {
  execFn?: typeof spawn;
}

export class CredentialsPlugins {
  readonly #running = new Set<ChildProcess>();

  /** Lets the kubeconfig start its plugins through this. */
  watch(config: KubeConfig): KubeConfig {
    const { authenticators } = config as unknown as { authenticators: PluginStarter[] };
    for (const authenticator of authenticators) {
      if (authenticator.execFn) authenticator.execFn = this.#start as typeof spawn;
    }
    return config;
  }

  /** Ends those that run, with all that they have started themselves. */
  end(): void {
    for (const { pid } of this.#running) {
      if (pid !== undefined) killGroup(pid);
    }
  }

  readonly #start = (command: string, args: readonly string[] | undefined, options: object): ChildProcess => {
    // Detached, it leads a process group, and a signal reaches what it has started too.
    const plugin = spawn(command, args ?? [], { ...options, detached: true });
    this.#running.add(plugin);
    plugin.once('close', () => this.#running.delete(plugin));
    return plugin;
  };
}

/** Says of a plugin that is not there how to get it; every other error stays what it is. */
export function explainFailure(error: unknown, plugin: CredentialsPlugin | undefined): unknown {
  const { code, syscall = '' } = error as NodeJS.ErrnoException;
  if (plugin === undefined || code !== 'ENOENT' || !syscall.startsWith('spawn')) return error;
  const hint = plugin.installHint ? `: ${plugin.installHint.trim()}` : '';
  return new Error(`the credentials plugin ${plugin.command} is not installed${hint}`, { cause: error });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
