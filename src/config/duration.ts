/** Durations as Go writes them: decimal numbers with units, such as `1m30s`, `500ms` or `1.5h`. */

/** The longest time that a Node timer can wait, in milliseconds: a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  '\u00b5s': 1_000n, // micro sign
  '\u03bcs': 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX_LENGTH = 64;
const TERM = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * The duration in whole milliseconds, rounded up, or undefined where the text is no Go duration. It may be 0 and it may
 * be longer than `MAX_TIMER_MS`; a sign other than `+` is no duration here, since none of ours can be negative.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const terms = text.startsWith('+') ? text.slice(1) : text;
  if (terms === '0') return 0;
  if (terms === '') return undefined;

  let nanoseconds = 0n;
  TERM.lastIndex = 0;
  while (TERM.lastIndex < terms.length) {
    const [term, whole = '', fraction = '', unit = ''] = TERM.exec(terms) ?? [];
    if (term === undefined || whole + fraction === '') return undefined;
    const digits = BigInt(whole + fraction);
    nanoseconds += (digits * NANOSECONDS[unit]!) / 10n ** BigInt(fraction.length);
  }
  return Math.ceil(Number(nanoseconds) / 1_000_000);
}
