/** Whoever creates containers chooses their labels: none of them makes a container an endpoint of the provider itself. */
import t from 'tap';

import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { parseManifest, renderChart } from '../../scripts/helm/helm.ts';
import type { ManifestObject } from '../../scripts/helm/helm.ts';
import { containerSpec } from '../support/base-spec.ts';
import { chartValues } from '../support/chart-access.ts';
import { createContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

interface Service extends ManifestObject {
  spec: { selector: Record<string, string>; ports: unknown[] };
}
interface EndpointSlices {
  items: { endpoints?: { targetRef?: { name: string } }[] }[];
}

await using controlPlane = await startControlPlane();
await using system = await startSystem();
const { client, cluster } = system;
const { api } = controlPlane;

const objects = parseManifest<Service>(
  await renderChart({ release: 'provider', namespace: 'dcm-provider', values: chartValues(cluster.namespace) }),
);
const { metadata, spec } = objects.find(({ kind, metadata: { name } }) => kind === 'Service' && name === 'provider')!;

await t.test('the labels that the provider is selected by cannot be had', async (t) => {
  const answer = await client.POST('/containers', {
    params: { query: { id: 'impostor' } },
    body: { spec: containerSpec({ metadata: { name: 'web', labels: spec.selector } }) },
  });
  t.equal(answer.response.status, 400);
  t.match(answer.error, { errors: [{ pointer: /^\/spec\/metadata\/labels\/dcm\.project~1/ }] });
});

/** The Service lies in the very namespace of the containers here, which the chart keeps apart. */
await t.test('a container with all the labels that can be had is no endpoint of the provider', async (t) => {
  const services = `/api/v1/namespaces/${cluster.namespace}/services`;
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${cluster.namespace}/endpointslices`;
  const labels = Object.fromEntries(Object.entries(spec.selector).filter(([key]) => !key.startsWith('dcm.project/')));
  t.not(Object.keys(labels).length, 0);
  await createContainer(client, 'lookalike', containerSpec({ metadata: { name: 'web', labels } }));
  for (const [name, selector] of [
    ['provider', spec.selector],
    ['naive', labels],
  ] as const) {
    await api.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, name, namespace: cluster.namespace },
      spec: { selector, ports: [{ port: 8080 }] },
    });
  }
  const endpointsOf = async (name: string) => {
    const { items } = await api.get<EndpointSlices>(`${slices}?labelSelector=kubernetes.io/service-name%3D${name}`);
    return items.flatMap(({ endpoints }) => endpoints ?? []).map(({ targetRef }) => targetRef?.name);
  };
  await controlPlane.waitFor(
    'the Service that selects by free labels',
    async () => (await endpointsOf('naive')).length > 0,
  );
  t.same(await endpointsOf('provider'), []);
});
