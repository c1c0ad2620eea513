import t from 'tap';
import { createContainer, deleteContainer, listIds, readContainer, readStatusCode } from '../support/containers.ts';
import { referenceDeployment, referenceService } from '../support/reference-container.ts';
import { startSystem } from '../support/system.ts';

t.test('containers that the reference provider made', async (t) => {
  await using system = await startSystem({
    prepare: async (workloads) => {
      await workloads.create('deployments', referenceDeployment('legacy', [8080, 9090]));
      await workloads.create('services', referenceService('legacy', [8080]));
    },
  });
  const { client, cluster, events, workloads } = system;

  await t.test('are read, with a spec rebuilt from Deployment and Service', async (t) => {
    const { service, spec } = await readContainer(client, 'legacy');
    t.same(spec.metadata, { name: 'legacy', labels: { tier: 'front' }, namespace: cluster.namespace });
    t.match(spec, {
      service_type: 'container',
      image: { reference: 'registry.example/web:1' },
      resources: { cpu: { min: 1, max: 2 }, memory: { min: '256MB', max: '1GB' } },
      process: { command: ['/bin/legacy'], env: [{ name: 'MODE', value: 'old' }] },
    });
    t.same(spec.network?.ports, [
      { container_port: 8080, visibility: 'internal' },
      { container_port: 9090, visibility: 'none' },
    ]);
    const made = await workloads.one('services', 'legacy');
    t.match(service, { name: made.metadata.name, cluster_ip: made.spec.clusterIP, ports: [{ port: 8080 }] });
  });

  await t.test('are listed beside ours, and those made later are found at once', async (t) => {
    await createContainer(client, 'ours');
    t.same(await listIds(client), ['legacy', 'ours']);
    await workloads.create('deployments', referenceDeployment('later'));
    t.equal((await readContainer(client, 'later')).id, 'later');
  });

  await t.test('are watched: their status is told after the start, and when it changes', async (t) => {
    await events.waitFor('legacy', 'RUNNING');
    const pod = await workloads.runningPod('legacy');
    t.equal((await readContainer(client, 'legacy')).spec.network?.ip, pod.status.podIP);
    await events.waitFor('later', 'RUNNING');
  });

  await t.test('keep their Service, and none is made beside it', async (t) => {
    t.equal((await workloads.of('services', 'legacy')).length, 1);
    t.same(await workloads.of('services', 'later'), []);
  });

  await t.test('are deleted with their Service', async (t) => {
    await deleteContainer(client, 'legacy');
    t.equal(await readStatusCode(client, 'legacy'), 404);
    await workloads.until('deployments', 'legacy', (deployments) => deployments.length === 0);
    await workloads.until('services', 'legacy', (services) => services.length === 0);
    await events.waitFor('legacy', 'DELETED');
  });

  await t.test('leave an id that can be taken again', async (t) => {
    const created = await createContainer(client, 'legacy');
    t.equal(created.status, 'PENDING');
    await events.waitFor('legacy', 'RUNNING', await events.waitFor('legacy', 'DELETED'));
  });
});
