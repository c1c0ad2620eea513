/** Logs of containers: from the kubelet by way of the API server, no faster than the client takes them. */
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';

import { maxTimerMs, momentOf } from '../clock.ts';
import { kubeletCause } from '../containers/causes.ts';
import { UnavailableError } from '../containers/errors.ts';
import type { ContainerLogs, LogRequest, CallOptions } from '../containers/repository.ts';
import { containerStatus } from '../containers/status.ts';
import { sleep } from '../time.ts';
import { KubernetesApiError } from './api/api-error.ts';
import type { KubernetesApi } from './api/client.ts';
import { maxConnections } from './api/connection.ts';
import { currentDeployments, observeObjects } from './objects/container.ts';
import type { ContainerObjects } from './objects/container.ts';
import type { ClusterContext } from './operations/cluster-context.ts';
import { cachedObjects, requireSingleDeployment, SharedLookUp } from './operations/look-up.ts';
import { translateError } from './translate-error.ts';

/** Streams at once: each has a connection of those for logs for itself. */
export const maxOpen = maxConnections;
/** Of them those that follow: a quarter of the connections that everything else may take. */
export const maxFollowing = maxConnections / 2;
const cutOff = 'The cluster has not been heard of for too long.';

/** How long the answer to a request that follows waits for the first line, which may be hours in coming, in milliseconds. */
const firstLineMs = 2_000;
/** A hundred years: kubelets count nanoseconds, of which there may not be many more. */
const maxSinceSeconds = 100 * 365 * 86_400;
/** How often it is looked whether the cluster is still heard of, in milliseconds. */
const livenessCheckMs = 1_000;

/** Whose log it is. */
interface Source {
  pod: string;
  uid: string;
  container: string;
}

export class ClusterContainerLogs implements ContainerLogs {
  readonly #context: ClusterContext;
  readonly #api: Pick<KubernetesApi, 'log'>;
  readonly #lookUp: SharedLookUp;
  /** What ends each stream that is open, with what it was asked for. */
  readonly #open = new Map<AbortController, LogRequest>();

  /** @param api - with connections of its own, since a stream keeps the one that it has */
  constructor(context: ClusterContext, api: Pick<KubernetesApi, 'log'>) {
    this.#context = context;
    this.#api = api;
    this.#lookUp = new SharedLookUp(context);
  }

  async read(id: string, request: LogRequest, { signal }: CallOptions): Promise<Readable> {
    if (request.follow && this.#context.caches.isCutOff) throw new UnavailableError(cutOff);
    const end = this.#enter(request);
    signal.addEventListener('abort', () => end.abort(signal.reason), { signal: end.signal });
    try {
      const source = this.#sourceIn(await this.#objects(id, signal));
      const text = source === undefined ? empty(end) : await this.#stream(id, source, request, end);
      signal.throwIfAborted();
      return text;
    } catch (error) {
      end.abort();
      throw this.#translate(id, error);
    }
  }

  release(): void {
    for (const [end, { follow }] of this.#open) if (follow) end.abort();
  }

  /** @throws UnavailableError where too many are open */
  #enter(request: LogRequest): AbortController {
    const following = [...this.#open.values()].filter(({ follow }) => follow).length;
    if (this.#open.size >= maxOpen || (request.follow && following >= maxFollowing)) {
      const what = request.follow ? 'followed' : 'read';
      throw new UnavailableError(`Too many logs are being ${what} already.`);
    }
    const end = new AbortController();
    this.#open.set(end, request);
    end.signal.addEventListener('abort', () => this.#open.delete(end));
    return end;
  }

  async #objects(id: string, signal: AbortSignal): Promise<ContainerObjects> {
    const objects = cachedObjects(this.#context, id) ?? (await this.#lookUp.objects(id, signal));
    requireSingleDeployment(id, objects);
    return objects;
  }

  /** Absent where there is no Pod whose log it could be. */
  #sourceIn(objects: ContainerObjects): Source | undefined {
    const [deployment] = currentDeployments(objects);
    if (deployment === undefined) return undefined;
    const { pod } = containerStatus(observeObjects(objects), momentOf(this.#context.clock), this.#context.view);
    return pod && { pod: pod.name, uid: pod.uid, container: deployment.containerName };
  }

  /** What is read from it comes from the kubelet until `end` is aborted, which it is when nobody reads it any more. */
  async #stream(id: string, source: Source, request: LogRequest, end: AbortController): Promise<Readable> {
    const text = new PassThrough();
    text.on('error', () => undefined);
    text.once('close', () => end.abort());
    const fail = (error: Error) => (end.signal.aborted ? text.end() : text.destroy(error));
    const opened = this.#openLog(source, request, end.signal)
      .then((log) => void log.on('error', fail).pipe(text))
      .catch((error: unknown) => {
        fail(error as Error);
        if (!text.writableEnded) throw error;
      });
    if (request.follow) this.#endWithSource(id, source, end, text);
    const patience = new AbortController();
    const first = request.follow ? Promise.race([opened, sleep(firstLineMs, patience.signal)]) : opened;
    await first.finally(() => patience.abort());
    return text;
  }

  async #openLog({ pod, uid, container }: Source, request: LogRequest, signal: AbortSignal): Promise<Readable> {
    const { sinceMs, ...query } = request;
    const sinceSeconds = sinceMs !== undefined && {
      sinceSeconds: Math.min(Math.ceil(sinceMs / 1_000), maxSinceSeconds),
    };
    const until = request.follow && { until: performance.now() + maxTimerMs };
    try {
      const log = await this.#api.log(pod, { ...query, ...sinceSeconds, container }, { signal, ...until });
      const first = await firstOf(log);
      if (first === undefined || !kubeletFailure.test(first.toString())) return log;
      log.on('error', () => undefined).destroy();
      throw cannotBeHad(kubeletCause(first.toString(), [pod, uid]));
    } catch (error) {
      const words = wordsOf(error, [pod, uid]);
      if (words === undefined) throw error;
      if (noLogYet.test(words)) return new PassThrough().end();
      throw cannotBeHad(words, error);
    }
  }

  /**
   * The log ends with the container; what followed it ends where another Pod decides, which may serve beside this one. Where
   * nobody knows that any more it is broken off: a log may be quiet for hours, while the cluster's watches never are.
   */
  #endWithSource(id: string, { uid }: Source, end: AbortController, text: PassThrough): void {
    const { caches } = this.#context;
    let wasSeen = false;
    const look = () => {
      const now = this.#sourceIn(caches.index.objects(id));
      // Memory may lag behind the look at the cluster that found the Pod.
      if (now?.uid === uid) wasSeen = true;
      else if (wasSeen) end.abort();
    };
    look();
    const stopListening = caches.onChange((changed) => {
      if (changed === id) look();
    });
    const timer = setInterval(() => {
      if (caches.isCutOff) text.destroy(new Error(cutOff));
    }, livenessCheckMs).unref();
    end.signal.addEventListener('abort', () => {
      stopListening();
      clearInterval(timer);
    });
  }

  #translate(containerId: string, error: unknown): unknown {
    const { namespace, caches, log } = this.#context;
    const mayBeLoading = caches.blindMs > 0 && caches.forbidden === undefined;
    return translateError(error, { log: log.child({ containerId }), namespace, mayBeLoading });
  }
}

/** What the stream begins with, which stays in it; absent where that is its end. */
async function firstOf(log: Readable): Promise<Buffer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  log.once('readable', resolve).once('end', resolve).once('error', reject);
  await promise.finally(() => log.off('readable', resolve).off('end', resolve).off('error', reject));
  const first = log.read() as Buffer | null;
  if (first === null) return undefined;
  log.unshift(first);
  return first;
}

function cannotBeHad(words: string, cause?: unknown): UnavailableError {
  const message = `The log cannot be had: ${words.replace(/^(lstat|open) \S+: /, '')}.`;
  return new UnavailableError(message, undefined, { cause });
}

/** What a kubelet that has begun its answer says in it, in place of the log: that of a run may be gone before its Pod is. */
const kubeletFailure =
  /^(unable to retrieve container logs for|failed to (try resolving symlinks in path|open log file)) [^\n]*$/;

function empty(end: AbortController): Readable {
  end.abort();
  return new PassThrough().end();
}

/** What a kubelet says of a container that has not run, or not before; a Pod that it has not heard of yet is not found. */
const noLogYet =
  /is waiting to start|^previous terminated container|is not available$|is terminated$|no logs available$|could not find the requested resource/;

/** Why a kubelet, or the API server on the way to it, does not give a log; absent for all that other calls end in too. */
function wordsOf(error: unknown, names: readonly string[]): string | undefined {
  if (!(error instanceof KubernetesApiError) || !error.isStatus) return undefined;
  const { status, statusMessage } = error;
  return status === 400 || status === 404 || status >= 500 ? kubeletCause(statusMessage, names) : undefined;
}
