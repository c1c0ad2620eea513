import fc from 'fast-check';
import t from 'tap';

import { mergePatch, mergePatchBetween, findFixedViolations } from '../../src/containers/update.ts';
import { containerSpec } from '../support/base-spec.ts';

/** Those of RFC 7396, appendix A. */
const examples: [target: string, patch: string, result: string][] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ['{}', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
];

t.test('a merge patch does what RFC 7396 says', (t) => {
  for (const [target, patch, result] of examples) {
    t.equal(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch))), result, `${target} and ${patch}`);
  }
  t.end();
});

t.test('numbers that stand for themselves are values, not objects', (t) => {
  const exact = JSON.rawJSON('1.0');
  t.equal(JSON.stringify(mergePatch({ a: exact }, { b: JSON.rawJSON('1e400') })), '{"a":1.0,"b":1e400}');
  t.equal(mergePatchBetween({ a: exact }, { a: JSON.rawJSON('1.0') }), undefined);
  t.equal(JSON.stringify(mergePatchBetween({ a: exact }, { a: JSON.rawJSON('1.00') })), '{"a":1.00}');
  t.end();
});

/** JSON objects whose members are never null, as those of Kubernetes are. */
const { object } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer()), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

t.test('the patch between two objects makes one of the other, and changes neither', (t) => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const copies = structuredClone([before, after]);
      const patch = mergePatchBetween(before, after);
      t.same(patch === undefined ? before : mergePatch(before, patch), after);
      t.same([before, after], copies);
    }),
  );
  t.end();
});

t.test('the patch between two objects looks at each value once, however deep it is', (t) => {
  let looks = 0;
  const counted = {
    get value() {
      return ++looks > 0;
    },
  };
  const nested = (other: number) =>
    Array.from({ length: 100 }).reduce<object>((inner) => ({ inner }), { counted, other });
  t.match(JSON.stringify(mergePatchBetween(nested(1), nested(2))), /^(\{"inner":){100}\{"other":2\}+$/);
  t.equal(looks, 2);
  t.end();
});

t.test('members may be called as JavaScript calls its own', (t) => {
  const [before, after] = [JSON.parse('{"a":{"__proto__":{"b":1}}}'), JSON.parse('{"a":{}}')] as [unknown, unknown];
  t.equal(JSON.stringify(mergePatchBetween(before, after)), '{"a":{"__proto__":null}}');
  t.equal(JSON.stringify(mergePatchBetween(after, before)), '{"a":{"__proto__":{"b":1}}}');
  t.end();
});

t.test('what is fixed may be sent as it is, and not changed', (t) => {
  const current = containerSpec({ metadata: { name: 'web', namespace: 'containers' } });
  const pointers = (spec: unknown) => findFixedViolations({ spec }, current).map(({ pointer }) => pointer);
  t.same(pointers(current), []);
  t.same(pointers({ image: { reference: 'other' } }), []);
  t.same(pointers({ service_type: null, metadata: { name: 'other', namespace: null } }), [
    '/spec/service_type',
    '/spec/metadata/name',
    '/spec/metadata/namespace',
  ]);
  t.same(pointers(null), []);
  t.end();
});
