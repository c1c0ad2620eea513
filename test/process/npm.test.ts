import { dirname, join } from 'node:path';

import t from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { startProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { required } from './service.ts';

const root = join(import.meta.dirname, '../..');
/** npm runs on the same Node as the scripts that it starts. */
const pathOfNode = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

t.test('npm run dev shows a readable log, and Ctrl-C stops it gracefully', async (t) => {
  await using cluster = await startKubernetesApi();
  const kubeconfig = await cluster.writeKubeconfig();
  await using dev = startProcess('npm', ['run', 'dev'], {
    cwd: root,
    env: { ...required, PATH: pathOfNode, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_K8S_KUBECONFIG: kubeconfig },
    ownGroup: true,
  });
  await dev.printed(/^\[\d{2}:\d{2}:\d{2}.*\] INFO: listening$/m);
  // As a terminal does: to npm, which passes it on, and to what npm started.
  dev.signal('SIGINT');
  await dev.ended;
  t.match(dev.stdout(), /INFO: stopping\n[^]*INFO: stopped\n/);
  t.notMatch(dev.stdout(), 'second signal');
});

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
  t.test(`${signal} to npm alone leaves nothing of the sandbox behind`, async (t) => {
    await using npm = startProcess('npm', ['run', 'sandbox'], {
      cwd: root,
      env: { PATH: pathOfNode, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_MANAGEMENT_ADDRESS: '127.0.0.1:0' },
      ownGroup: true,
    });
    t.teardown(() => endGroup(npm.child.pid!));
    const [, containers] = await npm.printed(/^ +API +(http\S+)$/m);
    npm.child.kill(signal);
    await until('the provider is gone', () =>
      fetch(containers!).then(
        () => false,
        () => true,
      ),
    );
    // Whoever is left would hold our end of the pipe.
    await npm.ended;
    t.notMatch(npm.stderr(), 'Error');
  });
}

/** Ends what npm started and left, if anything. */
function endGroup(id: number): void {
  try {
    process.kill(-id, 'SIGTERM');
  } catch {
    // Nobody is left.
  }
}
