/** A provider that is killed between the Deployment and the Service of a create that its client sends again elsewhere. */
import t from 'tap';
import { createKeyed, createKeyedUntilMade } from '../../support/keyed-creates.ts';
import { eventually } from '../../support/kubernetes.ts';
import { onlyInSandbox, startSystem } from '../../support/system.ts';

// On a real control plane, test/faults/control-plane/provider.test.ts does the same.
const options = onlyInSandbox('the API server that holds the Service is the sandbox');

t.test('a create that was cut off by SIGKILL is completed for the same key', options, async (t) => {
  await using system = await startSystem({ on: 'sandbox' });
  const { provider, workloads, cluster } = system;
  await using survivor = await system.addProvider({ SP_NAME: 'survivor' });
  using held = cluster.sandbox!.faults.add({
    verb: 'create',
    resource: 'services',
    action: { kind: 'hang' },
    times: 1,
  });
  const cut = t.rejects(createKeyed(provider));
  await eventually(
    () => held.hits,
    (hits) => hits === 1,
  );
  await provider.kill();
  await cut;
  await workloads.one('deployments', 'keyed');
  t.same(await workloads.of('services', 'keyed'), []);

  const again = await createKeyedUntilMade(survivor);
  t.equal(again.response.status, 201);
  t.equal(again.response.headers.get('idempotency-replayed'), 'true');
  const made = await workloads.one('services', 'keyed');
  t.match(again.data, { id: 'keyed', service: { name: made.metadata.name, ports: [{ port: 8080 }] } });

  await using successor = await system.addProvider({ SP_NAME: 'successor' });
  const later = await createKeyedUntilMade(successor);
  t.equal(later.response.status, 201);
  t.equal(later.data?.service?.name, made.metadata.name);
});
