/**
 * The logs of played containers, as the API server and a kubelet give them. A container writes what its command echoes, else
 * that it has started, that it still runs, and how it ends; tests may have it write anything.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Container, V1ContainerStateTerminated, V1ContainerStatus } from '@kubernetes/client-node';
import { badRequest, invalid, notFound } from './api-error.ts';
import { cut } from './cut.ts';
import type { Faults } from './faults.ts';
import type { Pod, Wire } from './objects.ts';
import { pods, type Resource } from './resources.ts';
import type { Store } from './store.ts';
import { invalidValue, type FieldError } from './validation/field-error.ts';

type Container = Wire<V1Container>;
type ContainerStatus = Wire<V1ContainerStatus>;
type Terminated = Wire<V1ContainerStateTerminated>;

/** How often a container says that it still runs, in milliseconds. */
const stillRunningMs = 5_000;
/** How often it is looked for new lines of a log that is followed, in milliseconds. */
const lookMs = 20;

/** As of PodLogOptions. */
export interface LogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  sinceSeconds?: number;
  tailLines?: number;
  limitBytes?: number;
}

interface Line {
  /** Milliseconds since the epoch. */
  at: number;
  text: string;
}

/** One run of a container. */
export interface Run {
  container: Container;
  /** Tells it from all other runs. */
  key: string;
  startedAt: number;
  end?: { at: number; exitCode: number };
}

interface PodPlace {
  namespace: string;
  name: string;
}

export class PlayedLogs {
  readonly #store: Store;
  readonly #written = new Map<string, Line[]>();
  /** All that was ever given to connections. */
  sentBytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Has the first container of the Pod write these lines in its present run. */
  write(place: PodPlace, lines: readonly string[]): void {
    const pod = this.#pod(place);
    const { key } = runOf(pod, pod.spec.containers[0]!, false);
    const written = this.#written.get(key) ?? [];
    for (const text of lines) written.push({ at: Date.now(), text });
    this.#written.set(key, written);
  }

  /**
   * The run that a request means.
   *
   * @returns nothing where the Pod is on no node
   * @throws ApiError as the API server and the kubelet refuse it
   */
  find(place: PodPlace, container: string, { previous }: LogOptions): Run | undefined {
    const pod = this.#pod(place);
    const chosen = chooseContainer(pod, container);
    return pod.spec.nodeName === undefined ? undefined : runOf(pod, chosen, previous);
  }

  /** All lines so far, and whether there may be more. */
  linesOf(run: Run, place: PodPlace): { lines: readonly Line[]; isOver: boolean } {
    const end = run.end ?? this.#endOf(run, place);
    const own = playedLines({ ...run, ...(end && { end }) }, Date.now());
    const written = this.#written.get(run.key) ?? [];
    return { lines: written.length === 0 ? own : [...own, ...written], isOver: end !== undefined };
  }

  #endOf(run: Run, { namespace, name }: PodPlace): Run['end'] {
    const pod = this.#store.get(pods, namespace, name)?.object as Pod | undefined;
    const now = pod && runs(pod, run.container).find(({ key }) => key === run.key);
    return now === undefined ? { at: Date.now(), exitCode: 0 } : now.end;
  }

  #pod({ namespace, name }: PodPlace): Pod {
    const pod = this.#store.get(pods, namespace, name)?.object as Pod | undefined;
    if (pod === undefined) throw notFound(pods, name);
    return pod;
  }
}

function chooseContainer({ metadata, spec }: Pod, name: string): Container {
  const names = spec.containers.map((container) => container.name);
  if (name === '' && names.length > 1) {
    throw badRequest(
      `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`,
    );
  }
  const chosen = spec.containers.find((container) => name === '' || container.name === name);
  if (!chosen) throw badRequest(`container ${name} is not valid for pod ${metadata.name}`);
  return chosen;
}

function runOf(pod: Pod, container: Container, previous: boolean): Run {
  const named = `container ${JSON.stringify(container.name)} in pod ${JSON.stringify(pod.metadata.name)}`;
  const status = statusOf(pod, container);
  if (!status) throw badRequest(`${named} is not available`);
  const all = runs(pod, container);
  const { waiting, running, terminated } = status.state ?? {};
  const last = status.lastState?.terminated && all.at(-1);
  if (previous) {
    if (!last) throw badRequest(`previous terminated ${named} not found`);
    return last;
  }
  if (running ?? terminated) return all[0]!;
  if (last) return last;
  const reasons: Record<string, string> = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: 'trying and failing to pull image',
  };
  const reason = waiting?.reason ?? '';
  throw badRequest(`${named} is waiting to start: ${reasons[reason] ?? reason}`);
}

function statusOf({ status }: Pod, { name }: Container): ContainerStatus | undefined {
  return status?.containerStatuses?.find((each) => each.name === name);
}

/** Those of which its status tells, the present one first. */
function runs(pod: Pod, container: Container): Run[] {
  const { state, lastState, restartCount = 0 } = statusOf(pod, container) ?? {};
  const waits = state?.waiting !== undefined;
  const run = (restarts: number, startedAt: string | undefined, end?: Run['end']): Run[] => {
    const key = `${pod.metadata.uid} ${container.name} ${restarts}`;
    return startedAt === undefined ? [] : [{ container, key, startedAt: Date.parse(startedAt), ...(end && { end }) }];
  };
  const ended = (restarts: number, { startedAt, finishedAt = '', exitCode }: Terminated): Run[] =>
    run(restarts, startedAt, { at: Date.parse(finishedAt), exitCode });
  return [
    ...run(restartCount, state?.running?.startedAt),
    ...(state?.terminated ? ended(restartCount, state.terminated) : []),
    ...(lastState?.terminated ? ended(waits ? restartCount : restartCount - 1, lastState.terminated) : []),
  ];
}

function playedLines({ container, startedAt, end }: Run, now: number): Line[] {
  const words = [...(container.command ?? []), ...(container.args ?? [])].join(' ');
  const echoed = [...words.matchAll(/\becho ([^;&|]+)/g)].map(([, text]) => ({ at: startedAt, text: text!.trim() }));
  if (echoed.length > 0) return echoed;
  const until = end?.at ?? now;
  const lines = [{ at: startedAt, text: `${container.image ?? ''} started` }];
  for (let at = startedAt + stillRunningMs; at < until; at += stillRunningMs) {
    lines.push({ at, text: `has run for ${(at - startedAt) / 1000} s` });
  }
  if (end) lines.push({ at: end.at, text: `ends with exit code ${end.exitCode}` });
  return lines;
}

/** @throws ApiError */
export function readLogOptions(query: URLSearchParams, name: string): LogOptions {
  const errors: FieldError[] = [];
  const number = (field: string, least: number, rule: string): Record<string, number> => {
    const text = query.get(field);
    if (text === null || text === '') return {};
    if (!/^-?\d{1,15}$/.test(text)) {
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    }
    if (Number(text) < least) errors.push(invalidValue(field, Number(text), rule));
    return { [field]: Number(text) };
  };
  const flag = (field: string): boolean => ![null, '', 'false', '0'].includes(query.get(field));
  const options = {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...number('tailLines', 0, 'must be greater than or equal to 0'),
    ...number('limitBytes', 1, 'must be greater than 0'),
    ...number('sinceSeconds', 1, 'must be greater than 0'),
  };

  if (errors.length > 0) throw invalid({ kind: 'PodLogOptions', group: '' } as Resource, name, errors);
  return options;
}

export interface LogParts {
  logs: PlayedLogs;
  faults: Faults;
  closing: AbortSignal;
}

/** Takes over the answer: the head, the lines, and where it is followed what comes after them, no faster than it is read. */
export async function streamLog(
  response: ServerResponse,
  { run, place, options }: { run: Run | undefined; place: PodPlace; options: LogOptions },
  { logs, faults, closing }: LogParts,
): Promise<void> {
  if (run === undefined) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  const tricks = { silent: false, ended: false };
  const untrack = faults.track({
    resource: 'pods/log',
    reset: () => cut(response.socket),
    end: () => void (tricks.ended = true),
    silence: () => void (tricks.silent = true),
    fail: () => cut(response.socket),
  });
  try {
    const { follow, tailLines, sinceSeconds, timestamps } = options;
    const since = sinceSeconds === undefined ? -Infinity : Date.now() - 1000 * sinceSeconds;
    let left = options.limitBytes ?? Infinity;
    const beginning = logs.linesOf(run, place).lines.length;
    let next = tailLines === undefined ? 0 : Math.max(0, beginning - tailLines);
    while (!response.destroyed && !closing.aborted && left > 0 && !tricks.ended) {
      const { lines, isOver } = logs.linesOf(run, place);
      const last = next + 1_000;
      const text = lines
        .slice(next, last)
        .filter(({ at }) => at >= since)
        .map((line) => `${timestamps ? `${new Date(line.at).toISOString()} ` : ''}${line.text}\n`)
        .join('');
      const bytes = Buffer.from(text).subarray(0, left);
      next = Math.min(last, lines.length);
      left -= bytes.length;
      if (!tricks.silent) logs.sentBytes += bytes.length;
      if (!tricks.silent && bytes.length > 0 && !response.write(bytes)) await untilDrained(response);
      else if (next === lines.length) {
        if (isOver || !follow) break;
        await sleep(lookMs);
      }
    }
  } finally {
    untrack();
  }
  response.end();
}

async function untilDrained(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  response.off('close', leave);
}
