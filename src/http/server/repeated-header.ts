/**
 * Whether a header came on several lines. Of some, such as `Host` and `Authorization`, Node keeps the first and drops the
 * others; the next server on the way may not.
 *
 * @param rawHeaders - names and values by turns, as Node has them
 * @param name - in lower case
 */
export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let found = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const other = rawHeaders[index]!;
    if (other.length !== name.length || other.toLowerCase() !== name) continue;
    if (found) return true;
    found = true;
  }
  return false;
}
