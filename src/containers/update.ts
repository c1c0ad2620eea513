/** What an update of a container may change, and whether it changes anything. */
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
