/** Reads JSON that nobody has checked yet: what is not of the type that is looked for counts as empty. */
import type { Violation } from './errors.ts';

/** Members of an object; none of what is not an object. */
export type Json = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A member's name as a segment of a JSON pointer (RFC 6901). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** One violation for each string or number that stands in the list before. */
export function* findRepetitions(
  values: readonly unknown[],
  pointerOf: (index: number) => string,
): Iterable<Violation> {
  const first = new Map<unknown, number>();
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    const before = first.get(value);
    if (before === undefined) first.set(value, index);
    else yield { detail: `must not be the same as ${pointerOf(before)}`, pointer: pointerOf(index) };
  }
}
