import t from 'tap';
import { digestOfDelete } from '../../src/containers/idempotency.ts';
import { KeyedDeletes } from '../../src/containers/keyed-deletes.ts';

const minute = 60_000;

t.test('remembers for ten minutes what a delete with a key has removed', (t) => {
  let now = 5;
  const deletes = new KeyedDeletes(() => now);
  t.notOk(deletes.has('a'));
  deletes.note('a');
  t.ok(deletes.has('a'));
  t.notOk(deletes.has('b'));
  now += 10 * minute - 1;
  t.ok(deletes.has('a'));
  now += 1;
  t.notOk(deletes.has('a'));
  t.end();
});

t.test('counts from the last time where one removed one container after the other', (t) => {
  let now = 0;
  const deletes = new KeyedDeletes(() => now);
  deletes.note('a');
  now += 9 * minute;
  deletes.note('a');
  now += 9 * minute;
  t.ok(deletes.has('a'));
  t.end();
});

t.test('keeps nothing that is too old', (t) => {
  let now = 0;
  const deletes = new KeyedDeletes(() => now);
  for (let count = 0; count < 100; count++) deletes.note(String(count));
  now += 10 * minute;
  deletes.note('a');
  t.equal(deletes.size, 1);
  t.end();
});

t.test('keeps nothing that is too old behind what was noted again', (t) => {
  let now = 0;
  const deletes = new KeyedDeletes(() => now);
  deletes.note('a');
  deletes.note('b');
  now += 9 * minute;
  deletes.note('a');
  now += 9 * minute;
  deletes.note('c');
  t.equal(deletes.size, 2);
  t.end();
});

t.test('keeps 20,000 at most, and forgets the oldest', (t) => {
  const deletes = new KeyedDeletes(() => 0);
  for (let count = 0; count < 50_000; count++) deletes.note(String(count));
  t.equal(deletes.size, 20_000);
  t.notOk(deletes.has('29999'));
  t.ok(deletes.has('30000'));
  t.ok(deletes.has('49999'));
  t.end();
});

t.test('the digest of a delete tells containers and keys apart', (t) => {
  const digest = digestOfDelete('key', 'web');
  t.match(digest, /^[0-9a-f]{64}$/);
  t.equal(digestOfDelete('key', 'web'), digest);
  t.equal(
    new Set([digest, digestOfDelete('key', 'other'), digestOfDelete('other', 'web'), digestOfDelete('web', 'key')])
      .size,
    4,
  );
  t.end();
});
