/** Amounts of memory and CPU as the API and as Kubernetes write them, and durations as Go does. */

/** The API's units are powers of 1,024, as Kubernetes' are that they become. */
const memoryUnits = {
  MB: { kubernetes: 'Mi', bytes: 1n << 20n },
  GB: { kubernetes: 'Gi', bytes: 1n << 30n },
  TB: { kubernetes: 'Ti', bytes: 1n << 40n },
} as const;

type MemoryUnit = keyof typeof memoryUnits;

const memoryPattern = /^([0-9]+)(MB|GB|TB)$/;

function parseMemory(amount: string): { count: bigint; unit: MemoryUnit } | undefined {
  const [, digits, unit] = memoryPattern.exec(amount) ?? [];
  return digits === undefined ? undefined : { count: BigInt(digits), unit: unit as MemoryUnit };
}

/** Bytes of an amount such as `512MB`; absent when it is not one. */
export function memoryBytes(amount: string): bigint | undefined {
  const memory = parseMemory(amount);
  return memory && memory.count * memoryUnits[memory.unit].bytes;
}

/**
 * The Kubernetes quantity for an amount of the API: `512Mi` for `512MB`.
 *
 * @throws RangeError when it is not an amount of the API
 */
export function memoryToQuantity(amount: string): string {
  const memory = parseMemory(amount);
  if (!memory) throw new RangeError('not an amount of memory');
  return `${memory.count.toString()}${memoryUnits[memory.unit].kubernetes}`;
}

/**
 * The amount of the API for a Kubernetes quantity, in the largest unit that divides it, rounded up to whole `MB`; absent
 * when it is not a quantity.
 */
export function memoryFromQuantity(quantity: string): string | undefined {
  const value = parseQuantity(quantity);
  if (!value) return undefined;
  const megabytes = divideUp(value.numerator, value.denominator * memoryUnits.MB.bytes);
  const bytes = megabytes * memoryUnits.MB.bytes;
  const unit = (['TB', 'GB'] as const).find((name) => bytes > 0n && bytes % memoryUnits[name].bytes === 0n) ?? 'MB';
  return `${(bytes / memoryUnits[unit].bytes).toString()}${unit}`;
}

/** Thousandths of a core of an amount of the API, such as `2`, `'2'` or `'500m'`; absent when it is not one. */
export function cpuMillicores(amount: unknown): number | undefined {
  if (typeof amount === 'number') return Number.isInteger(amount) ? amount * 1_000 : undefined;
  const [, digits, milli] = (typeof amount === 'string' && /^([1-9][0-9]*)(m?)$/.exec(amount)) || [];
  return digits === undefined ? undefined : Number(digits) * (milli ? 1 : 1_000);
}

/**
 * The amount of the API for a Kubernetes quantity: an integer where it is whole cores, else millicores, rounded up; absent
 * when it is not a quantity, or none at all.
 */
export function cpuFromQuantity(quantity: string): number | string | undefined {
  const value = parseQuantity(quantity);
  if (!value) return undefined;
  const millicores = divideUp(value.numerator * 1_000n, value.denominator);
  if (millicores === 0n) return undefined;
  return millicores % 1_000n === 0n ? Number(millicores / 1_000n) : `${millicores.toString()}m`;
}

/** The whole number that plain decimal digits, with a sign or without, stand for; absent for anything else. */
export function parseInteger(text: string): number | undefined {
  if (!/^-?[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

interface Rational {
  numerator: bigint;
  denominator: bigint;
}

const quantityPattern = /^\+?([0-9]+)(?:\.([0-9]*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?$/;
const decimalExponents: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** The exact value of a Kubernetes quantity that is not negative; absent when it is not one. */
function parseQuantity(quantity: string): Rational | undefined {
  const match = quantityPattern.exec(quantity);
  if (!match) return undefined;
  const [, whole = '', fraction = '', binary, decimal, exponent] = match;
  const digits = BigInt(whole + fraction);
  const power = (decimal === undefined ? Number(exponent ?? 0) : decimalExponents[decimal]!) - fraction.length;
  const factor = binary === undefined ? 1n : 1n << BigInt(10 * ('KMGTPE'.indexOf(binary[0]!) + 1));
  return {
    numerator: digits * factor * (power > 0 ? 10n ** BigInt(power) : 1n),
    denominator: power < 0 ? 10n ** BigInt(-power) : 1n,
  };
}

function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

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

const maxDurationLength = 64;
const termPattern = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * A duration as Go writes it, decimal numbers with units such as `1m30s`, `500ms` or `1.5h`, in whole milliseconds, rounded
 * up; undefined for all other texts. It may be 0 and it may be longer than a timer can wait; with a sign other than `+` it is
 * none here, since none of ours can be negative.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > maxDurationLength) return undefined;
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
