import { test } from 'tap';
import {
  coresFromQuantity,
  memoryBytes,
  memoryFromQuantity,
  memoryToQuantity,
  parseInteger,
} from '../../src/containers/units.ts';

test('amounts of memory are powers of 1,024', (t) => {
  t.equal(memoryBytes('1MB'), 1_048_576n);
  t.equal(memoryBytes('2GB'), 2n << 30n);
  t.equal(memoryBytes('8388608TB'), 1n << 63n);
  t.equal(memoryBytes('007MB'), 7n << 20n);
  for (const amount of ['', 'MB', '1', '1mb', '1.5GB', '-1GB', '1GB ', '1GiB', '1PB']) {
    t.equal(memoryBytes(amount), undefined, amount);
  }
  t.end();
});

test('an amount becomes a quantity in the unit that it has', (t) => {
  t.equal(memoryToQuantity('1024MB'), '1024Mi');
  t.equal(memoryToQuantity('3GB'), '3Gi');
  t.equal(memoryToQuantity('001TB'), '1Ti');
  t.throws(() => memoryToQuantity('1Gi'), RangeError);
  t.end();
});

test('a quantity becomes an amount in the largest unit that divides it, rounded up to whole MB', (t) => {
  const amounts = {
    '512Mi': '512MB',
    '1024Mi': '1GB',
    '1536Mi': '1536MB',
    '1048576Mi': '1TB',
    '2Pi': '2048TB',
    '1073741824': '1GB',
    '1G': '954MB',
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

test('cores are whole, rounded up', (t) => {
  const cores = { '2': 2, '2000m': 2, '1500m': 2, '100m': 1, '0.5': 1, '1.0': 1, '1k': 1_000, '1n': 1, '0': 0 };
  for (const [quantity, count] of Object.entries(cores)) t.equal(coresFromQuantity(quantity), count, quantity);
  t.equal(coresFromQuantity('two'), undefined);
  t.end();
});

test('only plain digits are integers, and only those that a number holds exactly', (t) => {
  t.equal(parseInteger('0'), 0);
  t.equal(parseInteger('-12'), -12);
  t.equal(parseInteger('007'), 7);
  t.equal(parseInteger('9007199254740991'), Number.MAX_SAFE_INTEGER);
  for (const text of ['', ' 5', '5 ', '+5', '1e2', '0x10', '5.0', '9007199254740992', '٣']) {
    t.equal(parseInteger(text), undefined, text);
  }
  t.end();
});
