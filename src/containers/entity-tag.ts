/** The entity tag of a container (AEP-154; RFC 9110, section 8.8.3). */
import { hash } from 'node:crypto';
import type { Container } from './container.ts';

/** A container is the same object until anything about it changes. */
const tags = new WeakMap<Container, string>();

/**
 * The strong entity tag, in quotes, of what was asked for: it changes with the spec, and not with what the cluster makes of
 * it, so that who has read a container may change it while it starts. The same on every replica and after a restart.
 */
export function entityTagOf(container: Container): string {
  let tag = tags.get(container);
  if (tag === undefined) {
    const { id, create_time: createTime, spec } = container;
    const { ip: _ip, ...network } = spec.network ?? {};
    const asked = JSON.stringify([id, createTime, { ...spec, network }]);
    tag = `"${hash('sha256', asked, 'base64url').slice(0, 22)}"`;
    tags.set(container, tag);
  }
  return tag;
}

const entityTag = String.raw`(?:W/)?"[!#-~\x80-\xff]*"`;
const listOfTags = new RegExp(`^\\s*${entityTag}(?:\\s*,\\s*${entityTag})*\\s*$`);

/** Completes "The header If-Match …". */
export const ifMatchRule = 'must be * or entity tags in quotes, separated by commas';

/**
 * What a header `If-Match` (RFC 9110, section 13.1.1) holds for, as a function of the present entity tag; absent where it is
 * malformed. Weak tags are never equal.
 */
export function parseIfMatch(value: string): ((tag: string) => boolean) | undefined {
  if (value.trim() === '*') return () => true;
  if (!listOfTags.test(value)) return undefined;
  const tags = value.match(new RegExp(entityTag, 'g'))!;
  return (tag) => tags.includes(tag);
}
