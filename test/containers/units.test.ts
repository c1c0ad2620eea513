import t from 'tap';
import {
  cpuFromQuantity,
  cpuMillicores,
  memoryBytes,
  memoryFromQuantity,
  memoryToQuantity,
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
