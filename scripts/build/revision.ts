/** Which commit is built. */
import { execFileSync } from 'node:child_process';

const commit = /^[0-9a-f]{7,40}$/;

/**
 * The first seven digits of the commit that `REVISION` names, else of the one that git has checked out in the folder, with
 * `-dirty` where files of it were changed; absent where there is neither, as in an archive of the sources.
 *
 * @throws Error where `REVISION` is no commit
 */
export function readRevision(folder: string, { REVISION = '' } = process.env): string | undefined {
  if (REVISION === '') return readFromGit(folder);
  if (!commit.test(REVISION)) throw new Error('REVISION must be a commit: 7 to 40 digits of 0-9 and a-f');
  return REVISION.slice(0, 7);
}

function readFromGit(folder: string): string | undefined {
  try {
    const git = (...commandLine: string[]): string =>
      execFileSync('git', commandLine, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', 'HEAD').slice(0, 7) + (changed ? '-dirty' : '');
  } catch {
    return undefined;
  }
}
