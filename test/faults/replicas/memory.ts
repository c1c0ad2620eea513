/** Whether the memory of a process grows, by readings that were taken at rest, again and again. */

/** In bytes. */
export interface MemoryReading {
  /** After a garbage collection. */
  heapUsed: number;
  residentMemory: number;
}

export interface Growth {
  /** The median of the first third of the readings, and of the last, in bytes. */
  first: number;
  last: number;
  /** How much more the last may be than the first: what the readings of the first third differ, and no less than a floor. */
  noise: number;
  grows: boolean;
}

/** What a heap, and what is resident, differ by without a leak, in bytes. */
const floors = { heapUsed: 2e6, residentMemory: 20e6 };

/** @param readings - of one process, the oldest first; there must be three of them */
export function growthOf(readings: readonly MemoryReading[], what: keyof MemoryReading): Growth {
  const values = readings.map((reading) => reading[what]);
  const third = Math.ceil(values.length / 3);
  const early = values.slice(0, third);
  const first = median(early);
  const last = median(values.slice(-third));
  const noise = Math.max(floors[what], Math.max(...early) - Math.min(...early));
  return { first, last, noise, grows: last - first > noise };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}
