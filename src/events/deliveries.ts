/**
 * What is known of each container that events tell of: what was seen of it, what is wanted to be told, what is on its way,
 * what is confirmed, and its key in the bucket. All that works on the events shares this one map.
 */
import type { ContainerStatus } from '../containers/container.ts';
import { isWithin } from '../containers/resource-version.ts';
import type { VersionRange } from '../containers/resource-version.ts';
import type { StatusChange, StatusEvent } from './cloud-event.ts';
import type { EventMessage } from './publisher.ts';

/** Deleted containers that are kept until they are told and repeated, where the options say nothing. */
const defaultMaxDeleted = 100_000;

const countedStatuses: readonly ContainerStatus[] = ['PENDING', 'RUNNING', 'FAILED', 'UNKNOWN'];

/** An event that is to be confirmed. */
export interface Wanted {
  event: StatusEvent;
  /** By the clock that never goes back, in milliseconds. */
  since: number;
  /** It is sent though the same is just being confirmed: it is repeated for a reason. */
  again: boolean;
  /** The log told of the change at INFO, and so it will of the confirmation. */
  isTold: boolean;
  /** Made when it is first sent, and sent again as it is. */
  encoded?: EventMessage;
  /** It, or one that it took the place of, was sent and not confirmed. */
  wasTried: boolean;
}

/** A key as the bucket has it. */
export interface Key {
  deploymentUid: string;
  namespaceUid: string | undefined;
  revision: number;
}

/** What was seen of a container, from the first look at it to the last repeat of its DELETED. */
export class Seen {
  /** Of the Deployment that was seen last. */
  deploymentUid: string;
  /** The first that was heard of that Deployment; absent: nothing was, its end is known from elsewhere. */
  version: string | undefined;
  /** It was first seen after all that there was at the start. */
  readonly isNew: boolean;
  /** Whether the Deployment that was seen last went by a request; absent as long as it is there. */
  endedByRequest: boolean | undefined = undefined;
  /** When the window that is open ends, by the monotonic clock; absent: none is. */
  windowEndsAt: number | undefined = undefined;
  /** That window ends with a report, even of the same status. */
  repeat = false;
  /** What was reported last, as it is to be told; absent before the first time. */
  reported: StatusChange | undefined = undefined;
  /** How often its DELETED is still repeated. */
  repeatsLeft = 0;
  /** When its end was first known, by the monotonic clock; absent while it is not. */
  deletedAt: number | undefined = undefined;
  /** A stream has acknowledged its DELETED: consumers get that, and the id may have been made anew elsewhere since. */
  isStored = false;

  constructor(deploymentUid: string, { version, isNew = false }: { version?: string; isNew?: boolean } = {}) {
    this.deploymentUid = deploymentUid;
    this.version = version;
    this.isNew = isNew;
  }
}

export class Delivery {
  readonly containerId: string;
  /** Absent: nothing was since the start, or it is forgotten. */
  seen: Seen | undefined = undefined;
  /** The newest event that is to be confirmed, and is not on its way. */
  wanted: Wanted | undefined = undefined;
  sending: Wanted | undefined = undefined;
  /** What failed is not tried before this, by the monotonic clock. */
  retryAt: number | undefined = undefined;
  /** As the bucket has it; absent: it has none, or that is not known. */
  key: Key | undefined = undefined;
  /** The uid of the Deployment that was told of and is to have a key. */
  told: string | undefined = undefined;
  /** The uid of the Deployment whose end was told and whose key is to go. */
  ended: string | undefined = undefined;
  /** The call to the bucket that is under way. */
  settling: Promise<void> | undefined = undefined;
  /** Called once when the next event is wanted. */
  onWanted: (() => void) | undefined = undefined;

  constructor(containerId: string) {
    this.containerId = containerId;
  }
}

export class Deliveries {
  /** Events that were given up since the start. */
  dropped = 0;
  readonly #maxDeleted: number;
  readonly #all = new Map<string, Delivery>();
  /** Those that were reported as deleted and are to be repeated or told, in the order of that. */
  readonly #deleted = new Set<Delivery>();
  /** Those of them of which nothing is unconfirmed, in the order of that. */
  readonly #confirmedDeleted = new Set<Delivery>();
  /** Those of which something is not confirmed. */
  readonly #unconfirmed = new Set<Delivery>();
  #onAllConfirmed: (() => void) | undefined;

  /** @param maxDeleted - deleted containers that are kept, beside those whose Deployment a finalizer holds; absent: 100,000 */
  constructor({ maxDeleted = defaultMaxDeleted }: { maxDeleted?: number | undefined } = {}) {
    this.#maxDeleted = maxDeleted;
  }

  get(containerId: string): Delivery | undefined {
    return this.#all.get(containerId);
  }

  ensure(containerId: string): Delivery {
    let delivery = this.#all.get(containerId);
    if (delivery === undefined) {
      delivery = new Delivery(containerId);
      this.#all.set(containerId, delivery);
    }
    return delivery;
  }

  ids(): Iterable<string> {
    return this.#all.keys();
  }

  values(): Iterable<Delivery> {
    return this.#all.values();
  }

  /** Whether a Deployment of the container was seen since the start, so that its end will be noticed or was. */
  knows(containerId: string): boolean {
    return this.#all.get(containerId)?.seen !== undefined;
  }

  get unconfirmed(): ReadonlySet<Delivery> {
    return this.#unconfirmed;
  }

  /**
   * Takes the place of what is wanted so far, and is not tried later for that; where that is not sent any more, its
   * confirmation is that of this one.
   *
   * @param options.at - now, by the monotonic clock
   */
  want(
    delivery: Delivery,
    event: StatusEvent,
    { again, isTold, at }: Pick<Wanted, 'again' | 'isTold'> & { at: number },
  ): void {
    const { isTold: wasTold = false, wasTried = false } = delivery.wanted ?? {};
    delivery.wanted = { event, since: at, again, isTold: isTold || wasTold, wasTried };
    delivery.retryAt = undefined;
    this.noteConfirmation(delivery);
    delivery.onWanted?.();
    delivery.onWanted = undefined;
  }

  /** To be called whenever `wanted` or `sending` has changed. */
  noteConfirmation(delivery: Delivery): void {
    if (delivery.wanted !== undefined || delivery.sending !== undefined) {
      this.#unconfirmed.add(delivery);
      this.#confirmedDeleted.delete(delivery);
      return;
    }
    this.#unconfirmed.delete(delivery);
    if (this.#deleted.has(delivery)) this.#confirmedDeleted.add(delivery);
    this.drop(delivery);
    if (this.#unconfirmed.size === 0) this.#onAllConfirmed?.();
  }

  /** Resolves when nothing is unconfirmed or the signal is aborted; never rejects. */
  async allConfirmed(signal: AbortSignal): Promise<void> {
    if (this.#unconfirmed.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onAllConfirmed = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  }

  isDeleted(delivery: Delivery): boolean {
    return this.#deleted.has(delivery);
  }

  /** Whether its end was reported, and nothing of that is owed to the broker or the bucket. */
  isEndSettled(delivery: Delivery): boolean {
    const isReported = delivery.seen?.reported?.status === 'DELETED';
    return isReported && delivery.ended === undefined && !this.#unconfirmed.has(delivery);
  }

  /**
   * Remembers the container as deleted.
   *
   * @returns what is to be forgotten in its place, past the bound: the oldest that is confirmed, else the oldest that is not
   *   being sent, which stays for its answer
   */
  keepDeleted(delivery: Delivery): Delivery | undefined {
    this.#deleted.add(delivery);
    if (!this.#unconfirmed.has(delivery)) this.#confirmedDeleted.add(delivery);
    if (this.#deleted.size <= this.#maxDeleted) return undefined;
    return (
      this.#confirmedDeleted.values().find((other) => other !== delivery) ??
      this.#deleted.values().find((other) => other !== delivery && other.sending === undefined)
    );
  }

  /** Its end is neither told nor repeated any more, nor its key removed: there is another one, or there was time enough. */
  forgetDeleted(delivery: Delivery): void {
    this.#deleted.delete(delivery);
    this.#confirmedDeleted.delete(delivery);
  }

  /** Nothing is known of any key. */
  forgetKeys(): void {
    for (const delivery of this.#all.values()) {
      delivery.key = delivery.told = delivery.ended = undefined;
      this.drop(delivery);
    }
  }

  /**
   * The uids of Deployments that are gone, by the ids of their containers: those that can have come and gone within the
   * range, since nothing was heard of them before or after it.
   */
  endedWithin(range: VersionRange): Map<string, string> {
    const ended = new Map<string, string>();
    for (const { containerId, seen } of this.#deleted) {
      if (seen?.version !== undefined && isWithin(range, seen.version)) ended.set(containerId, seen.deploymentUid);
    }
    return ended;
  }

  /** How many containers were reported last with each status; those that are deleted are none any more. */
  countByStatus(): Map<ContainerStatus, number> {
    const counts = new Map<ContainerStatus, number>(countedStatuses.map((status) => [status, 0]));
    for (const { seen } of this.#all.values()) {
      const status = seen?.reported?.status;
      const count = status && counts.get(status);
      if (count !== undefined) counts.set(status!, count + 1);
    }
    return counts;
  }

  /** To be called whenever the last that is known of it may have gone. */
  drop(delivery: Delivery): void {
    const { containerId, seen, wanted, sending, key, told, ended, settling } = delivery;
    if (seen ?? wanted ?? sending ?? key ?? told ?? ended ?? settling) return;
    if (this.#all.get(containerId) === delivery) this.#all.delete(containerId);
  }
}
