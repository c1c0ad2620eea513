/** Processes of our own that do jobs for the benchmark, so that what is measured shares no event loop with what measures. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

export type Jobs = Record<string, (input: never) => unknown>;

interface Order {
  number: number;
  name: string;
  input: unknown;
}

interface Outcome {
  number: number;
  output?: unknown;
  error?: string;
}

export interface Worker<Kinds extends Jobs> extends AsyncDisposable {
  pid: number;
  /** Rejects with the worker's words when the job fails, or when the worker ends. */
  run<Name extends keyof Kinds & string>(
    name: Name,
    input: Parameters<Kinds[Name]>[0],
  ): Promise<Awaited<ReturnType<Kinds[Name]>>>;
}

/** Starts a file that calls `serveJobs`. */
export function startWorker<Kinds extends Jobs>(file: string): Worker<Kinds> {
  const child = fork(file, { serialization: 'advanced' });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const exit = once(child, 'exit');
  let orders = 0;
  child.on('message', ({ number, output, error }: Outcome) => {
    const promise = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) promise?.resolve(output);
    else promise?.reject(new Error(error));
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended`));
  });
  return {
    pid: child.pid!,
    run: (name, input) => {
      const promise = Promise.withResolvers<unknown>();
      const number = orders++;
      waiting.set(number, promise);
      child.send({ number, name, input } satisfies Order);
      return promise.promise as never;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** The worker's side: ends when whoever started it does. */
export function serveJobs(jobs: Jobs): void {
  process.on('message', ({ number, name, input }: Order) => {
    const answer = async (): Promise<Outcome> => {
      try {
        return { number, output: await jobs[name]!(input as never) };
      } catch (error) {
        return { number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    };
    void answer().then((outcome) => process.send?.(outcome));
  });
  process.once('disconnect', () => process.exit());
}
