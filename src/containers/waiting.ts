/**
 * Requests that wait for a status of a container. They are fed by the watch caches: waiting costs the cluster nothing, and
 * nothing is asked again and again.
 */
import type { Clock } from '../clock.ts';
import type { Container, ContainerStatus } from './container.ts';
import { NotFoundError, UnavailableError } from './errors.ts';
import type { CallOptions, ContainerRepository } from './repository.ts';
import type { ContainerSource, ContainerView } from './source.ts';
import { deletedMessage } from './status.ts';

export interface WaitFor {
  statuses: readonly ContainerStatus[];
  /** Milliseconds. */
  timeoutMs: number;
}

/** What is told when nobody waits for an answer any more. */
export interface Abortable {
  abort(reason: Error): void;
}

/** To be told of the end of a request takes much less memory than its signal, which is made when it is asked for. */
export interface WaitOptions extends CallOptions {
  /** Registers what is called when the signal is aborted; called at once where it has been. */
  onAbort(abortable: Abortable): void;
}

export interface ContainerWaitingOptions {
  repository: Pick<ContainerRepository, 'get'>;
  source: Pick<ContainerSource, 'isLive' | 'onChange' | 'view'>;
  clock: Clock;
  /** How many may wait at once. Default 20,000. */
  maxWaiters?: number;
}

/** How often it is looked at least whether memory is still live, in milliseconds. */
const liveCheckMs = 1_000;
/** How often time-outs are looked for at most, in milliseconds: each look is at everyone who waits. */
const minRoundMs = 20;
/** One of very many who wait: with its promise all that there is of it. */
class Waiter implements Abortable {
  readonly id: string;
  readonly statuses: readonly ContainerStatus[];
  /** In milliseconds of the monotonic clock. */
  readonly dueAt: number;
  readonly resolve: (container: Container) => void;
  readonly reject: (error: unknown) => void;
  readonly #leave: (waiter: Waiter) => void;
  /** As it was last. */
  container: Container;
  /** Of the container that is waited for; absent until memory has it. */
  uid: string | undefined;
  /** To ask the cluster with; absent where memory has the container. */
  options: CallOptions | undefined;
  /** Where it stands among those that wait for the container. */
  place = -1;

  constructor(
    waiter: Pick<Waiter, 'id' | 'statuses' | 'dueAt' | 'resolve' | 'reject' | 'container'>,
    leave: (waiter: Waiter) => void,
  ) {
    this.id = waiter.id;
    this.statuses = waiter.statuses;
    this.dueAt = waiter.dueAt;
    this.resolve = waiter.resolve;
    this.reject = waiter.reject;
    this.container = waiter.container;
    this.#leave = leave;
  }

  abort(reason: Error): void {
    this.#leave(this);
    this.reject(reason);
  }
}

export class ContainerWaiting {
  readonly #repository: Pick<ContainerRepository, 'get'>;
  readonly #source: ContainerWaitingOptions['source'];
  readonly #clock: Clock;
  readonly #maxWaiters: number;
  /** By the id of the container. */
  readonly #waiters = new Map<string, Waiter[]>();
  #count = 0;
  #isReleased = false;
  /** One timer for all. */
  #round: { at: number; cancel: () => void } | undefined;
  #lastRoundAt = -Infinity;

  constructor({ repository, source, clock, maxWaiters = 20_000 }: ContainerWaitingOptions) {
    this.#repository = repository;
    this.#source = source;
    this.#clock = clock;
    this.#maxWaiters = maxWaiters;
    source.onChange((id) => this.#look(id));
  }

  /**
   * The container as soon as its status is one of those, or is `FAILED`, or when the time is up. One that is deleted
   * meanwhile is given as it was last where `DELETED` was waited for.
   *
   * @throws NotFoundError for one that is not there or is deleted; UnavailableError while memory is not live or too many
   *   wait; what the repository throws; the reason to abort
   */
  wait(id: string, waitFor: WaitFor, options: WaitOptions): Promise<Container> {
    // A function that awaits would stay as long as the wait, and is several times as large as all that does.
    return new Promise((resolve, reject) => {
      this.#repository
        .get(id, options)
        .then((container) => this.#begin({ id, container, resolve, reject }, waitFor, options))
        .catch(reject);
    });
  }

  /** Answers everyone with what is, and whoever comes later as well: nobody waits any more. */
  release(): void {
    this.#isReleased = true;
    for (const id of [...this.#waiters.keys()]) this.#look(id, true);
  }

  #begin(
    waiter: Pick<Waiter, 'id' | 'container' | 'resolve' | 'reject'>,
    { statuses, timeoutMs }: WaitFor,
    options: WaitOptions,
  ): void {
    // What memory says while it is cut off may long be over: then the cluster itself was asked.
    const view = this.#source.isLive ? this.#view(waiter.id) : undefined;
    const container = view?.container ?? waiter.container;
    if (isReached({ statuses, container }) || this.#isReleased || timeoutMs <= 0) {
      waiter.resolve(container);
      return;
    }
    if (!this.#source.isLive) throw cutOff();
    if (this.#count >= this.#maxWaiters) {
      throw new UnavailableError('Too many requests are waiting already.');
    }
    const dueAt = this.#clock.elapsed() + timeoutMs;
    const joining = new Waiter({ ...waiter, container, statuses, dueAt }, this.#leave);
    joining.uid = view?.uid;
    if (view === undefined) joining.options = options;
    this.#join(joining);
    options.onAbort(joining);
  }

  #join(waiter: Waiter): void {
    const others = this.#waiters.get(waiter.id);
    if (others) waiter.place = others.push(waiter) - 1;
    else {
      waiter.place = 0;
      this.#waiters.set(waiter.id, [waiter]);
    }
    this.#count++;
    this.#planRound(waiter.dueAt);
  }

  /** The last of those that wait for the container takes its place. */
  readonly #leave = (waiter: Waiter): void => {
    const { id, place } = waiter;
    if (place < 0) return;
    waiter.place = -1;
    this.#count--;
    const waiters = this.#waiters.get(id)!;
    const last = waiters.pop()!;
    if (last !== waiter) {
      waiters[place] = last;
      last.place = place;
    }
    if (waiters.length > 0) return;
    this.#waiters.delete(id);
    if (this.#count > 0) return;
    this.#round?.cancel();
    this.#round = undefined;
  };

  #look(id: string, isOver = false): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) return;
    for (const waiter of waiters.toReversed()) this.#update(waiter, isOver);
  }

  /** Absent too for one that a finalizer keeps. */
  #view(id: string): ContainerView | undefined {
    const view = this.#source.view(id);
    return view?.status === 'DELETED' ? undefined : view;
  }

  /** @param isOver - the wait ends now, whatever the status is */
  #update(waiter: Waiter, isOver: boolean): void {
    const view = this.#view(waiter.id);
    waiter.uid ??= view?.uid;
    // Memory that lags behind another replica's create has not seen the container yet.
    if (waiter.uid !== undefined && view?.uid !== waiter.uid) {
      this.#leave(waiter);
      settleDeleted(waiter);
      return;
    }
    if (view) waiter.container = view.container;
    if (!isReached(waiter) && !isOver) return;
    this.#leave(waiter);
    waiter.resolve(waiter.container);
  }

  #planRound(dueAt: number): void {
    const now = this.#clock.elapsed();
    const at = Math.min(Math.max(dueAt, this.#lastRoundAt + minRoundMs), now + liveCheckMs);
    if (this.#round !== undefined) {
      if (this.#round.at <= at) return;
      this.#round.cancel();
    }
    this.#round = { at, cancel: this.#clock.after(at - now, () => this.#lookAtAll()) };
  }

  #lookAtAll(): void {
    const now = (this.#lastRoundAt = this.#clock.elapsed());
    this.#round = undefined;
    const { isLive } = this.#source;
    let nextDueAt = Infinity;
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters.toReversed()) {
        if (!isLive) waiter.abort(cutOff());
        else if (waiter.dueAt <= now) this.#endWait(waiter);
        else nextDueAt = Math.min(nextDueAt, waiter.dueAt);
      }
    }
    if (this.#count > 0) this.#planRound(nextDueAt);
  }

  #endWait(waiter: Waiter): void {
    if (waiter.uid ?? this.#view(waiter.id)) this.#update(waiter, true);
    else void this.#lookAgain(waiter);
  }

  /** The end of one that memory has never seen: what the cluster had when the wait began may long be over. */
  async #lookAgain(waiter: Waiter): Promise<void> {
    this.#leave(waiter);
    try {
      waiter.resolve(await this.#repository.get(waiter.id, waiter.options!));
    } catch (error) {
      if (error instanceof NotFoundError) settleDeleted(waiter);
      else waiter.reject(error);
    }
  }
}

/** Whoever waits for anything wants to know of a failure. */
function isReached({ statuses, container: { status } }: Pick<Waiter, 'statuses' | 'container'>): boolean {
  return statuses.includes(status) || status === 'FAILED';
}

function settleDeleted({ id, statuses, container, resolve, reject }: Waiter): void {
  if (statuses.includes('DELETED')) resolve({ ...container, status: 'DELETED', status_message: deletedMessage });
  else reject(new NotFoundError(`The container ${id} was deleted.`));
}

function cutOff(): UnavailableError {
  return new UnavailableError('The cluster has not been heard of for too long.');
}
