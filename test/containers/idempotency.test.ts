/** Keys as clients send them, and what is kept of them. */
import fc from 'fast-check';
import t from 'tap';
import type { ContainerSpec } from '../../src/containers/container.ts';
import {
  canonicalJson,
  containerIdOfKey,
  digestOfDelete,
  idempotencyRecord,
  KeyedDeletes,
  matchIdempotency,
  parseIdempotencyKey,
} from '../../src/containers/idempotency.ts';

t.test('a key is the same bare and quoted', (t) => {
  const keys: Record<string, string> = {
    'a1b2-c3': 'a1b2-c3',
    '"a1b2-c3"': 'a1b2-c3',
    ' padded ': 'padded',
    'with "quotes" in it': 'with "quotes" in it',
    '"with \\"quotes\\" in it"': 'with "quotes" in it',
    '"back\\\\slash"': 'back\\slash',
    'back\\slash': 'back\\slash',
    '~': '~',
  };
  for (const [value, key] of Object.entries(keys)) t.equal(parseIdempotencyKey(value), key, value);
  const longest = 'k'.repeat(255);
  t.equal(parseIdempotencyKey(longest), longest);
  t.equal(parseIdempotencyKey(`"${longest}"`), longest);
  t.end();
});

t.test('what is no key is told', (t) => {
  for (const value of [
    '',
    ' ',
    '""',
    '"',
    '"open',
    '"a" b',
    '"a";b=1',
    '"\\a"',
    'é',
    '\u00a0key',
    'key\ufeff',
    'a\tb',
    'a\u0000',
    'k'.repeat(256),
  ]) {
    t.equal(parseIdempotencyKey(value), undefined, JSON.stringify(value));
  }
  t.end();
});

t.test('every string of printable ASCII characters comes back from its quoted form', (t) => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 255,
  });
  fc.assert(fc.property(printable, (key) => parseIdempotencyKey(`"${key.replaceAll(/["\\]/g, '\\$&')}"`) === key));
  t.end();
});

t.test('the id of a key is a UUID of version 8, the same in every version of the provider', (t) => {
  t.equal(containerIdOfKey('order-7'), 'dd667d52-e977-87e9-88d7-1a842eb02a55');
  t.equal(containerIdOfKey('order-8'), '821343c4-0668-8b0b-8b3c-91f88d9b7bed');
  for (let number = 0; number < 64; number++) {
    t.match(containerIdOfKey(`${number}`), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  t.end();
});

t.test('what is kept of a request, or of a delete, is the same in every version of the provider', (t) => {
  t.same(idempotencyRecord('key', 'web', { service_type: 'container' } as ContainerSpec), {
    keyDigest: '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683',
    requestDigest: '9ddfe117991c0b0332af61bdab769128ce1ff35ae9bca7400dc2798de8cc564c',
  });
  t.equal(digestOfDelete('key', 'web'), '1103444ea2dc9de8644b2036810f7504b0dd0986a17f4a56e05055743403ef82');
  t.end();
});

const spec = (change: object = {}): ContainerSpec => ({
  service_type: 'container',
  metadata: { name: 'web', labels: { a: '1', b: '2' } },
  image: { reference: 'nginx' },
  resources: { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } },
  ...change,
});

t.test('a request is the same in any order of its members, and no other', (t) => {
  const kept = idempotencyRecord('key', 'web', spec());
  const reordered = Object.fromEntries(Object.entries(spec()).reverse()) as unknown as ContainerSpec;
  t.equal(matchIdempotency(kept, idempotencyRecord('key', 'web', reordered)), 'same-request');
  t.equal(
    matchIdempotency(kept, idempotencyRecord('key', 'web', spec({ image: { reference: 'nginx:2' } }))),
    'other-request',
  );
  t.equal(matchIdempotency(kept, idempotencyRecord('key', 'web-2', spec())), 'other-request');
  t.equal(matchIdempotency(kept, idempotencyRecord('another', 'web', spec())), 'other-key');
  t.equal(matchIdempotency(undefined, idempotencyRecord('key', 'web', spec())), 'other-key');
  t.end();
});

t.test('what was edited by hand matches no request', (t) => {
  const asked = idempotencyRecord('k', 'web', {} as ContainerSpec);
  for (const edited of ['', '\u00e9'.repeat(64), 'f'.repeat(64)]) {
    t.equal(matchIdempotency({ ...asked, keyDigest: edited }, asked), 'other-key', edited);
    t.equal(matchIdempotency({ ...asked, requestDigest: edited }, asked), 'other-request', edited);
  }
  t.end();
});

t.test('what is kept tells nothing of the request without the key', (t) => {
  const [a, b] = [idempotencyRecord('one', 'web', spec()), idempotencyRecord('two', 'web', spec())];
  t.not(a.requestDigest, b.requestDigest);
  t.match(a, { keyDigest: /^[0-9a-f]{64}$/, requestDigest: /^[0-9a-f]{64}$/ });
  t.end();
});

t.test('canonical JSON keeps the order of lists and all members', (t) => {
  t.equal(canonicalJson({ b: [2, 1, { d: null, c: 'x' }], a: true }), '{"a":true,"b":[2,1,{"c":"x","d":null}]}');
  t.equal(canonicalJson(JSON.parse('{"__proto__":1,"a":2}')), '{"__proto__":1,"a":2}');
  t.end();
});

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
