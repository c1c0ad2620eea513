/** The processes that a kubeconfig has started for credentials. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { KubeConfig } from '@kubernetes/client-node';

/** How the official client's authenticator for plugins starts one; it has no means to end it. */
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

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
