/** A set of ids in the order of their code points, for pages that begin behind any id. */

export class SortedIds implements Iterable<string> {
  #ids: string[] = [];

  get size(): number {
    return this.#ids.length;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#ids.values();
  }

  has(id: string): boolean {
    return this.#ids[this.#position(id)] === id;
  }

  add(id: string): void {
    const position = this.#position(id);
    if (this.#ids[position] !== id) this.#ids.splice(position, 0, id);
  }

  /** Takes these ids in the place of all. */
  replace(ids: readonly string[]): void {
    this.#ids = [...ids].sort();
  }

  delete(id: string): void {
    const position = this.#position(id);
    if (this.#ids[position] === id) this.#ids.splice(position, 1);
  }

  /** At most `count` ids, from the first that comes after `id`; from the first of all where `id` is absent. */
  after(id: string | undefined, count: number): string[] {
    if (id === undefined) return this.#ids.slice(0, count);
    const position = this.#position(id);
    const start = this.#ids[position] === id ? position + 1 : position;
    return this.#ids.slice(start, start + count);
  }

  /** Where `id` is, or would be put in. Ids are ASCII, so that JavaScript's order is that of the code points. */
  #position(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
