/** Objects as API servers write them, without what is of no use here. */

const [beginning, end, nextMetadata] = [',"managedFields":[', ']},"spec":', '"metadata":'];

/**
 * What `JSON.parse` gives, without the `managedFields` of objects that have a `spec`: who owns which field is half of what an
 * API server writes, and of the time to read it. They are found where API servers have them, as the last in an object's
 * metadata: no text in JSON has a quotation mark that does not end it, and no field of theirs is called `spec`, but `f:spec`.
 *
 * @throws SyntaxError
 */
export function parseObjects(text: string): unknown {
  let from = text.indexOf(beginning);
  if (from < 0) return JSON.parse(text);
  let kept = '';
  let to = 0;
  for (; from >= 0; from = text.indexOf(beginning, to)) {
    const closing = text.indexOf(end, from);
    const isOfAnother = text.slice(from, closing).includes(nextMetadata);
    if (closing < 0 || isOfAnother) break;
    kept += text.slice(to, from);
    to = closing + ']'.length;
  }
  return JSON.parse(kept + text.slice(to));
}
