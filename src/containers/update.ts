/**
 * What an update of a container may change, whether it changes anything, and the merge patches (RFC 7396) that it is sent as.
 * Nothing here changes what it is given; results share parts with it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ContainerSpec } from './container.ts';
import type { Violation } from './errors.ts';
import { canonicalJson } from './idempotency.ts';
import { isObject, objectOf } from './json.ts';

/** Members that stay what they were at creation. */
const fixed = [['service_type'], ['metadata', 'name'], ['metadata', 'namespace']] as const;

/**
 * Violations of a merge patch that changes what stays; to send the present value is none.
 *
 * @param body - as it was sent
 * @param current - the namespace included
 */
export function findFixedViolations(body: unknown, current: ContainerSpec): Violation[] {
  const sent = objectOf(body).spec;
  return fixed
    .filter((path) => isChanged(sent, current, path))
    .map((path) => ({ detail: 'cannot be changed', pointer: `/spec/${path.join('/')}` }));
}

function isChanged(sent: unknown, current: unknown, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return sent !== current;
  return isObject(sent) && Object.hasOwn(sent, name) && isChanged(sent[name], objectOf(current)[name], rest);
}

/** Whether two specs say the same, in whatever order; numbers of unknown fields as they are written. */
export function isSameSpec(one: ContainerSpec, other: ContainerSpec): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

/** The target with the patch applied: what is null goes, objects are merged, all else takes the place of what was. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  // Not by assignment: a member may be called `__proto__`.
  return Object.fromEntries(members);
}

/** The patch that makes `after` of `before`, neither of which has null for a member; absent where they are equal. */
export function mergePatchBetween(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return isDeepStrictEqual(before, after) ? undefined : after;
  // Not by index: a member may be called `__proto__`.
  const [had, has] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const changes = [...new Map([...had, ...has]).keys()].flatMap((name) => {
    const value = has.get(name);
    const change = value === undefined && had.get(name) !== undefined ? null : mergePatchBetween(had.get(name), value);
    return change === undefined ? [] : [[name, change] as const];
  });
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}
