import { dirname, join } from 'node:path';

import { test } from 'tap';

import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { startProcess } from '../support/process.ts';
import { required } from './service.ts';

test('npm run dev shows a readable log, and Ctrl-C ends it in good order', async (t) => {
  await using cluster = await startKubernetesApi();
  // npm runs on the same Node as the scripts that it starts.
  const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const kubeconfig = await cluster.writeKubeconfig();
  await using dev = startProcess('npm', ['run', 'dev'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...required, PATH, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_K8S_KUBECONFIG: kubeconfig },
    ownGroup: true,
  });
  await dev.printed(/^\[\d{2}:\d{2}:\d{2}.*\] INFO: listening$/m);
  // As a terminal does: to npm, which passes it on, and to what npm started.
  dev.signal('SIGINT');
  await dev.ended;
  t.match(dev.stdout(), /INFO: stopping\n[^]*INFO: stopped\n/);
  t.notMatch(dev.stdout(), 'second signal');
});
