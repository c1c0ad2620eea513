import t from 'tap';

import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { openConnection } from '../../../src/kubernetes/api/connection.ts';
import { kubeconfigCases, openStage, refusedKubeconfigs } from '../../support/kubeconfigs.ts';

await using stage = await openStage();
process.env['PATH'] = stage.environment['PATH'];

async function askOnce(file: string): Promise<void> {
  const connection = openConnection(file);
  try {
    await new KubernetesClient(connection, 'default').version({});
  } finally {
    await connection.close();
  }
}

for (const { sentence, kubeconfig, arrival, told } of kubeconfigCases) {
  await t.test(`the server hears of a kubeconfig with ${sentence} what it hears of kubectl`, async (t) => {
    const { arrivals, plugin } = await stage.observe(kubeconfig(stage), askOnce);
    t.strictSame(arrivals, [{ path: '/version', tls: true, ...arrival(stage) }]);
    const info = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
    t.strictSame(plugin, told === undefined ? [] : [{ ...info, spec: told(stage) }]);
  });
}

for (const [sentence, kubeconfig, words] of refusedKubeconfigs) {
  await t.test(`a kubeconfig with ${sentence} is refused, and says why`, async (t) => {
    const { arrivals } = await stage.observe(kubeconfig(stage), async (file) => {
      const failure = (await askOnce(file).catch((error: unknown) => error)) as Error;
      t.match([failure.message, (failure.cause as Error | undefined)?.message].join('\n'), words);
    });
    t.strictSame(arrivals, []);
  });
}
