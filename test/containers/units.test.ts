import fc from 'fast-check';
import t from 'tap';
import {
  cpuFromQuantity,
  cpuMillicores,
  memoryBytes,
  memoryFromQuantity,
  memoryToQuantity,
  parseDuration,
  parseInteger,
} from '../../src/containers/units.ts';

t.test('amounts of memory are powers of 1,024', (t) => {
  t.equal(memoryBytes('1MB'), 1_048_576n);
  t.equal(memoryBytes('2GB'), 2n << 30n);
  t.equal(memoryBytes('8388608TB'), 1n << 63n);
  t.equal(memoryBytes('007MB'), 7n << 20n);
  for (const amount of ['', 'MB', '1', '1mb', '1.5GB', '-1GB', '1GB ', '1GiB', '1PB']) {
    t.equal(memoryBytes(amount), undefined, amount);
  }
  t.end();
});

t.test('an amount becomes a quantity in the unit that it has', (t) => {
  t.equal(memoryToQuantity('1024MB'), '1024Mi');
  t.equal(memoryToQuantity('3GB'), '3Gi');
  t.equal(memoryToQuantity('001TB'), '1Ti');
  t.throws(() => memoryToQuantity('1Gi'), RangeError);
  t.end();
});

t.test('a quantity becomes an amount in the largest unit that divides it, rounded up to whole MB', (t) => {
  const amounts = {
    '512Mi': '512MB',
    '1024Mi': '1GB',
    '1536Mi': '1536MB',
    '1048576Mi': '1TB',
    '2Pi': '2048TB',
    '1073741824': '1GB',
    '1G': '954MB',
    '3M': '3MB',
    '1T': '953675MB',
    '1P': '953674317MB',
    '1E': '953674316407MB',
    '1': '1MB',
    '0': '0MB',
    '1.5Gi': '1536MB',
    '1e9': '954MB',
    '1048576e-3': '1MB',
    '500m': '1MB',
    '+1Gi': '1GB',
  };
  for (const [quantity, amount] of Object.entries(amounts)) t.equal(memoryFromQuantity(quantity), amount, quantity);
  for (const quantity of ['', 'Gi', '-1Gi', '1GB', '1 Gi', '.5Gi', '1e99999']) {
    t.equal(memoryFromQuantity(quantity), undefined, quantity);
  }
  t.end();
});

t.test('CPU is whole cores where it can be, else millicores, rounded up', (t) => {
  const amounts = {
    '2': 2,
    '2000m': 2,
    '1500m': '1500m',
    '100m': '100m',
    '0.5': '500m',
    '1.0': 1,
    '1k': 1_000,
    '1n': '1m',
    '2000u': '2m',
  };
  for (const [quantity, amount] of Object.entries(amounts)) t.equal(cpuFromQuantity(quantity), amount, quantity);
  for (const quantity of ['two', '0', '']) t.equal(cpuFromQuantity(quantity), undefined, quantity);
  t.end();
});

t.test('millicores of an amount of CPU, whichever way it is written', (t) => {
  for (const [amount, millicores] of [
    [2, 2_000],
    ['2', 2_000],
    ['500m', 500],
    ['1000m', 1_000],
  ]) {
    t.equal(cpuMillicores(amount), millicores, String(amount));
  }
  for (const amount of ['', '0', '0m', '01', '1.5', '-1', ' 1', '1M', 1.5, null, {}])
    t.equal(cpuMillicores(amount), undefined);
  t.end();
});

t.test('only plain digits are integers, and only those that a number holds exactly', (t) => {
  t.equal(parseInteger('0'), 0);
  t.equal(parseInteger('-12'), -12);
  t.equal(parseInteger('007'), 7);
  t.equal(parseInteger('9007199254740991'), Number.MAX_SAFE_INTEGER);
  for (const text of ['', ' 5', '5 ', '+5', '1e2', '0x10', '5.0', '9007199254740992', '٣']) {
    t.equal(parseInteger(text), undefined, text);
  }
  t.end();
});

t.test('reads durations as Go writes them', (t) => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2.s', 2_000],
    ['1h1m1s1ms1us1ns', 3_661_002],
    ['1500µs', 2],
    ['1500μs', 2],
    ['1500us', 2],
    ['1000000ns', 1],
    ['1ns', 1],
    ['0.1s', 100],
    ['0.0003h', 1_080],
    ['0', 0],
    ['0s', 0],
    ['+5s', 5_000],
    ['1s1s', 2_000],
    ['100000h', 360_000_000_000],
  ] as const) {
    t.equal(parseDuration(text), ms, text);
  }
  t.end();
});

t.test('takes nothing else for a duration', (t) => {
  for (const text of [
    '',
    ' ',
    '5',
    '1.5',
    's',
    '.s',
    '1 s',
    ' 1s',
    '1s ',
    '-1s',
    '1S',
    '1d',
    '1h-1m',
    '1e3s',
    '1..s',
    '1s2',
    '+',
    '++1s',
    '0x1s',
    '1,5s',
  ]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
  t.equal(parseDuration(`${'1'.repeat(64)}h`), undefined, 'more digits than any duration has');
  t.end();
});

t.test('adds up the parts of any duration', (t) => {
  const below = (max: number) => fc.integer({ min: 0, max: max - 1 });
  fc.assert(
    fc.property(below(500), below(60), below(60), below(1_000), (h, m, s, ms) => {
      return parseDuration(`${h}h${m}m${s}s${ms}ms`) === ((h * 60 + m) * 60 + s) * 1_000 + ms;
    }),
  );
  t.end();
});
