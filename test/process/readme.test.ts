/** What the README shows is run as it stands there, and has to print what stands there. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { describePlayedImages } from '../../scripts/kubelet/images.ts';
import { packageFile } from '../../src/http/contract/document.ts';
import { startProcess } from '../support/process.ts';

const readme = await readFile(packageFile('README.md'), 'utf8');
const defaultUrl = 'http://127.0.0.1:8080';

/** A console session of the README: what is typed, without prompts, and what is printed in the end. */
function sessionIn(heading: string): { typed: string; printed: string } {
  const section = readme.slice(readme.indexOf(`\n### ${heading}\n`));
  const [, session = ''] = /\n```console\n(.*?)```\n/s.exec(section) ?? [];
  const lines = session.split('\n').slice(0, -1);
  const isTyped = (line: string) => /^[$>] /.test(line);
  const typed = lines.filter(isTyped).map((line) => line.slice(2));
  return { typed: typed.join('\n'), printed: lines.filter((line) => !isTyped(line)).join('\n') };
}

/** Whether the programs that the commands need are there; `--json` came with curl 7.82. */
function missingProgram(): string | false {
  try {
    execFileSync('bash', ['-c', 'curl --json "" --version && jq --version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs bash, curl from 7.82 on, and jq';
  }
}

t.test('shows what the sandbox plays', (t) => {
  t.match(readme, describePlayedImages().join('\n'));
  t.end();
});

const sessions = {
  'Deploy, look, break, fix, restart': /event +shop {2}DELETED {2}Container was deleted\.$/m,
  'An address that another resource uses':
    /event +shop {2}RUNNING {2}Container is running\. {2}external 203\.0\.113\.1:80$/m,
};

for (const [heading, event] of Object.entries(sessions)) {
  t.test(`shows a session: ${heading}`, { skip: missingProgram() }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'readme-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await using sandbox = startProcess(process.execPath, ['scripts/sandbox/main.ts'], {
      cwd: packageFile('.'),
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        SP_SERVER_ADDRESS: '127.0.0.1:0',
        SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
      },
    });
    const [, url] = await sandbox.printed(/^ +API +(http:\/\/[^/]+)/m);
    const [, body] = await sandbox.printed(/^ +curl -X POST .* -d '(.*)'$/m);
    await writeFile(join(folder, 'web.json'), body!);

    const { typed, printed } = sessionIn(heading);
    t.match(typed, defaultUrl);
    await using shell = startProcess('bash', ['-e', '-c', typed.replace(defaultUrl, url!)], { cwd: folder });
    t.strictSame(await shell.ended, { code: 0, signal: null }, shell.stderr());
    t.equal(shell.stdout().trimEnd(), printed);
    await sandbox.printed(event);
    sandbox.signal('SIGINT');
    await sandbox.ended;
  });
}
