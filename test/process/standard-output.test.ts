import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

import { test } from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { startProcess } from '../support/process.ts';
import type { TestProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { freePort, mainFile, required, startService } from './service.ts';

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/api/v1alpha1/containers/health`)).ok;
  } catch {
    return false;
  }
}

test('serves on, and stops in good order, when nobody reads its log any more', async (t) => {
  await using cluster = await startKubernetesApi();
  await using service = startService({ SP_K8S_KUBECONFIG: await cluster.writeKubeconfig() });
  const url = await service.listening();
  service.child.stdout.destroy();
  for (let n = 0; n < 50; n += 1) t.ok(await answers(url));
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  t.equal(service.stderr(), '');
});

test('serves on, and stops in good order, when the disk that its log goes to is full', async (t) => {
  await using cluster = await startKubernetesApi();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await using service = startWithOutput('/dev/full', await cluster.writeKubeconfig(), port);
  await until('the service answers', () => answers(url));
  for (let n = 0; n < 50; n += 1) t.ok(await answers(url));
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
  t.equal(service.stderr(), '');
});

test('stops in good order when the reader of its log has stopped reading', async (t) => {
  const pipe = join(t.testdir({}), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const readEnd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(readEnd));
  await using cluster = await startKubernetesApi();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await using service = startWithOutput(pipe, await cluster.writeKubeconfig(), port);
  await until('the service answers', () => answers(url));
  // A pipe takes 64 KiB: the log of these is far longer.
  for (let n = 0; n < 50; n += 1) t.equal((await fetch(`${url}/${'x'.repeat(8_000)}`)).status, 404);
  service.signal('SIGTERM');
  t.strictSame(await service.ended, { code: 0, signal: null });
});

/** Its standard output goes to the file, rather than to the test. */
function startWithOutput(file: string, kubeconfig: string, port: number): TestProcess {
  return startProcess('sh', ['-c', 'exec "$0" "$1" > "$2"', process.execPath, mainFile, file], {
    env: { ...required, SP_SERVER_ADDRESS: `127.0.0.1:${port}`, SP_K8S_KUBECONFIG: kubeconfig },
  });
}
