/**
 * Runs an image's command as a cluster would: its user, its variables, nothing writable, no privileges, as the first process of its
 * own namespaces. Made of util-linux, since no container runtime of Debian's runs under every arrangement of cgroups. The
 * network is the machine's, so that both ends reach each other.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { ImageConfiguration } from './builder.ts';
import { runStep } from './step.ts';

export interface ContainerOptions {
  /** Folder with the files of the image. */
  root: string;
  configuration: ImageConfiguration;
  env: Record<string, string>;
  /** Read by the container at `kubeconfigPath`. */
  kubeconfig: string;
}

export const kubeconfigPath = '/run/kubeconfig';

/** The first arguments are the folder of the image, the kubeconfig, the working directory, the group and the user. */
const enter = `
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o size=1m,mode=755 tmpfs "$1/run"
install --mode=444 "$2" "$1${kubeconfigPath}"
mount -o remount,bind,ro "$1/run"
mount -o remount,bind,ro "$1"
root=$1 folder=$3 group=$4 user=$5
shift 5
exec setpriv --no-new-privs unshare --root "$root" --wd "$folder" --setgid "$group" --setuid "$user" -- "$@"`;

const killAfterMs = 20_000;

export class Container implements AsyncDisposable {
  readonly #options: ContainerOptions;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #log = '';

  constructor(options: ContainerOptions) {
    const { root, configuration, env, kubeconfig } = options;
    this.#options = options;
    const variables = Object.fromEntries(configuration.Env.map((pair) => splitAt(pair, /=/)));
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const [user = '', group = user] = configuration.User.split(':');
    const parameters = [root, kubeconfig, configuration.WorkingDir, group, user];
    const commandLine = [...namespaces, '--', 'sh', '-ec', enter, 'enter', ...parameters, ...configuration.Cmd];
    this.#process = spawn('unshare', commandLine, {
      env: { ...variables, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    }
    this.#ended = once(this.#process, 'close');
    this.#ended.catch(() => undefined);
  }

  get log(): string {
    return this.#log;
  }

  /** @throws Error with its log when it has ended */
  checkRuns(): void {
    if (this.#hasEnded()) throw new Error(`the container has ended:\n${this.#log}`);
  }

  /** The process as the machine sees it. @throws Error when it has ended */
  get processId(): number {
    this.checkRuns();
    const id = this.#findProcessId();
    if (id === undefined) throw new Error(`the container does not run yet:\n${this.#log}`);
    return id;
  }

  /** Runs a command inside, as the same user, within ten seconds. @returns its standard output */
  run(name: string, command: readonly string[]): Promise<string> {
    const [user = '', group = user] = this.#options.configuration.User.split(':');
    const inside = ['--target', String(this.processId), '--mount', '--pid', '--root', '--wd', '--preserve-credentials'];
    const asUser = ['setpriv', '--reuid', user, '--regid', group, '--clear-groups', '--'];
    return runStep({ name, seconds: 10, command: 'nsenter', commandLine: [...inside, '--', ...asUser, ...command] });
  }

  /** Resolves with its exit code, or the signal that ended it, once it has ended after SIGTERM. */
  async stop(): Promise<number | string> {
    process.kill(this.processId, 'SIGTERM');
    return await this.#end();
  }

  async #end(): Promise<number | string> {
    const waiting = new AbortController();
    const late = delay(killAfterMs, 'late', { signal: waiting.signal });
    late.catch(() => undefined);
    const first = await Promise.race([this.#ended, late]);
    waiting.abort();
    if (first === 'late') this.#kill();
    await this.#ended;
    return this.#process.exitCode ?? this.#process.signalCode ?? 'nothing';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#ended;
  }

  /** The first process of the namespace, as what stands above it does not take it along once it has become another user. */
  #kill(): void {
    if (this.#hasEnded()) return;
    const id = this.#findProcessId();
    if (id === undefined) this.#process.kill('SIGKILL');
    else process.kill(id, 'SIGKILL');
  }

  #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #findProcessId(): number | undefined {
    const id = String(this.#process.pid);
    const [child] = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').split(' ');
    return child ? Number(child) : undefined;
  }
}

/** `VmRSS: 1024 kB` and the like, by name. */
export function readProcessStatus(processId: number): Record<string, string> {
  const lines = readFileSync(join('/proc', String(processId), 'status'), 'utf8')
    .trimEnd()
    .split('\n');
  return Object.fromEntries(lines.map((line) => splitAt(line, /:\s+/)));
}

function splitAt(text: string, separator: RegExp): [string, string] {
  const { index = text.length, 0: found = '' } = separator.exec(text) ?? {};
  return [text.slice(0, index), text.slice(index + found.length)];
}
