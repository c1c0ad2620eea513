/** Which hints for Kubernetes callers may use, from comma-separated lists. */
import { hintNames } from '../containers/hints.ts';
import type { HintName } from '../containers/hints.ts';
import { labelKeyViolation } from '../containers/label-syntax.ts';
import { isObjectName } from './lease-name.ts';

/** The hints of `SP_K8S_ALLOWED_HINTS`; `none` is the empty set. Absent where the list has something else in it. */
export function parseHintNames(list: string): ReadonlySet<HintName> | undefined {
  if (list.trim() === 'none') return new Set();
  return parseList(list, (item): item is HintName => (hintNames as readonly string[]).includes(item));
}

/** Names of Secrets; absent where the list has something else in it. */
export function parseObjectNames(list: string): ReadonlySet<string> | undefined {
  return parseList(list, (item): item is string => isObjectName(item));
}

/** Names of claims, and `prefix*` for all that begin so; absent where the list has something else in it. */
export function parseClaimNames(list: string): ReadonlySet<string> | undefined {
  // What may stand before more of a name is what makes one with a letter behind it.
  const isName = (item: string) => isObjectName(item.replace(/\*$/, 'x'));
  return parseList(list, (item): item is string => isName(item));
}

/** Keys of annotations, and `prefix/*` for all under a prefix; absent where the list has something else in it. */
export function parseAnnotationKeys(list: string): ReadonlySet<string> | undefined {
  return parseList(
    list,
    (item): item is string => labelKeyViolation(item.endsWith('/*') ? `${item.slice(0, -1)}any` : item) === undefined,
  );
}

function parseList<T extends string>(list: string, isAllowed: (item: string) => item is T): Set<T> | undefined {
  const items = list.split(',').map((item) => item.trim());
  return items.every(isAllowed) ? new Set(items) : undefined;
}
