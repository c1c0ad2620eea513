import t from 'tap';
import { withPorts } from '../../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer, readStatusCode } from '../../support/containers.ts';
import { healed } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import { startRealNatsServer, withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';
import type { System } from '../../support/system.ts';

const hold = { metadata: { finalizers: ['example.org/held'] } };
const release = { metadata: { finalizers: null } };
const spec = withPorts({ 8080: 'external' });

t.test('what is left of a deleted container', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  await t.test('gets no traffic and shows nowhere when the id is created again at once', async (t) => {
    const first = await createContainer(client, 'reborn', spec);
    await events.waitFor('reborn', 'RUNNING');
    const oldPod = await workloads.runningPod('reborn');
    await workloads.patch('pods', oldPod.metadata.name, hold);
    await using traffic = await watchTraffic(system);

    await deleteContainer(client, 'reborn');
    const second = await createContainer(client, 'reborn', spec);
    t.equal(second.status, 'PENDING');
    t.not(second.service?.name, first.service?.name);
    const reads: { status: string; ip: unknown; service: string | undefined }[] = [];
    const served = await eventually(
      async () => {
        const container = await readContainer(client, 'reborn');
        const { status, spec: seen, service } = container;
        reads.push({ status, ip: seen.network?.ip, service: service?.name });
        return container;
      },
      ({ status, service }) => status === 'RUNNING' && service?.external_ip !== undefined,
      60_000,
    );
    t.ok(reads.every(({ service }) => service === second.service?.name));
    t.ok(reads.every(({ ip }) => ip !== oldPod.status.podIP));
    t.equal(served.spec.network?.ip, (await workloads.runningPod('reborn')).status.podIP);
    t.ok((await workloads.of('pods', 'reborn')).some(({ metadata }) => metadata.uid === oldPod.metadata.uid));
    if (!system.cluster.isSandbox) {
      const name = second.service!.name;
      await eventually(
        () => traffic.targets(name),
        (targets) => targets.length > 0,
      );
      t.notOk(traffic.targets(name).includes(oldPod.metadata.uid), 'no EndpointSlice ever had the old Pod');
    }
    await workloads.patch('pods', oldPod.metadata.name, release);
    await healed(system);
  });

  await t.test('as a Deployment that a finalizer holds counts as gone, and bars its id for the time', async (t) => {
    await createContainer(client, 'held', spec);
    await events.waitFor('held', 'RUNNING');
    await healed(system);
    await workloads.patch('deployments', 'dcm-held', hold);
    await deleteContainer(client, 'held');
    t.equal(await readStatusCode(client, 'held'), 404);
    t.notOk((await listIds(client)).includes('held'));
    const deleted = await events.waitFor('held', 'DELETED');
    t.equal(await createCode(system, 'held'), 503);

    await using newcomer = await system.addProvider({ SP_NAME: 'newcomer' });
    await listIds(newcomer.client);
    t.equal(await readStatusCode(newcomer.client, 'held'), 404, 'for one that starts meanwhile, too');
    await events.waitFor('held', ({ source, data }) => source.endsWith('/newcomer') && data.status === 'DELETED');
    await healed(system);
    t.ok((await workloads.one('deployments', 'held')).metadata.deletionTimestamp, 'it is still there');

    await workloads.patch('deployments', 'dcm-held', release);
    await eventually(
      () => createCode(system, 'held'),
      (code) => code === 201,
    );
    await events.waitFor('held', 'RUNNING', deleted);
    await healed(system);
    await healed(system, { provider: newcomer, name: 'newcomer' });
  });
});

t.test(
  'a container that was deleted while no provider ran, and that a finalizer still holds, is told as deleted',
  { skip: withoutNatsServer },
  async (t) => {
    await using nats = await startRealNatsServer({ jetStream: true });
    await using system = await startSystem({ nats, env: { SP_NATS_KV_BUCKET: 'reported' } });
    const { client, events, provider, workloads } = system;
    await createContainer(client, 'held');
    const { id } = await events.waitFor('held', 'RUNNING');
    await provider.kill();
    await workloads.patch('deployments', 'dcm-held', hold);
    await workloads.delete('deployments', 'dcm-held');
    await using later = await system.addProvider({ SP_NAME: 'later', SP_NATS_KV_BUCKET: 'reported' });
    const { msg, remembered } = await later.logged(({ msg }) => msg.startsWith('compared what was reported'));
    t.ok(msg);
    t.equal(remembered, 1, `its key is read, which the event ${id} left behind`);
    await events.waitFor('held', 'DELETED');
    await workloads.patch('deployments', 'dcm-held', release);
    await healed(system, { provider: later, name: 'later' });
  },
);

async function createCode({ client }: System, id: string): Promise<number> {
  return (await client.POST('/containers', { params: { query: { id } }, body: { spec } })).response.status;
}

interface Traffic extends AsyncDisposable {
  /** uids of all Pods that the Service ever led to. */
  targets(serviceName: string): string[];
}

interface EndpointSlice {
  metadata: { labels: Record<string, string> };
  endpoints?: { targetRef?: { uid: string } }[] | null;
}

/** Follows the EndpointSlices, which the sandbox has none of. */
async function watchTraffic({ cluster }: System): Promise<Traffic> {
  const targets = new Map<string, Set<string>>();
  if (cluster.isSandbox) return { targets: () => [], [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = `/apis/discovery.k8s.io/v1/namespaces/${cluster.namespace}/endpointslices`;
  const watch = await cluster.watch(`${path}?watch=true`);
  const followed = (async () => {
    for (let event = await watch.next(); event; event = await watch.next()) {
      const { metadata, endpoints } = event.object as EndpointSlice;
      const name = metadata.labels['kubernetes.io/service-name'] ?? '';
      const seen = targets.get(name) ?? new Set();
      for (const { targetRef } of endpoints ?? []) if (targetRef) seen.add(targetRef.uid);
      targets.set(name, seen);
    }
  })().catch(() => undefined);
  return {
    targets: (name) => [...(targets.get(name) ?? [])],
    [Symbol.asyncDispose]: async () => {
      await watch[Symbol.asyncDispose]();
      await followed;
    },
  };
}
