import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { containerSpec } from '../support/base-spec.ts';
import { startProcess } from '../support/process.ts';
import type { TestProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { mainFile } from '../support/main-file.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { required, startService } from './service.ts';

const post = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ spec: containerSpec() }),
};

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/api/v1alpha1/containers/health`)).ok;
  } catch {
    return false;
  }
}

t.test('serves on, and stops gracefully, when nobody reads its log any more', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
  const url = await service.listening();
  service.child.stdout.destroy();
  for (let n = 0; n < 50; n += 1) t.ok(await answers(url));
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  t.equal(service.stderr(), '');
});

t.test('serves on, and stops gracefully, when the disk that its log goes to is full', async (t) => {
  await using cluster = await startKubernetesApi();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  await using service = startWithOutput('/dev/full', await cluster.writeKubeconfig(), port);
  await until('the service answers', () => answers(url));
  for (let n = 0; n < 50; n += 1) t.ok(await answers(url));
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  t.equal(service.stderr(), '');
});

t.test('stops gracefully when the reader of its log has stopped reading', async (t) => {
  const pipe = join(t.testdir({}), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const readEnd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(readEnd));
  await using cluster = await startKubernetesApi();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  await using service = startWithOutput(pipe, await cluster.writeKubeconfig(), port);
  await until('the service answers', () => answers(url));
  await logMuch(url);
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
});

for (const signals of [1, 2]) {
  t.test(`ends after ${signals} of SIGTERM when its standard output is a socket that nobody reads`, async (t) => {
    await using cluster = await startKubernetesApi();
    // What Node gives to a child is no pipe but a pair of sockets, as journald does.
    await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
    const url = await service.listening();
    service.child.stdout.pause();
    await logMuch(url);
    using creating = signals === 2 ? cluster.faults.hang({ verb: 'create' }) : undefined;
    if (creating !== undefined) {
      fetch(`${url}/api/v1alpha1/containers`, post).catch(() => undefined);
      await until('the cluster is asked', () => cluster.requests.count({ verb: 'create' }) === 1);
    }
    const exit = once(service.child, 'exit');
    service.signal('SIGTERM');
    if (signals === 2) {
      await until('it does not listen any more', async () => !(await answers(url)));
      service.signal('SIGTERM');
    }
    t.strictSame(await exit, signals === 1 ? [0, null] : [143, null]);
    service.child.stdout.resume();
  });
}

t.test('stops gracefully when its standard output is a terminal that is paused', async (t) => {
  await using cluster = await startKubernetesApi();
  const port = await findFreePort();
  const folder = t.testdir({});
  const command = `"$NODE" "$MAIN" & echo $! > ${folder}/pid; wait $!; echo $? > ${folder}/code`;
  // It passes on what the terminal has for as long as somebody reads it.
  await using terminal = startProcess('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
    env: {
      ...required,
      NODE: process.execPath,
      MAIN: mainFile,
      SP_SERVER_ADDRESS: `127.0.0.1:${port}`,
      SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(),
    },
  });
  await until('the service answers', () => answers(`http://127.0.0.1:${port}`));
  terminal.child.stdout.pause();
  await logMuch(`http://127.0.0.1:${port}`);
  process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGTERM');
  await until('it has ended', () => existsSync(join(folder, 'code')) && readFileSync(join(folder, 'code')).length > 1);
  t.equal(readFileSync(join(folder, 'code'), 'utf8'), '0\n');
  terminal.child.stdout.resume();
});

/** Far more than a pipe, a socket or a terminal holds. */
async function logMuch(url: string): Promise<void> {
  for (let n = 0; n < 150; n += 1) {
    const { status } = await fetch(`${url}/${'x'.repeat(8_000)}`);
    if (status !== 404) throw new Error(`answered with ${status}`);
  }
}

/** Its standard output goes to the file, rather than to the test. */
function startWithOutput(file: string, kubeconfig: string, port: number): TestProcess {
  return startProcess('sh', ['-c', 'exec "$0" "$1" > "$2"', process.execPath, mainFile, file], {
    env: { ...required, SP_SERVER_ADDRESS: `127.0.0.1:${port}`, SP_K8S_KUBECONFIG: kubeconfig },
  });
}
