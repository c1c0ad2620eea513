import t from 'tap';
import { isNewer, isWithin, spanning } from '../../src/containers/resource-version.ts';

t.test('versions are in the order of their numbers', (t) => {
  const ascending = ['0', '9', '10', '99', '100', '18446744073709551615', '18446744073709551616'];
  for (const [index, version] of ascending.entries()) {
    for (const [place, other] of ascending.entries()) {
      t.equal(isNewer(version, other), index > place, `${version} and ${other}`);
    }
  }
  t.end();
});

t.test('a part of the history begins after its first version, and has its last one', (t) => {
  const part = { after: '9', to: '100' };
  t.same(
    ['8', '9', '10', '99', '100', '101', '1000'].filter((version) => isWithin(part, version)),
    ['10', '99', '100'],
  );
  t.end();
});

t.test('the smallest part that has two is the same whichever comes first', (t) => {
  const early = { after: '9', to: '20' };
  const late = { after: '10', to: '100' };
  const within = { after: '10', to: '11' };
  for (const [one, other, both] of [
    [early, late, { after: '9', to: '100' }],
    [early, within, early],
    [early, early, early],
  ] as const) {
    t.same(spanning(one, other), both);
    t.same(spanning(other, one), both);
  }
  t.end();
});
