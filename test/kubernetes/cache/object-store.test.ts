import { setImmediate } from 'node:timers/promises';
import t from 'tap';

import { ObjectStore } from '../../../src/kubernetes/cache/object-store.ts';
import { isNewer } from '../../../src/containers/resource-version.ts';
import type { ObjectRecord } from '../../../src/kubernetes/objects/object.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function object(uid: string, resourceVersion: string): ObjectRecord {
  return { uid, resourceVersion, name: uid, containerId: uid, createdAt: 0 };
}

/** A list that was begun before anything else. */
function list(items: ObjectRecord[], version: string, begunAt = 0) {
  return { items, version, begunAt };
}

/** A store and what it told, as `uid:version before>version after`. */
function store() {
  const told: string[] = [];
  const clock = new ManualClock();
  const items = new ObjectStore<ObjectRecord>((before, after) => {
    const { uid } = (before ?? after)!;
    told.push(`${uid}:${before?.resourceVersion ?? ''}>${after?.resourceVersion ?? ''}`);
  }, clock);
  return { items, clock, told: () => told.splice(0) };
}

t.test('versions are compared as the numbers that they are', (t) => {
  t.ok(isNewer('10', '9'));
  t.notOk(isNewer('9', '10'));
  t.notOk(isNewer('10', '10'));
  t.ok(isNewer('20000000000000000001', '20000000000000000000'));
  t.end();
});

t.test('a list tells what appeared, changed and went since the last', async (t) => {
  const { items, told } = store();
  await items.replace(list([object('a', '1'), object('b', '2')], '2'));
  t.same(told(), ['a:>1', 'b:>2']);
  await items.replace(list([object('b', '2'), object('c', '4')], '5'));
  t.same(told(), ['a:1>', 'c:>4']);
  await items.replace(list([object('b', '6')], '6'));
  t.same(told(), ['c:4>', 'b:2>6']);
});

t.test('a watch tells each change once', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.apply(object('a', '2'));
  items.apply(object('a', '2'));
  items.apply(object('a', '3'));
  items.delete('a', '4');
  items.delete('a', '4');
  t.same(told(), ['a:>2', 'a:2>3', 'a:3>']);
});

t.test('an own write shows at once, and not again when the watch tells of it', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.write(object('a', '5'));
  items.apply(object('a', '5'));
  t.same(told(), ['a:>5']);
});

t.test('an own write is not undone by older news', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.write(object('a', '5'));
  await items.replace(list([], '4'));
  items.apply(object('a', '4'));
  t.equal(items.get('a')?.resourceVersion, '5');
  t.same(told(), ['a:>5']);
});

t.test('an own write of which a later list does not know is gone', async (t) => {
  const { items } = store();
  await items.replace(list([], '1'));
  items.write(object('a', '5'));
  await items.replace(list([], '6'));
  t.notOk(items.get('a'));
});

t.test('an answer that comes after the watch told of the deletion brings nothing back', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.apply(object('a', '5'));
  items.delete('a', '6');
  told();
  items.write(object('a', '5'));
  t.same(told(), ['a:5>'], 'its end is told once more, since a list may have told of neither');
  t.notOk(items.get('a'));
});

t.test('an answer that comes after a list without the object brings nothing back', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '9'));
  told();
  items.write(object('a', '5'));
  t.notOk(items.get('a'));
  t.same(told(), ['a:5>'], 'that it came and went is told');
});

t.test('the end of an object that was never seen here is told once', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.hide('own', object('own', '3'));
  t.same(told(), ['own:3>'], 'an own delete');
  items.apply(object('own', '3'));
  items.delete('own', '4', () => object('own', '4'));
  t.same(told(), [], 'of which the watch tells later');
  items.delete('other', '5', () => object('other', '5'));
  t.same(told(), ['other:5>'], "somebody else's");
});

t.test('a watch that goes on from before a list brings back nothing that the list knew better', async (t) => {
  const { items, told } = store();
  await items.replace(list([object('a', '1')], '1'));
  await items.replace(list([object('a', '5')], '6'));
  told();
  items.apply(object('a', '2'));
  items.apply(object('b', '3'));
  items.delete('b', '4', () => object('b', '4'));
  t.same(told(), ['b:4>'], 'what came and went between is told');
  t.equal(items.get('a')?.resourceVersion, '5');
  items.write(object('c', '6'));
  t.notOk(items.get('c'), 'the list still counts for own writes');
});

t.test('an own delete hides the object whatever the watch still says of it', async (t) => {
  const { items, told } = store();
  await items.replace(list([object('a', '1')], '1'));
  told();
  items.hide('a');
  t.same(told(), ['a:1>']);
  items.apply(object('a', '2'));
  await items.replace(list([object('a', '2')], '2'));
  items.write(object('a', '3'));
  t.ok(items.isHiddenSince('a', 0));
  t.notOk(items.get('a'));
  items.delete('a', '4');
  t.notOk(items.isHiddenSince('a', 0));
  t.same(told(), []);
});

t.test('an object that was deleted before the watch told of it never shows', async (t) => {
  const { items, told } = store();
  await items.replace(list([], '1'));
  items.hide('a');
  await items.replace(list([], '2'));
  items.apply(object('a', '3'));
  items.delete('a', '4');
  t.same(told(), []);
});

t.test('versions that start over, as after a restore, are taken as they come', async (t) => {
  const { items } = store();
  await items.replace(list([object('a', '900')], '900'));
  await items.replace(list([object('a', '40'), object('b', '41')], '50'));
  items.apply(object('a', '51'));
  t.equal(items.get('a')?.resourceVersion, '51');
  t.equal(items.size, 2);
});

t.test('others have a turn while a long list is taken over, and their writes stay', async (t) => {
  const { items } = store();
  const listed = Array.from({ length: 5000 }, (_, index) => object(`o${index}`, '5'));
  const replacing = items.replace(list(listed, '10'));
  items.write(object('mine', '11'));
  items.hide('o4999');
  t.ok(items.size < 5000, 'it is going on');
  await replacing;
  t.equal(items.size, 5000);
  t.ok(items.get('mine'));
  t.notOk(items.get('o4999'));
});

t.test('an answer that comes while a later list is taken over does not undo what the list tells', async (t) => {
  const { items } = store();
  const listed = Array.from({ length: 5000 }, (_, index) => object(`o${index}`, '5'));
  await items.replace(list([], '1'));
  const replacing = items.replace(list(listed, '10'));
  items.write(object('gone', '9'));
  items.write(object('o0', '4'));
  items.write(object('o4999', '4'));
  t.equal(items.get('o4999')?.resourceVersion, '4', 'it shows at once');
  await replacing;
  t.notOk(items.get('gone'));
  t.same([items.get('o0')?.resourceVersion, items.get('o4999')?.resourceVersion], ['5', '5']);
});

t.test('no reader sees a part of a new list', async (t) => {
  const { items } = store();
  const generation = (version: string) =>
    Array.from({ length: 3000 }, (_, index) => ({
      ...object(`${version}-${index}`, version),
      containerId: `${index}`,
    }));
  await items.replace(list(generation('1'), '1'));
  const replacing = items.replace(list(generation('2'), '2'));
  let looks = 0;
  const over = new AbortController();
  void replacing.then(() => over.abort());
  while (!over.signal.aborted) {
    looks++;
    const found = ['0', '1500', '2999'].map((id) =>
      items
        .of(id)
        .map(({ resourceVersion }) => resourceVersion)
        .join(),
    );
    t.ok(found.join() === '1,1,1' || found.join() === '2,2,2', found.join());
    await setImmediate();
  }
  t.ok(looks > 3);
  t.same(items.of('0').length, 1);
});

t.test('what a list that was begun later still has, as if nobody had deleted it, shows again', async (t) => {
  const { items, clock, told } = store();
  await items.replace(list([object('a', '1'), object('b', '1')], '1'));
  const before = clock.elapsed();
  items.hide('a');
  items.hide('b');
  told();
  await items.replace(list([object('a', '1'), object('b', '1')], '5', before));
  t.same(told(), [], 'a list that may be older shows nothing');
  t.ok(items.isHiddenSince('a', before));
  const later = clock.elapsed() + 1;
  await items.replace(list([object('a', '1'), { ...object('b', '6'), deletedAt: 1 }], '6', later));
  t.same(told(), ['a:>1']);
  t.notOk(items.isHiddenSince('a', before));
  t.notOk(items.get('b'), 'what is being deleted stays hidden');
});

t.test('an own delete that the watch never confirms is forgotten in the end', async (t) => {
  const { items, clock, told } = store();
  await items.replace(list([object('a', '1')], '1'));
  items.hide('a');
  await clock.advance(9 * 60_000);
  items.hide('b');
  items.apply(object('a', '2'));
  t.same(told(), ['a:>1', 'a:1>'], 'as long as it counts nothing brings it back');
  await clock.advance(2 * 60_000);
  items.hide('c');
  items.apply(object('a', '3'));
  t.same(told(), ['a:>3']);
});

t.test('an own write that the watch never confirms is forgotten in the end', async (t) => {
  const { items, clock, told } = store();
  await items.replace(list([], '1'));
  items.write(object('a', '10'));
  await clock.advance(9 * 60_000);
  await items.replace(list([], '5'));
  t.same(told(), ['a:>10'], 'a list that is older than the write says nothing of it');
  await clock.advance(2 * 60_000);
  items.write(object('b', '11'));
  await items.replace(list([], '6'));
  t.same(told(), ['b:>11', 'a:10>']);
});
