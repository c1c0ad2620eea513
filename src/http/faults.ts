/** Faults of a request in words a person understands, in the order of the document that has them. */
import type { ErrorObject } from 'ajv';
import type { Fault } from '../containers/errors.ts';
import { escapePointer } from '../containers/rules.ts';
import type { Schema } from './document.ts';

const kinds: Record<string, string> = {
  array: 'an array',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
  object: 'an object',
  string: 'a string',
};

/** One fault of Ajv's (`verbose` is on); the pointer of a member that is missing or not allowed is the member's own. */
export function faultOf(error: ErrorObject): Required<Pick<Fault, 'detail' | 'pointer'>> {
  const { missingProperty, additionalProperty } = error.params as Record<string, string | undefined>;
  const member = missingProperty ?? additionalProperty;
  return {
    detail: describe(error),
    pointer: member === undefined ? error.instancePath : `${error.instancePath}/${escapePointer(member)}`,
  };
}

function describe(error: ErrorObject): string {
  const limit = error.schema;
  switch (error.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not allowed';
    case 'type':
      return `must be ${kinds[String(limit)] ?? String(limit)}`;
    case 'enum':
      return `must be ${(limit as unknown[]).map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${String(limit)} characters`;
    case 'maxLength':
      return `must have at most ${String(limit)} characters`;
    case 'pattern': {
      const expected = (error.parentSchema as Schema)['x-expects'];
      return typeof expected === 'string' ? `must be ${expected}` : `must match ${String(limit)}`;
    }
    default:
      return error.message ?? 'is not valid';
  }
}

/** The first fault of each place: what follows from it, such as a pattern that an empty string does not match, goes. */
export function firstOfEachPlace(faults: readonly Fault[]): Fault[] {
  const places = new Map<string, Fault>();
  for (const fault of faults) {
    const place = fault.parameter === undefined ? `pointer ${fault.pointer ?? ''}` : `parameter ${fault.parameter}`;
    if (!places.has(place)) places.set(place, fault);
  }
  return [...places.values()];
}

/**
 * The faults of a body in the order in which it has what they point to. A member that is missing comes behind those that
 * the schema has before it.
 */
export function inDocumentOrder(faults: readonly Fault[], body: unknown, schema: Schema): Fault[] {
  const membersOf = new Map<object, Map<string, number>>();
  const positions = new Map(faults.map((fault) => [fault, positionOf(fault.pointer ?? '', body, schema, membersOf)]));
  return faults.toSorted((a, b) => comparePositions(positions.get(a)!, positions.get(b)!));
}

function positionOf(
  pointer: string,
  body: unknown,
  schema: Schema,
  membersOf: Map<object, Map<string, number>>,
): number[] {
  const position: number[] = [];
  let value: unknown = body;
  let described: Schema | undefined = schema;
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null) return position;
    if (Array.isArray(value)) {
      position.push(Number(name));
      value = value[Number(name)];
      described = described?.items;
      continue;
    }
    let members = membersOf.get(value);
    if (!members) membersOf.set(value, (members = memberPositions(Object.keys(value), described)));
    position.push(members.get(name) ?? members.size);
    value = (value as Record<string, unknown>)[name];
    described = described?.properties?.[name];
  }
  return position;
}

/** Positions of the members that are there, as sent, with those that are missing behind the one that the schema has before. */
function memberPositions(present: readonly string[], schema: Schema | undefined): Map<string, number> {
  const declared = Object.keys(schema?.properties ?? {});
  const missing = new Map<string | undefined, string[]>();
  let before: string | undefined;
  for (const name of declared) {
    if (present.includes(name)) before = name;
    else missing.set(before, [...(missing.get(before) ?? []), name]);
  }
  const order = [...(missing.get(undefined) ?? []), ...present.flatMap((name) => [name, ...(missing.get(name) ?? [])])];
  return new Map(order.map((name, index) => [name, index]));
}

function comparePositions(a: readonly number[], b: readonly number[]): number {
  for (let level = 0; level < Math.min(a.length, b.length); level++) {
    const difference = a[level]! - b[level]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
