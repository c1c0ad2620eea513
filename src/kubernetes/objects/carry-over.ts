/** A three-way merge: what changes between two manifests is changed in the object that lives, of which all else stays. */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../../containers/json.ts';

/**
 * What `live` becomes; undefined where it goes. Lists of objects with names are merged by those: items of neither manifest,
 * which somebody else added, come last.
 *
 * @param before - the manifest that it was made of
 * @param after - the manifest that it is to be made of
 */
export function carryOver(live: unknown, before: unknown, after: unknown): unknown {
  if (isDeepStrictEqual(before, after)) return live;
  if (isObject(live) && isObject(before ?? {}) && isObject(after)) return mergeMembers(live, before ?? {}, after);
  if (isNamed(live) && isNamed(before ?? []) && isNamed(after ?? [])) {
    const items = mergeItems(live, (before ?? []) as Named[], (after ?? []) as Named[]);
    return items.length > 0 ? items : after;
  }
  return after;
}

function mergeMembers(live: Record<string, unknown>, before: object, after: Record<string, unknown>): unknown {
  const members = new Map(Object.entries(live));
  const manifest = before as Record<string, unknown>;
  for (const name of new Set([...Object.keys(manifest), ...Object.keys(after)])) {
    const value = carryOver(live[name], manifest[name], after[name]);
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return Object.fromEntries(members);
}

interface Named {
  name: string;
}

function isNamed(value: unknown): value is Named[] {
  return Array.isArray(value) && value.every((item) => isObject(item) && typeof item.name === 'string');
}

function mergeItems(live: readonly Named[], before: readonly Named[], after: readonly Named[]): unknown[] {
  const byName = (items: readonly Named[], name: string) => items.find((item) => item.name === name);
  const items = after.map((item) => carryOver(byName(live, item.name), byName(before, item.name), item) ?? item);
  const others = live.filter(({ name }) => !byName(before, name) && !byName(after, name));
  return [...items, ...others];
}
