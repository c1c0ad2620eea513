/** Durations as Go writes them: decimal numbers with units, such as `1m30s`, `500ms` or `1.5h`. */

const nanosecondsPerUnit: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  '\u00b5s': 1_000n, // micro sign
  '\u03bcs': 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const maxLength = 64;
const termPattern = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * The duration in whole milliseconds, rounded up, or undefined where the text is no Go duration. It may be 0 and it may
 * be longer than a timer can wait; a sign other than `+` is no duration here, since none of ours can be negative.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > maxLength) return undefined;
  const terms = text.startsWith('+') ? text.slice(1) : text;
  if (terms === '0') return 0;
  if (terms === '') return undefined;

  let nanoseconds = 0n;
  termPattern.lastIndex = 0;
  while (termPattern.lastIndex < terms.length) {
    const [term, whole = '', fraction = '', unit = ''] = termPattern.exec(terms) ?? [];
    if (term === undefined || whole + fraction === '') return undefined;
    const digits = BigInt(whole + fraction);
    nanoseconds += (digits * nanosecondsPerUnit[unit]!) / 10n ** BigInt(fraction.length);
  }
  return Math.ceil(Number(nanoseconds) / 1_000_000);
}
