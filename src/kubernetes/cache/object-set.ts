/** Objects by their uid and by the container that they belong to. */
import type { ObjectRecord } from '../objects/object.ts';

const none: readonly never[] = [];

export class ObjectSet<Item extends ObjectRecord> {
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

  put(item: Item): void {
    this.delete(item.uid);
    this.#byUid.set(item.uid, item);
    this.#byContainer.set(item.containerId, [...this.of(item.containerId), item]);
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
