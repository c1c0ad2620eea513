/** Order of resourceVersions: decimal numbers, as the API server promises for its own kinds of objects. */

/** Whether `version` is of a later write than `other`. */
export function isNewer(version: string, other: string): boolean {
  return version.length === other.length ? version > other : version.length > other.length;
}
