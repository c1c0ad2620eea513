import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { readRevision } from '../../scripts/build/revision.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';

t.test('a build is of the commit that it is told, wherever the sources are', (t) => {
  const folder = t.testdir({});
  t.equal(readRevision(folder, { REVISION: commit }), '0123456');
  t.equal(readRevision(folder, { REVISION: 'abcdef1' }), 'abcdef1');
  for (const REVISION of ['main', 'abcdef', `${commit}0`, 'ABCDEF1'])
    t.throws(() => readRevision(folder, { REVISION }), { message: /^REVISION must be a commit/ });
  t.end();
});

t.test('else of the commit that git has, with its changes; of none where there is no git', (t) => {
  const folder = t.testdir({ file: 'one' });
  const outside = { GIT_CEILING_DIRECTORIES: join(folder, '..') };
  const git = (...commandLine: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example', ...commandLine], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, ...outside },
    });
  process.env['GIT_CEILING_DIRECTORIES'] = outside.GIT_CEILING_DIRECTORIES;
  t.teardown(() => delete process.env['GIT_CEILING_DIRECTORIES']);
  t.equal(readRevision(folder, {}), undefined);
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'one');
  const head = git('rev-parse', 'HEAD').slice(0, 7);
  t.equal(readRevision(folder, {}), head);
  writeFileSync(join(folder, 'file'), 'two');
  t.equal(readRevision(folder, { REVISION: '' }), `${head}-dirty`);
  t.end();
});
