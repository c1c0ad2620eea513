import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import t from 'tap';
import { createCertificate } from '../../../scripts/sandbox/kubernetes/certificate.ts';
import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import type { ControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withPorts } from '../../support/base-spec.ts';
import { readContainer } from '../../support/containers.ts';
import { createKeyed, createKeyedUntilMade } from '../../support/keyed-creates.ts';
import { healed, onlyWithAll } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import { startSystem } from '../../support/system.ts';

t.test('a provider', async (t) => {
  await using controlPlane = await startControlPlane({ own: true });
  await using system = await startSystem({ on: { controlPlane } });
  const { events, workloads } = system;

  await t.test('that is told to stop answers the creates that are in flight, and tells of them', async (t) => {
    const provider = await system.addProvider({ SP_NAME: 'leaving' });
    const { apiServer } = controlPlane.components;
    await provider.client.GET('/containers', { params: { query: {} } });
    const ids = Array.from({ length: 40 }, (_, index) => `leaving-${index}`);
    await apiServer.pause();
    let sent = 0;
    const creates = ids.map(async (id, index) => {
      const spec = withPorts(index % 2 === 0 ? {} : { 8080: 'external' });
      sent++;
      const { response } = await provider.client.POST('/containers', { params: { query: { id } }, body: { spec } });
      return response.status;
    });
    t.equal(sent, ids.length);
    // The answer comes on one more connection than the creates, which have been sent by then.
    await provider.client.GET('/containers/health');
    await eventually(
      () => countReadConnections(provider.url),
      (count) => count > ids.length,
    );
    const stopping = provider.stop();
    await provider.logged(({ msg }) => msg === 'stopping');
    apiServer.resume();
    t.ok((await Promise.all(creates)).every((code) => code === 201));
    t.equal(await stopping, 0);
    for (const [index, id] of ids.entries()) {
      await workloads.one('deployments', id);
      t.equal((await workloads.of('services', id)).length, index % 2);
      t.ok(events.of(id).some(({ source }) => source === 'dcm/providers/leaving'));
    }
    await healed(system);
  });

  await t.test('that dies between Deployment and Service leaves nothing half-done', onlyWithAll, async (t) => {
    await using doomed = await system.addProvider({ SP_NAME: 'doomed' });
    {
      await using held = await holdServices(controlPlane, system.cluster.namespace);
      const create = doomed.client.POST('/containers', {
        params: { query: { id: 'orphan' } },
        body: { spec: withPorts({ 8080: 'external' }) },
      });
      const keyed = createKeyed(doomed);
      const cut = Promise.all([t.rejects(create), t.rejects(keyed)]);
      await eventually(
        () => held.count(),
        (count) => count > 1,
      );
      await Promise.all([doomed.kill(), system.provider.kill()]);
      await cut;
    }
    for (const id of ['orphan', 'keyed']) {
      await workloads.one('deployments', id);
      t.same(await workloads.of('services', id), []);
    }
    await using successor = await system.addProvider({ SP_NAME: 'successor' });
    const again = await createKeyedUntilMade(successor);
    t.match(again.data, { id: 'keyed', service: { type: 'LoadBalancer', ports: [{ port: 8080 }] } });
    t.equal(again.response.headers.get('idempotency-replayed'), 'true');
    t.equal((await workloads.one('services', 'keyed')).metadata.name, again.data!.service!.name);
    await workloads.until('services', 'orphan', ({ length }) => length === 1);
    await healed(system, { provider: successor, name: 'successor' });
    const { service } = await readContainer(successor.client, 'orphan');
    t.match(service, { type: 'LoadBalancer', ports: [{ port: 8080 }] });
  });
});

interface HeldServices extends AsyncDisposable {
  /** How many creates of Services wait. */
  count(): number;
}

/** Keeps the API server from creating Services in the namespace: it waits for a webhook that does not answer. */
async function holdServices({ api }: ControlPlane, namespace: string): Promise<HeldServices> {
  const { certificate, key } = await createCertificate();
  const waiting = { probes: 0, creates: 0 };
  const server = createServer({ cert: certificate, key }, (request) => {
    void json(request).then((review) => {
      waiting[(review as { request: { dryRun: boolean } }).request.dryRun ? 'probes' : 'creates']++;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const name = `hold-${namespace}`;
  await api.create(configurations, {
    metadata: { name },
    webhooks: [
      {
        name: 'hold.example.org',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(certificate).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['services'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        failurePolicy: 'Fail',
        timeoutSeconds: 30,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  // The API server learns of the webhook by a watch of its own.
  const probe = { metadata: { generateName: 'probe-' }, spec: { ports: [{ port: 80 }] } };
  const path = `/api/v1/namespaces/${namespace}/services?dryRun=All`;
  const probes: Promise<unknown>[] = [];
  await eventually(
    () => {
      probes.push(api.create(path, probe).catch(() => undefined));
      return waiting.probes;
    },
    (count) => count > 0,
  );
  return {
    count: () => waiting.creates,
    [Symbol.asyncDispose]: async () => {
      await api.delete(`${configurations}/${name}`);
      server.closeAllConnections();
      server.close();
      await Promise.all(probes);
    },
  };
}

/** Connections to the server at that address on this machine of which it has read all that came. */
async function countReadConnections(url: string): Promise<number> {
  // https://docs.kernel.org/networking/proc_net_tcp.html: local and remote address, state, and the queues in hexadecimal.
  const table = await readFile('/proc/net/tcp', 'utf8');
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  return [...table.matchAll(/^ *\d+: [0-9A-F]{8}:([0-9A-F]{4}) [0-9A-F]{8}:[0-9A-F]{4} 01 [0-9A-F]{8}:0{8} /gm)].filter(
    ([, local]) => local === port,
  ).length;
}
