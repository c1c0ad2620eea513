import t from 'tap';

import { askWithClientGo } from '../../scripts/client-go/client-go.ts';
import { kubeconfigCases, openStage, refusedKubeconfigs } from '../support/kubeconfigs.ts';

await using stage = await openStage();

for (const { sentence, kubeconfig, arrival, told } of kubeconfigCases) {
  await t.test(`the server hears of client-go, for a kubeconfig with ${sentence}, what it hears of us`, async (t) => {
    let refusal: string | undefined;
    const { arrivals, plugin } = await stage.observe(kubeconfig(stage), async (file) => {
      refusal = await askWithClientGo(file, stage.environment);
    });
    t.equal(refusal, undefined);
    t.strictSame(arrivals, [{ path: '/version', tls: true, ...arrival(stage) }]);
    const info = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
    t.strictSame(plugin, told === undefined ? [] : [{ ...info, spec: told(stage) }]);
  });
}

for (const [sentence, kubeconfig] of refusedKubeconfigs) {
  await t.test(`client-go refuses a kubeconfig with ${sentence} too`, async (t) => {
    const { arrivals } = await stage.observe(kubeconfig(stage), async (file) => {
      const refusal = await askWithClientGo(file, stage.environment);
      t.type(refusal, 'string');
      t.comment(refusal);
    });
    t.strictSame(arrivals, []);
  });
}
