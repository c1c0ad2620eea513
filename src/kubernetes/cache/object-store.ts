/**
 * The objects of one kind as a watch tells of them, with what this process wrote itself put in between, so that it sees
 * its own writes at once.
 */
import { setImmediate } from 'node:timers/promises';

import type { Clock } from '../../clock.ts';
import type { ObjectRecord } from '../objects/object.ts';
import { isNewer } from '../../containers/resource-version.ts';

/** How long an own delete or write counts when the watch never speaks of it, in milliseconds. */
const memoryMs = 10 * 60_000;
/** How many objects of a list are looked at before others have a turn: some milliseconds. */
const itemsPerTurn = 500;

/**
 * Tells of one object that appeared (no `before`), changed, or disappeared (no `after`). What came and went without ever
 * being seen here only disappears.
 */
export type StoreListener<Item> = (before: Item | undefined, after: Item | undefined) => void;

/** A complete list of the objects of one kind, as the cluster had them at one moment. */
export interface CompleteList<Item> {
  items: readonly Item[];
  version: string;
  /** By the monotonic clock: it has all that was written before. */
  begunAt: number;
}

const none: readonly never[] = [];

/** Objects by their uid and by the container that they belong to. */
class ObjectSet<Item extends ObjectRecord> {
  readonly #byUid = new Map<string, Item>();
  readonly #byContainer = new Map<string, readonly Item[]>();

  get size(): number {
    return this.#byUid.size;
  }

  get(uid: string): Item | undefined {
    return this.#byUid.get(uid);
  }

  values(): IterableIterator<Item> {
    return this.#byUid.values();
  }

  containerIds(): IterableIterator<string> {
    return this.#byContainer.keys();
  }

  /** The objects of one container: the same array until one of them changes. */
  of(containerId: string): readonly Item[] {
    return this.#byContainer.get(containerId) ?? none;
  }

  /** In the place of the one with its uid: a Map from which much goes and comes is made anew again and again. */
  put(item: Item): void {
    const { uid, containerId } = item;
    const before = this.#byUid.get(uid);
    if (before !== undefined && before.containerId !== containerId) this.delete(uid);
    this.#byUid.set(uid, item);
    const others = this.of(containerId).filter((other) => other.uid !== uid);
    this.#byContainer.set(containerId, [...others, item]);
  }

  delete(uid: string): void {
    const item = this.#byUid.get(uid);
    if (item === undefined) return;
    this.#byUid.delete(uid);
    const others = this.of(item.containerId).filter((other) => other !== item);
    if (others.length === 0) this.#byContainer.delete(item.containerId);
    else this.#byContainer.set(item.containerId, others);
  }
}

export class ObjectStore<Item extends ObjectRecord> {
  #objects = new ObjectSet<Item>();
  /** uids of own writes that the watch has not confirmed, and when they were put in, by the monotonic clock. */
  readonly #written = new Map<string, number>();
  /** uids of own deletes that the watch has not confirmed, and when they were hidden, by the monotonic clock. */
  readonly #hidden = new Map<string, number>();
  readonly #listener: StoreListener<Item>;
  readonly #onReplaced: () => void;
  readonly #clock: Clock;
  /** How far the watch or a list has come; absent before the first list. */
  #version: string | undefined;
  /** Of the last list; absent before the first. */
  #listed: string | undefined;

  /** @param onReplaced - called in the turn in which a list takes the place of all; the listener hears of it afterwards */
  constructor(listener: StoreListener<Item>, clock: Clock, onReplaced: () => void = () => undefined) {
    this.#listener = listener;
    this.#clock = clock;
    this.#onReplaced = onReplaced;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(uid: string): Item | undefined {
    return this.#objects.get(uid);
  }

  /** The objects of one container: the same array until one of them changes. */
  of(containerId: string): readonly Item[] {
    return this.#objects.of(containerId);
  }

  /** The ids of the containers that have objects here. */
  containerIds(): IterableIterator<string> {
    return this.#objects.containerIds();
  }

  /**
   * Takes over a complete list: what it does not have is gone, unless we wrote it after the list was made. It is made
   * ready in turns and takes its place in one, so that no reader sees a part of it. Own writes and deletes may come
   * meanwhile, the watch may not.
   */
  async replace(list: CompleteList<Item>): Promise<void> {
    const next = new ObjectSet<Item>();
    for (const [index, item] of list.items.entries()) {
      next.put(item);
      if (isEndOfTurn(index)) await setImmediate();
    }
    const previous = this.#objects;
    this.#hideAgain(next, list.begunAt);
    this.#writeAgain(next, list.version);
    this.#objects = next;
    this.#version = list.version;
    this.#listed = list.version;
    this.#onReplaced();
    await this.#tellDifferences(previous, list.items);
  }

  /** Takes over an object from the watch; what it had before the last list was made, that list knew better. */
  apply(item: Item): void {
    if (this.#isListed(item.resourceVersion)) return;
    this.#put(item);
    this.#version = item.resourceVersion;
  }

  /**
   * Takes note that the watch has told of a version of an object that brings nothing new: of an own write, or of what this
   * process has deleted. Any other has to be taken over.
   *
   * @returns whether it is one of those
   */
  confirm(uid: string, version: string): boolean {
    if (!this.#hidden.has(uid) && this.#objects.get(uid)?.resourceVersion !== version) return false;
    this.#written.delete(uid);
    this.advance(version);
    return true;
  }

  /**
   * Takes note that the watch saw the object's deletion, in the given version.
   *
   * @param read - what it was: of one that was never seen here, its end is told all the same
   */
  delete(uid: string, version: string, read: () => Item | undefined = () => undefined): void {
    const wasTold = this.#hidden.delete(uid);
    this.#remove(uid, wasTold ? undefined : read);
    this.advance(version);
  }

  /** Takes note that the watch has come to `version` without news. */
  advance(version: string): void {
    if (!this.#isListed(version)) this.#version = version;
  }

  /**
   * Puts in what the API server answered to an own write. Where the watch or a list has already passed that version, it
   * knows better: also when it knows that the object has been deleted since, which is told then, as no list may have had it.
   */
  write(item: Item): void {
    if (this.#hidden.has(item.uid)) return;
    if (this.#version !== undefined && !isNewer(item.resourceVersion, this.#version)) {
      if (this.get(item.uid) === undefined) this.#listener(item, undefined);
      return;
    }
    this.#put(item);
    remember(this.#written, item.uid, this.#clock.elapsed());
  }

  /**
   * Hides an object that this process has deleted, whatever the watch still says of it; a list that was begun later, and
   * still has it as if nobody had deleted it, shows it again.
   *
   * @param known - what is known of it: where nothing was seen of it here so far, its end is told all the same
   */
  hide(uid: string, known?: Item): void {
    const wasTold = this.#hidden.has(uid);
    remember(this.#hidden, uid, this.#clock.elapsed());
    this.#remove(uid, () => (wasTold ? undefined : known));
  }

  /** Whether this process has deleted the object since a list was begun at `begunAt`, by the monotonic clock. */
  isHiddenSince(uid: string, begunAt: number): boolean {
    const hiddenAt = this.#hidden.get(uid);
    return hiddenAt !== undefined && hiddenAt >= begunAt;
  }

  #hideAgain(next: ObjectSet<Item>, begunAt: number): void {
    for (const [uid, hiddenAt] of this.#hidden) {
      const item = next.get(uid);
      if (item === undefined) continue;
      if (item.deletedAt === undefined && hiddenAt < begunAt) this.#hidden.delete(uid);
      else next.delete(uid);
    }
  }

  #writeAgain(next: ObjectSet<Item>, version: string): void {
    for (const uid of this.#written.keys()) {
      const item = this.#objects.get(uid);
      if (item !== undefined && isNewer(item.resourceVersion, version)) next.put(item);
      else this.#written.delete(uid);
    }
  }

  async #tellDifferences(previous: ObjectSet<Item>, listed: readonly Item[]): Promise<void> {
    const current = this.#objects;
    let seen = 0;
    for (const before of previous.values()) {
      if (current.get(before.uid) === undefined) this.#listener(before, undefined);
      if (isEndOfTurn(seen++)) await setImmediate();
    }
    for (const { uid } of listed) {
      const [before, after] = [previous.get(uid), current.get(uid)];
      if (after !== undefined && before?.resourceVersion !== after.resourceVersion) this.#listener(before, after);
      if (isEndOfTurn(seen++)) await setImmediate();
    }
  }

  #put(item: Item): void {
    if (this.#hidden.has(item.uid)) return;
    const before = this.#objects.get(item.uid);
    if (before && this.#written.has(item.uid) && isNewer(before.resourceVersion, item.resourceVersion)) return;
    this.#written.delete(item.uid);
    if (before?.resourceVersion === item.resourceVersion) return;
    this.#objects.put(item);
    this.#listener(before, item);
  }

  #isListed(version: string): boolean {
    return this.#listed !== undefined && !isNewer(version, this.#listed);
  }

  #remove(uid: string, read?: () => Item | undefined): void {
    const before = this.#objects.get(uid) ?? read?.();
    this.#written.delete(uid);
    if (before === undefined) return;
    this.#objects.delete(uid);
    this.#listener(before, undefined);
  }
}

function isEndOfTurn(index: number): boolean {
  return index % itemsPerTurn === itemsPerTurn - 1;
}

/** Keeps the entries in the order of their times, and forgets those that are too old. */
function remember(times: Map<string, number>, uid: string, now: number): void {
  for (const [other, time] of times) {
    if (time > now - memoryMs) break;
    times.delete(other);
  }
  times.delete(uid);
  times.set(uid, now);
}
