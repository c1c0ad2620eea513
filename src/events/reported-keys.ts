/**
 * The keys under which a provider remembers what it reported: `<namespace>/.<name>.<container id>`. Those of before providers
 * had names in them, `<namespace>.<container id>`, and those of a former name of the provider, are taken over.
 */
import type { Bucket, BucketEntry } from './nats-bucket.ts';

/** Keys that are moved at a time. */
const movedAtOnce = 100;

/** Container ids come from labels, which allow more than keys do. */
const usableId = /^[-/=\w]+(?:\.[-/=\w]+)*$/;

export interface KeyOwner {
  namespace: string;
  /** Letters, digits, `.`, `_` and `-`. */
  providerName: string;
  formerNames: readonly string[];
}

/** Whether a key can have the id in it. */
export function canBeKept(containerId: string): boolean {
  return usableId.test(containerId);
}

export function keyOf({ namespace, providerName }: KeyOwner, containerId: string): string {
  return `${folderOf(namespace)}.${tokenOf(providerName)}.${containerId}`;
}

/** A version of the provider that knows no names in keys does not look there: no namespace is called so. */
function folderOf(namespace: string): string {
  return `${namespace}/`;
}

/** Dots separate the parts of a key. */
function tokenOf(providerName: string): string {
  return providerName.replaceAll('.', '=');
}

interface Former {
  key: string;
  containerId: string;
  entry: BucketEntry;
}

/**
 * All that is remembered of the owner's containers, by container id. Keys of former kinds are written anew under its name, and
 * then removed; what it has already wins.
 *
 * @param isValid - whether the value of a former key is one of this namespace: others stay as they are
 * @throws what the bucket throws; what was moved by then is not moved again
 */
export async function readKeys(
  bucket: Bucket,
  owner: KeyOwner,
  isValid: (value: string) => boolean,
): Promise<Map<string, BucketEntry>> {
  const { namespace, providerName, formerNames } = owner;
  const own = new Map<string, BucketEntry>();
  const former: Former[] = [];
  const formerTokens = new Set(formerNames.map(tokenOf));
  for (const [rest, entry] of await bucket.read(folderOf(namespace))) {
    const token = rest.slice(0, rest.indexOf('.'));
    const containerId = rest.slice(token.length + 1);
    if (token === tokenOf(providerName)) own.set(containerId, entry);
    else if (formerTokens.has(token)) former.push({ key: `${folderOf(namespace)}.${rest}`, containerId, entry });
  }
  for (const [containerId, entry] of await bucket.read(namespace)) {
    former.push({ key: `${namespace}.${containerId}`, containerId, entry });
  }
  const moved = former.filter(({ entry }) => isValid(entry.value));
  for (let begin = 0; begin < moved.length; begin += movedAtOnce) {
    await Promise.all(moved.slice(begin, begin + movedAtOnce).map(move));
  }
  return own;

  async function move({ key, containerId, entry }: Former): Promise<void> {
    const { value } = entry;
    if (!own.has(containerId)) {
      const revision = await bucket.put(keyOf(owner, containerId), value);
      own.set(containerId, { value, revision });
    }
    await bucket.purge(key, entry.revision);
  }
}
