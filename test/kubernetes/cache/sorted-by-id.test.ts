import fc from 'fast-check';
import t from 'tap';

import { SortedById } from '../../../src/kubernetes/cache/container-index.ts';

const idsOf = (items: Iterable<{ id: string }>) => [...items].map(({ id }) => id);
const id = fc.stringMatching(/^[a-z0-9-]{1,4}$/);

t.test('holds what a set holds, in the order of the code points', (t) => {
  const step = fc.record({ add: fc.boolean(), id });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ids = new SortedById();
      const expected = new Set<string>();
      for (const each of steps) {
        if (each.add) ids.add({ id: each.id });
        else ids.delete(each.id);
        if (each.add) expected.add(each.id);
        else expected.delete(each.id);
      }
      t.same(idsOf(ids), [...expected].sort());
      t.equal(ids.size, expected.size);
      for (const { id: asked } of steps) t.equal(ids.has(asked), expected.has(asked));
    }),
  );
  t.end();
});

t.test('gives what comes after an id, whether or not that id is there', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(id), id, fc.integer({ min: 1, max: 5 }), (all, asked, count) => {
      const ids = new SortedById();
      for (const each of all) ids.add({ id: each });
      const sorted = [...all].sort();
      t.same(idsOf(ids.after(asked, count)), sorted.filter((each) => each > asked).slice(0, count));
      t.same(idsOf(ids.after(undefined, count)), sorted.slice(0, count));
    }),
  );
  t.end();
});

t.test('takes items in any order in the place of all', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(id), fc.uniqueArray(id), (before, all) => {
      const ids = new SortedById();
      for (const each of before) ids.add({ id: each });
      ids.replace(all.map((each) => ({ id: each })));
      t.same(idsOf(ids), [...all].sort());
    }),
  );
  t.end();
});

t.test('hyphens come before digits, and digits before letters', (t) => {
  const ids = new SortedById();
  for (const each of ['ab', 'a1', 'a-b', 'a', 'b']) ids.add({ id: each });
  t.same(idsOf(ids), ['a', 'a-b', 'a1', 'ab', 'b']);
  t.end();
});
