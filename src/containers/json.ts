/**
 * Reads JSON without losing anything, and what nobody has checked yet: what is not of the type that is looked for counts as
 * empty.
 */
import { randomUUID } from 'node:crypto';
import type { Violation } from './errors.ts';

declare global {
  /** https://tc39.es/proposal-json-parse-with-source/, which Node 24 has and TypeScript's library has not. */
  interface JSON {
    rawJSON(text: string): RawNumber;
    isRawJSON(value: unknown): value is RawNumber;
  }
}

/** A number that stays as it was written, which `JSON.stringify` writes so again. */
interface RawNumber {
  readonly rawJSON: string;
}

/**
 * Looks at first sight like a number that `JSON.stringify` may not write as it was: of 16 digits or more, with a fraction that
 * ends with 0, under a millionth, with an exponent, or -0. Most texts have nothing of the kind.
 */
const doubtful = /\d(?:[\d.]{15}|[eE][-+\d])|\.(?:\d*0\s*[,\]}]|0{6})|-0\s*[,\]}]/;

/** The numbers of which that is so; within a string they are found as well where punctuation is on both sides. */
const doubtfulNumber =
  /[:,[]\s*(-?(?:\d[\d.]{15}|\d+\.\d*0(?!\d)|0\.0{6}|\d+(?:\.\d+)?[eE]|(?<=-)0(?![\d.]))[\d.eE+-]*)(?=\s*[,\]}])/g;

/** Whether `JSON.parse` and `JSON.stringify` would give back any number otherwise than it is written. */
export function hasInexactNumbers(text: string): boolean {
  return doubtful.test(text) && text.matchAll(doubtfulNumber).some(([, number]) => !isExact(number!));
}

function isExact(source: string): boolean {
  return String(Number(source)) === source;
}

/** Strings as a whole, so that no number is looked for in them, and numbers. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * The same as `JSON.parse` of valid JSON, but that numbers keep all their digits and their form: those which a double cannot
 * give back are `JSON.rawJSON`, the same object for the same text. A reviver would take four times as long: numbers are marked
 * in the text, as strings that nobody can have sent. Costs some ten times as much as `JSON.parse` at most.
 *
 * @throws RangeError where arrays and objects are nested some thousands of levels deep
 */
export function parseExactly(text: string): unknown {
  const mark = randomUUID();
  const replacements = new Map<string, string>();
  const numbers = new Map<string, RawNumber>();
  const replace = (source: string): string => {
    if (source.startsWith('"')) return source;
    let replacement = replacements.get(source);
    if (replacement === undefined) {
      const marked = `${mark}${numbers.size}`;
      replacement = isExact(source) ? source : `"${marked}"`;
      if (replacement !== source) numbers.set(marked, JSON.rawJSON(source));
      replacements.set(source, replacement);
    }
    return replacement;
  };
  return unmark(JSON.parse(text.replace(stringOrNumber, replace)), numbers);
}

/** Puts the numbers in the places of the strings that stand for them. */
function unmark(value: unknown, numbers: ReadonlyMap<string, RawNumber>): unknown {
  if (typeof value === 'string') return numbers.get(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => unmark(item, numbers));
  if (typeof value !== 'object' || value === null) return value;
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    const exact = unmark(member, numbers);
    // Not assigned: a member may be called `__proto__`.
    if (exact !== member) Object.defineProperty(value, name, { value: exact });
  }
  return value;
}

/** Members of an object; none of what is not an object. */
export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** The members that are not undefined, as in what `JSON.stringify` writes: optional properties are absent rather than undefined. */
export function withoutUndefined<T extends object>(object: T): WithoutUndefined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as WithoutUndefined<T>;
}

type WithoutUndefined<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A member's name as a segment of a JSON pointer (RFC 6901). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The names and indices that a JSON pointer goes through. */
export function pointerSegments(pointer: string): string[] {
  const segments = pointer.split('/').slice(1);
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
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
