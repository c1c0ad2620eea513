/** Order of resourceVersions: decimal numbers, as the API server promises for its own kinds of objects. */

/** Whether `version` is of a later write than `other`. */
export function isNewer(version: string, other: string): boolean {
  return version.length === other.length ? version > other : version.length > other.length;
}

/** A part of the history: what was written after the first version and no later than the second. */
export interface VersionRange {
  after: string;
  to: string;
}

export function isWithin({ after, to }: VersionRange, version: string): boolean {
  return isNewer(version, after) && !isNewer(version, to);
}

/** The smallest part that has both. */
export function spanning(one: VersionRange, other: VersionRange): VersionRange {
  return {
    after: isNewer(one.after, other.after) ? other.after : one.after,
    to: isNewer(one.to, other.to) ? one.to : other.to,
  };
}
