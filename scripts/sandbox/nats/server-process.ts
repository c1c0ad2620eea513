/** The real `nats-server` as a process of its own, for as long as somebody needs it. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { probeServer } from '../../../src/events/nats-probe.ts';

const startTimeoutMs = 15_000;
const maxOutputKept = 10_000;

/** Path of the binary; undefined where it is not installed. */
export function findNatsServer(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'nats-server')).find((path) => existsSync(path));
}

/** Major and minor, as `[2, 9]`; undefined where it is not installed. */
export function natsServerVersion(): [major: number, minor: number] | undefined {
  const binary = findNatsServer();
  if (binary === undefined) return undefined;
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' })) ?? [];
  return [Number(major), Number(minor)];
}

export interface NatsServerProcessOptions {
  /** On 127.0.0.1; absent: any that is free, and the same one after a restart. */
  port?: number;
  /** What goes into its configuration file besides the address. */
  configuration?: string;
  /** Whether it has JetStream, with its data in its own folder, where a restart finds it. */
  jetStream?: boolean;
  /** Whether its configuration has `handshake_first`: then it greets nobody before that. */
  tlsFirst?: boolean;
}

export class NatsServerProcess implements AsyncDisposable {
  readonly #binary: string;
  /** Configuration and data; removed when the server is disposed of. */
  readonly folder: string;
  #configuration: string;
  readonly #jetStream: boolean;
  readonly #tlsFirst: boolean;
  #port: number | undefined;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #output = '';
  readonly #endWithParent = () => this.#child?.kill('SIGKILL');

  private constructor(binary: string, folder: string, options: NatsServerProcessOptions) {
    this.#binary = binary;
    this.folder = folder;
    this.#configuration = options.configuration ?? '';
    this.#jetStream = options.jetStream ?? false;
    this.#tlsFirst = options.tlsFirst ?? false;
    this.#port = options.port;
  }

  /** Resolves when it answers; rejects with what it printed when it does not. */
  static async start(options: NatsServerProcessOptions = {}): Promise<NatsServerProcess> {
    const binary = findNatsServer();
    if (binary === undefined) throw new Error('nats-server is not installed');
    const folder = await mkdtemp(join(tmpdir(), 'nats-server-'));
    const server = new NatsServerProcess(binary, folder, options);
    process.on('exit', server.#endWithParent);
    try {
      await server.restart();
    } catch (err) {
      await server[Symbol.asyncDispose]();
      throw err;
    }
    return server;
  }

  get port(): number {
    return this.#port!;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it where it was before; it must not be running. */
  async restart(): Promise<void> {
    this.#output = '';
    const file = await this.#writeConfiguration();
    const args = ['--config', file, '--addr', '127.0.0.1', '--port', String(this.#port ?? -1)];
    const child = spawn(this.#binary, [...args, '--ports_file_dir', this.folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-maxOutputKept));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const died = new AbortController();
    this.#exited = new Promise((resolve) => {
      const end = (reason: string) => {
        died.abort(new Error(`nats-server ${reason}:\n${this.#output}`));
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('error', (err) => end(`did not start (${err.message})`));
      child.once('close', (code, signal) => end(`ended with ${signal ?? `code ${code ?? '?'}`}`));
    });
    await this.#untilReady(died.signal);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    await this.#exited;
  }

  /** It keeps its connections and answers nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Goes on with another configuration without a restart. */
  async reload(configuration: string): Promise<void> {
    this.#configuration = configuration;
    const seen = this.#output.length;
    await this.#writeConfiguration();
    this.#child?.kill('SIGHUP');
    while (!this.#output.slice(seen).includes('Reloaded server configuration')) {
      if (this.#child === undefined) throw new Error(`nats-server ended:\n${this.#output}`);
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    process.removeListener('exit', this.#endWithParent);
    await rm(this.folder, { recursive: true, force: true });
  }

  async #writeConfiguration(): Promise<string> {
    const file = join(this.folder, 'nats-server.conf');
    const jetStream = this.#jetStream ? `jetstream { store_dir: ${JSON.stringify(this.folder)} }\n` : '';
    await writeFile(file, `${jetStream}${this.#configuration}\n`);
    return file;
  }

  /** It writes its addresses into a file, named after its process, once it listens. */
  async #untilReady(died: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([died, AbortSignal.timeout(startTimeoutMs)]);
    for (;;) {
      signal.throwIfAborted();
      const port = await this.#readPort();
      if (port !== undefined) {
        this.#port = port;
        if (!this.#tlsFirst) await probeServer(`127.0.0.1:${port}`, startTimeoutMs, signal);
        return;
      }
      await delay(10);
    }
  }

  async #readPort(): Promise<number | undefined> {
    const file = (await readdir(this.folder)).find((name) => name.endsWith(`_${this.#child?.pid ?? ''}.ports`));
    const text = file === undefined ? '' : await readFile(join(this.folder, file), 'utf8');
    const port = /"(?:nats|tls):\/\/[^"]*:(\d+)"/.exec(text)?.[1];
    return port === undefined ? undefined : Number(port);
  }
}
