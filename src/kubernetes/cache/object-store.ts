/**
 * The objects of one kind as a watch tells of them, with what this process wrote itself put in between, so that it sees
 * its own writes at once.
 */
import { setImmediate } from 'node:timers/promises';

import type { ObjectRecord } from '../objects/records.ts';
import { isNewer } from './resource-version.ts';

/** How long an own delete or write counts when the watch never speaks of it. */
const memoryMs = 10 * 60_000;
/** How many objects of a list are taken over before others have a turn: some milliseconds. */
const itemsPerTurn = 500;

/** Tells of one object that appeared (no `before`), changed, or disappeared (no `after`). */
export type StoreListener<Item> = (before: Item | undefined, after: Item | undefined) => void;

export class ObjectStore<Item extends ObjectRecord> {
  readonly #items = new Map<string, Item>();
  /** uids of own writes that the watch has not confirmed, and when they were put in. */
  readonly #written = new Map<string, number>();
  /** uids of own deletes that the watch has not confirmed, and when they were hidden. */
  readonly #hidden = new Map<string, number>();
  readonly #listener: StoreListener<Item>;
  /** How far the watch has come; absent before the first list. */
  #version: string | undefined;
  /** What of a list is still to be taken over, by uid. */
  #listed: ReadonlyMap<string, Item> = new Map();

  constructor(listener: StoreListener<Item>) {
    this.#listener = listener;
  }

  get size(): number {
    return this.#items.size;
  }

  get(uid: string): Item | undefined {
    return this.#items.get(uid);
  }

  /**
   * Takes over a complete list: what it does not have is gone, unless we wrote it after the list was made. Lets others
   * have a turn now and then; own writes and deletes may come in between, the watch may not.
   */
  async replace(items: readonly Item[], version: string): Promise<void> {
    const listed = new Map(items.map((item) => [item.uid, item]));
    this.#listed = listed;
    this.#version = version;
    for (const [uid, item] of this.#items) {
      const writtenLater = this.#written.has(uid) && isNewer(item.resourceVersion, version);
      if (!listed.has(uid) && !writtenLater) this.#remove(uid);
    }
    for (const [index, item] of items.entries()) {
      this.#put(item);
      if (index % itemsPerTurn === itemsPerTurn - 1) await setImmediate();
    }
    this.#listed = new Map();
  }

  /** Takes over an object from the watch. */
  apply(item: Item): void {
    this.#put(item);
    this.#version = item.resourceVersion;
  }

  /** Takes note that the watch saw the object's deletion, in the given version. */
  delete(uid: string, version: string): void {
    this.#hidden.delete(uid);
    this.#remove(uid);
    this.#version = version;
  }

  /** Takes note that the watch has come to `version` without news. */
  advance(version: string): void {
    this.#version = version;
  }

  /**
   * Puts in what the API server answered to an own write. Where the watch or a list has already passed that version, it
   * knows better: also when it knows that the object is gone again.
   */
  write(item: Item): void {
    const passed = this.#version !== undefined && !isNewer(item.resourceVersion, this.#version);
    if (passed) {
      const listed = this.#listed.get(item.uid);
      if (listed) this.#put(listed);
      return;
    }
    if (this.#hidden.has(item.uid)) return;
    this.#put(item);
    forgetOld(this.#written);
    this.#written.set(item.uid, Date.now());
  }

  /** Hides an object that this process has deleted, whatever the watch still says of it. */
  hide(uid: string): void {
    forgetOld(this.#hidden);
    this.#hidden.set(uid, Date.now());
    this.#remove(uid);
  }

  isHidden(uid: string): boolean {
    return this.#hidden.has(uid);
  }

  #put(item: Item): void {
    if (this.#hidden.has(item.uid)) return;
    const before = this.#items.get(item.uid);
    if (before && this.#written.has(item.uid) && isNewer(before.resourceVersion, item.resourceVersion)) return;
    this.#written.delete(item.uid);
    if (before?.resourceVersion === item.resourceVersion) return;
    this.#items.set(item.uid, item);
    this.#listener(before, item);
  }

  #remove(uid: string): void {
    const before = this.#items.get(uid);
    this.#written.delete(uid);
    if (before === undefined) return;
    this.#items.delete(uid);
    this.#listener(before, undefined);
  }
}

/** Entries are in the order of their times. */
function forgetOld(times: Map<string, number>): void {
  const oldest = Date.now() - memoryMs;
  for (const [uid, time] of times) {
    if (time > oldest) return;
    times.delete(uid);
  }
}
