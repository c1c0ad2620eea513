import t from 'tap';

import { containerPath, randomContainerId } from '../../src/containers/container.ts';

t.test('a random id is a UUID', (t) => {
  const id = randomContainerId();
  t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  t.not(randomContainerId(), id);
  t.end();
});

t.test('a path has no slash in front', (t) => {
  t.equal(containerPath('web'), 'containers/web');
  t.end();
});
