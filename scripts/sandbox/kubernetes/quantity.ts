/** Quantities such as `500m` and `1Gi`: the API server stores them in one canonical form whatever form was sent. */

const nano = 1_000_000_000n;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

export interface Quantity {
  /** In billionths, rounded away from zero. */
  nanos: bigint;
  canonical: string;
}

/** @returns nothing where the text is no quantity */
export function parseQuantity(text: string): Quantity | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?((?:[KMGTPE]i)|[numkMGTPE]|(?:[eE][+-]?\d{1,3}))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  const [numerator, denominator] = scaleOf(suffix);
  const divisor = denominator * 10n ** BigInt(fraction.length);
  const magnitude = (digits * numerator * nano + divisor - 1n) / divisor;
  return { nanos: sign === '-' ? -magnitude : magnitude, canonical: canonicalForm(magnitude, sign === '-', suffix) };
}

function scaleOf(suffix: string): [numerator: bigint, denominator: bigint] {
  if (suffix.endsWith('i')) return [1024n ** BigInt(binarySuffixes.indexOf(suffix)), 1n];
  if (/^[eE]./.test(suffix)) {
    const exponent = Number(suffix.slice(1));
    return exponent >= 0 ? [10n ** BigInt(exponent), 1n] : [1n, 10n ** BigInt(-exponent)];
  }
  const thousands = decimalSuffixes.indexOf(suffix) - 3;
  return thousands >= 0 ? [1000n ** BigInt(thousands), 1n] : [1n, 1000n ** BigInt(-thousands)];
}

function canonicalForm(magnitude: bigint, negative: boolean, suffix: string): string {
  const sign = negative ? '-' : '';
  if (magnitude === 0n) return '0';
  if (suffix.endsWith('i') && magnitude >= 1024n * nano) {
    const [value, power] = withoutFactors((magnitude + nano - 1n) / nano, 1024n, binarySuffixes.length - 1);
    return `${sign}${value}${binarySuffixes[power] ?? ''}`;
  }
  const [value, power] = withoutFactors(magnitude, 1000n, decimalSuffixes.length - 1);
  if (!/^[eE]./.test(suffix)) return `${sign}${value}${decimalSuffixes[power] ?? ''}`;
  return power === 3 ? `${sign}${value}` : `${sign}${value}e${(power - 3) * 3}`;
}

function withoutFactors(value: bigint, factor: bigint, limit: number): [value: bigint, factors: number] {
  let factors = 0;
  let rest = value;
  while (factors < limit && rest % factor === 0n) {
    rest /= factor;
    factors += 1;
  }
  return [rest, factors];
}
