import t from 'tap';

import { containerPath } from '../../src/containers/container.ts';

t.test('a path has no slash in front', (t) => {
  t.equal(containerPath('web'), 'containers/web');
  t.end();
});
