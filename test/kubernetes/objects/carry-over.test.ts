import fc from 'fast-check';
import t from 'tap';

import { carryOver, updateDeployment } from '../../../src/kubernetes/objects/update.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { specOf } from '../../../src/kubernetes/objects/container.ts';
import { containerSpecs } from '../../support/container-specs.ts';

const identity = { id: 'web-1', incarnation: 'bcdfghjklm', namespace: 'containers' };

t.test('what changes between two manifests changes in what lives, and nothing else', (t) => {
  const rows: [what: string, live: unknown, before: unknown, after: unknown, result: unknown][] = [
    ['a default', { a: 1, filled: true }, { a: 1 }, { a: 2 }, { a: 2, filled: true }],
    ['what goes', { a: 1, b: 2 }, { a: 1 }, {}, { b: 2 }],
    ['what somebody changed, and nobody else', { a: 'mine' }, { a: 1, b: 1 }, { a: 1, b: 2 }, { a: 'mine', b: 2 }],
    ['an object that comes', {}, {}, { a: { b: 1 } }, { a: { b: 1 } }],
    [
      'items that others added',
      [{ name: 'x' }, { name: 'other' }],
      [{ name: 'x' }],
      [{ name: 'y' }],
      [{ name: 'y' }, { name: 'other' }],
    ],
    ['the last item', { a: [{ name: 'x' }] }, { a: [{ name: 'x' }] }, {}, {}],
    ['a list of plain values', ['a', 'b'], ['a'], ['c'], ['c']],
    [
      'a filled member of an item',
      [{ name: 'x', v: 1, filled: 1 }],
      [{ name: 'x', v: 1 }],
      [{ name: 'x', v: 2 }],
      [{ name: 'x', v: 2, filled: 1 }],
    ],
  ];
  for (const [what, live, before, after, result] of rows) t.same(carryOver(live, before, after), result, what);
  t.end();
});

t.test('an update makes of any Deployment what a create makes of the new spec, and reads give that back', (t) => {
  fc.assert(
    fc.property(containerSpecs(), containerSpecs(), (one, other) => {
      const [before, after] = [one, { ...other, metadata: { ...other.metadata, name: one.metadata.name } }];
      const live = buildDeployment(identity, before);
      live.metadata = { ...live.metadata, uid: 'u', resourceVersion: '1' };
      const updated = updateDeployment(live, identity, { before, after }, { isolated: false });
      const made = buildDeployment(identity, after);
      t.same(updated.spec?.template, made.spec?.template);
      t.same(updated.metadata?.labels, made.metadata?.labels);
      t.equal(
        JSON.stringify(specOf(projectDeployment(updated)!)),
        JSON.stringify(
          specOf(projectDeployment({ ...made, metadata: { ...made.metadata, uid: 'u', resourceVersion: '1' } })!),
        ),
      );
    }),
    { numRuns: 50 },
  );
  t.end();
});
