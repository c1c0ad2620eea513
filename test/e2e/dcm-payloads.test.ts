/**
 * Creates as DCM's catalogue, its agent and its three-tier demo make them: what the catalogue's templates leave behind, CPU as
 * text, no labels, and scripts full of dollar signs.
 */
import t from 'tap';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { readContainer } from '../support/containers.ts';
import type { Container } from '../support/containers.ts';
import { images } from '../support/base-spec.ts';
import { startSystem } from '../support/system.ts';

const memory = { min: '128MB', max: '256MB' };
const template = { service_type: 'container', process: {}, network: {}, endpoints: [] };
const fromCatalogue = {
  ...template,
  image: { reference: images.runs },
  resources: { cpu: { min: '1', max: '1' }, memory },
  metadata: { name: 'catalogue' },
};
const script = `cat > /etc/nginx/conf.d/default.conf <<'EOF'
server {
  listen 80;
  location / {
    proxy_pass http://shop-app:8080;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  }
}
EOF
exec nginx -g 'daemon off;'`;

const payloads: Record<string, object> = {
  'the leftovers of a template': fromCatalogue,
  'a field of the catalogue in each leftover': {
    ...fromCatalogue,
    process: { env: [{ name: 'DATABASE_URL', value: 'db://10.96.0.10:5432' }] },
    network: { ports: [{ container_port: 80, visibility: 'internal' }] },
  },
  'empty lists in the place of leftovers': {
    ...fromCatalogue,
    process: { command: [], args: [], env: [] },
    network: { ports: [] },
    metadata: { name: 'catalogue', labels: {} },
    provider_hints: {},
  },
  'cores and thousandths of cores as text': {
    ...fromCatalogue,
    resources: { cpu: { min: '500m', max: '1000m' }, memory },
  },
  'ports in both spellings': {
    ...fromCatalogue,
    network: {
      ports: [
        { container_port: 8080, containerPort: 8080, visibility: 'internal' },
        { container_port: 9090, visibility: 'none', protocol: 'TCP' },
      ],
    },
  },
  'a tier of the demo': {
    service_type: 'container',
    metadata: { name: 'shop-web' },
    image: { reference: images.runs },
    resources: { cpu: { min: 1, max: 4 }, memory: { min: '512MB', max: '1GB' } },
    process: { command: ['/bin/sh', '-c'], args: [script] },
    network: { ports: [{ container_port: 80, visibility: 'external' }] },
  },
};

t.test('what DCM sends', async (t) => {
  await using system = await startSystem();
  const { client, events, provider, workloads, cluster } = system;
  const post = (body: object, query: string, headers: Record<string, string> = {}) =>
    conformingFetch(`${provider.url}/api/v1alpha1/containers${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  for (const [index, [name, spec]] of Object.entries(payloads).entries()) {
    await t.test(`is run and comes back as it was sent: ${name}`, async (t) => {
      const id = `dcm-${index}`;
      const created = await post({ spec }, `?id=${id}`, { 'idempotency-key': `5b1f0c3e-${index}` });
      t.equal(created.status, 201);
      const { metadata } = spec as { metadata: object };
      const expected = { ...spec, metadata: { ...metadata, namespace: cluster.namespace } };
      t.strictSame(((await created.json()) as Container).spec, expected);
      await events.waitFor(id, 'RUNNING');
      const { ip, ...network } = (await readContainer(client, id)).spec.network!;
      t.match(ip, /^[0-9a-f.:]+$/);
      t.strictSame(network, (spec as { network: object }).network);
    });
  }

  await t.test('has the ports of either spelling once in the cluster, and CPU as Kubernetes writes it', async (t) => {
    const ids = Object.keys(payloads).map((_name, index) => `dcm-${index}`);
    const containers = await Promise.all(
      ids.map(async (id) => (await workloads.one('deployments', id)).spec.template.spec.containers[0]!),
    );
    const [leftovers, , , thousandths, spellings, tier] = containers;
    t.match(leftovers, { resources: { requests: { cpu: '1' }, limits: { cpu: '1' } } });
    t.same([leftovers!['command'], leftovers!['env'], leftovers!['ports']], [undefined, undefined, undefined]);
    t.match(thousandths, { resources: { requests: { cpu: '500m' }, limits: { cpu: '1' } } });
    t.match(spellings, { ports: [{ containerPort: 8080 }, { containerPort: 9090 }] });
    t.match(tier, { args: [script.replaceAll('$', () => '$$')] });
    const [made] = (await workloads.one('services', 'dcm-4')).spec.ports;
    t.match(made, { port: 8080, targetPort: 8080, protocol: 'TCP' });
  });

  await t.test('is refused by name: a port in the other spelling alone, a spec that is not under spec', async (t) => {
    const other = { ...fromCatalogue, network: { ports: [{ containerPort: 8080, visibility: 'internal' }] } };
    const pointersOf = async (body: object) => {
      const { errors = [] } = (await (await post(body, '')).json()) as { errors?: { pointer: string }[] };
      return errors.map(({ pointer }) => pointer);
    };
    t.same(await pointersOf({ spec: other }), ['/spec/network/ports/0/container_port']);
    t.same(await pointersOf(fromCatalogue), ['/spec']);
  });
});
