/** Merge patches (RFC 7396) and strategic merge patches. */
import { isJsonObject, type JsonObject } from './objects.ts';

/** @returns a new value; neither argument is altered, but the result may share parts with both */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** The lists that a strategic merge patch merges by a member of their items, by the name of the list. */
const mergeKeys: Record<string, string> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ownerReferences: 'uid',
  conditions: 'type',
};

/** Lists of plain values that are united rather than replaced. */
const unitedLists = new Set(['finalizers']);

/**
 * A patch that merges known lists by their key. Of the directives it knows `$patch: delete` and `replace` on items, and
 * `$deleteFromPrimitiveList`; the order directives are ignored.
 */
export function strategicMergePatch(target: unknown, patch: unknown, list = ''): unknown {
  if (Array.isArray(patch)) return mergeLists(Array.isArray(target) ? target : [], patch, list);
  if (!isJsonObject(patch)) return patch;
  const { $patch: directive, ...members } = patch;
  const result: JsonObject = isJsonObject(target) && directive !== 'replace' ? { ...target } : {};
  for (const [key, value] of Object.entries(members)) {
    if (key.startsWith('$setElementOrder/') || key === '$retainKeys') continue;
    const removedFrom = /^\$deleteFromPrimitiveList\/(.+)$/.exec(key)?.[1];
    if (removedFrom !== undefined) {
      const kept = result[removedFrom];
      if (Array.isArray(kept)) result[removedFrom] = kept.filter((each) => !(value as unknown[]).includes(each));
    } else if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = strategicMergePatch(result[key], value, key);
  }
  return result;
}

function mergeLists(target: readonly unknown[], patch: readonly unknown[], list: string): unknown[] {
  if (unitedLists.has(list)) return [...new Set([...target, ...patch])];
  // The ports of a Service and those of a container share the list's name but not the key.
  const key = list === 'ports' ? (isServicePort(patch[0]) ? 'port' : 'containerPort') : mergeKeys[list];
  if (key === undefined) return [...patch];
  const result = [...target];
  for (const item of patch) {
    if (!isJsonObject(item)) continue;
    const index = result.findIndex((each) => isJsonObject(each) && each[key] === item[key]);
    if (item['$patch'] === 'delete') {
      if (index >= 0) result.splice(index, 1);
    } else if (index >= 0) result[index] = strategicMergePatch(result[index], item);
    else result.push(item);
  }
  return result;
}

function isServicePort(item: unknown): boolean {
  return isJsonObject(item) && item['port'] !== undefined;
}
