/** Violations of a request in words a person understands, in the order of the document that has them. */
import type { ErrorObject } from 'ajv';
import type { Violation } from '../../containers/errors.ts';
import { escapePointer, pointerSegments } from '../../containers/json.ts';
import type { Schema } from './document.ts';

const kinds: Record<string, string> = {
  array: 'an array',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
  object: 'an object',
  string: 'a string',
};

/** One violation of Ajv's (`verbose` is on); the pointer of a member that is missing or not allowed is the member's own. */
export function violationOf(error: ErrorObject): Required<Pick<Violation, 'detail' | 'pointer'>> {
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
    case 'oneOf':
    case 'pattern': {
      const expected = (error.parentSchema as Schema)['x-expects'];
      return typeof expected === 'string' ? `must be ${expected}` : `must match ${String(limit)}`;
    }
    default:
      return error.message ?? 'is not valid';
  }
}

/**
 * Of a value that may have one of several types, the schema of the type that it has says what is wrong with it; where it has
 * none of them, the choice as a whole does.
 */
export function ofOwnType(errors: readonly ErrorObject[]): ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'oneOf');
  if (choices.length === 0) return [...errors];
  const branchOf = ({ schemaPath, instancePath }: ErrorObject): { choice: ErrorObject; branch: string } | undefined => {
    const choice = choices.find(
      (each) => instancePath.startsWith(each.instancePath) && schemaPath.startsWith(`${each.schemaPath}/`),
    );
    if (choice === undefined) return undefined;
    const index = schemaPath.slice(choice.schemaPath.length + 1).split('/')[0]!;
    return { choice, branch: `${choice.instancePath} ${choice.schemaPath}/${index}` };
  };
  const otherTypes = new Set(
    errors.filter(({ keyword }) => keyword === 'type').map((error) => branchOf(error)?.branch),
  );
  const telling = errors.filter((error) => {
    const branch = branchOf(error);
    return branch !== undefined && !otherTypes.has(branch.branch);
  });
  const answered = new Set(telling.map((error) => branchOf(error)!.choice));
  return errors.filter((error) => {
    if (branchOf(error) !== undefined) return telling.includes(error);
    return !answered.has(error);
  });
}

/** The first violation of each place: what follows from it, such as a pattern that an empty string does not match, goes. */
export function firstOfEachPlace(violations: readonly Violation[]): Violation[] {
  const places = new Map<string, Violation>();
  for (const violation of violations) {
    const place =
      violation.parameter === undefined ? `pointer ${violation.pointer ?? ''}` : `parameter ${violation.parameter}`;
    if (!places.has(place)) places.set(place, violation);
  }
  return [...places.values()];
}

/**
 * The violations of a body in the order in which it has what they point to. A member that is missing comes behind those that
 * the schema has before it.
 */
export function inDocumentOrder(violations: readonly Violation[], body: unknown, schema: Schema): Violation[] {
  const places = violations.map(({ pointer = '' }) => pointerSegments(pointer));
  const positions = new MemberPositions(places.flat());
  return violations
    .map((violation, index) => ({ violation, position: positionOf(places[index]!, body, schema, positions) }))
    .sort((a, b) => comparePositions(a.position, b.position))
    .map(({ violation }) => violation);
}

function positionOf(place: readonly string[], body: unknown, schema: Schema, positions: MemberPositions): number[] {
  const position: number[] = [];
  let value: unknown = body;
  let described: Schema | undefined = schema;
  for (const name of place) {
    if (typeof value !== 'object' || value === null) return position;
    if (Array.isArray(value)) {
      position.push(Number(name));
      value = value[Number(name)];
      described = described?.items;
      continue;
    }
    position.push(positions.of(name, value, described));
    value = (value as Record<string, unknown>)[name];
    described = described?.properties?.[name];
  }
  return position;
}

/** Where members stand in their objects, of which only those that are asked for are remembered: bodies may have very many. */
class MemberPositions {
  readonly #names: ReadonlySet<string>;
  readonly #ofObject = new Map<object, Map<string, number>>();

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  of(name: string, value: object, schema: Schema | undefined): number {
    let positions = this.#ofObject.get(value);
    if (positions === undefined) this.#ofObject.set(value, (positions = this.#find(value, schema)));
    return positions.get(name) ?? Number.MAX_SAFE_INTEGER;
  }

  /** Of the members that are there, as sent, with those that are missing behind the one that the schema has before. */
  #find(value: object, schema: Schema | undefined): Map<string, number> {
    const missing = new Map<string | undefined, string[]>();
    let before: string | undefined;
    for (const name of Object.keys(schema?.properties ?? {})) {
      if (Object.hasOwn(value, name)) before = name;
      else missing.set(before, [...(missing.get(before) ?? []), name]);
    }
    const positions = new Map<string, number>();
    let next = 0;
    const place = (name: string) => {
      if (this.#names.has(name)) positions.set(name, next);
      next++;
    };
    missing.get(undefined)?.forEach(place);
    for (const name of Object.keys(value)) {
      place(name);
      missing.get(name)?.forEach(place);
    }
    return positions;
  }
}

function comparePositions(a: readonly number[], b: readonly number[]): number {
  for (let level = 0; level < Math.min(a.length, b.length); level++) {
    const difference = a[level]! - b[level]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
