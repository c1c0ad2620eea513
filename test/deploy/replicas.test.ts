import t from 'tap';

import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { createContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

interface Lease {
  metadata: { name: string };
  spec: { holderIdentity?: string };
}

await using controlPlane = await startControlPlane();

await t.test('two replicas, with the Role and the policy of the chart', async (t) => {
  const elected = {
    SP_NAME: 'k8s-1',
    SP_LEADER_ELECTION: 'true',
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
  };
  await using system = await startSystem({ on: { controlPlane }, env: elected });
  const { cluster, events, provider: first } = system;
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${cluster.namespace}/leases`;
  const holder = async (): Promise<string> => {
    const [lease] = await controlPlane.api.list<Lease>(leases);
    return lease?.spec.holderIdentity ?? '';
  };
  await controlPlane.waitFor('a leader', async () => (await holder()) !== '');
  const leader = await holder();
  const second = await system.addProvider(elected);

  await t.test('have one Lease, whose name the Role knows', async (t) => {
    const names = (await controlPlane.api.list<Lease>(leases)).map(({ metadata }) => metadata.name);
    t.same(names, ['dcm-provider-k8s-1']);
  });

  await t.test('are alive and ready, as their probes ask', async (t) => {
    for (const provider of [first, second]) {
      const { managementAddress } = await provider.logged((line) => 'managementAddress' in line);
      for (const path of ['/livez', '/readyz']) {
        await controlPlane.waitFor(path, async () => (await fetch(`http://${String(managementAddress)}${path}`)).ok);
      }
      t.pass(String(managementAddress));
    }
  });

  await t.test('report what the standby makes, and go on when the leader ends', async (t) => {
    await createContainer(second.client, 'web');
    await events.waitFor('web', 'RUNNING');
    t.equal(await first.stop(), 0);
    await controlPlane.waitFor('another leader', async () => ![leader, ''].includes(await holder()));
    await createContainer(second.client, 'later');
    await events.waitFor('later', 'RUNNING');
    t.notOk(second.log.some(({ msg }) => msg === 'a permission in the cluster is missing'));
  });
});
