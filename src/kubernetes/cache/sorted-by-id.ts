/** Items in the order of the code points of their ids, for pages that begin behind any id. */

export class SortedById<Item extends { readonly id: string }> implements Iterable<Item> {
  #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values();
  }

  has(id: string): boolean {
    return this.#items[this.#position(id)]?.id === id;
  }

  /** Unless there is one of its id. */
  add(item: Item): void {
    const position = this.#position(item.id);
    if (this.#items[position]?.id !== item.id) this.#items.splice(position, 0, item);
  }

  /** Takes these in the place of all; no two have the same id. */
  replace(items: readonly Item[]): void {
    this.#items = items.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  }

  delete(id: string): void {
    const position = this.#position(id);
    if (this.#items[position]?.id === id) this.#items.splice(position, 1);
  }

  /** At most `count` items, from the first that comes after `id`; from the first of all where `id` is absent. */
  after(id: string | undefined, count: number): Item[] {
    if (id === undefined) return this.#items.slice(0, count);
    const position = this.#position(id);
    const start = this.#items[position]?.id === id ? position + 1 : position;
    return this.#items.slice(start, start + count);
  }

  /** Where `id` is, or would be put in. Ids are ASCII, so that JavaScript's order is that of the code points. */
  #position(id: string): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#items[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
