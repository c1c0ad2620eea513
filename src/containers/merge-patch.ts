/** JSON merge patches (RFC 7396). Nothing here changes what it is given; results share parts with it. */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from './json.ts';

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
  if (isDeepStrictEqual(before, after)) return undefined;
  if (!isObject(before) || !isObject(after)) return after;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names].map((name) => {
    const value = after[name];
    return [
      name,
      value === undefined ? (before[name] === undefined ? undefined : null) : mergePatchBetween(before[name], value),
    ] as const;
  });
  return Object.fromEntries(changes.filter(([, change]) => change !== undefined));
}
