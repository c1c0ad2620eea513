import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { globSync } from 'node:fs';
import { promisify } from 'node:util';

import t from 'tap';
import type { Test } from 'tap';

import { findBinaries } from '../../scripts/cluster/binaries.ts';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import type { PolicyRule } from '../../scripts/cluster/control-plane.ts';
import { logRule, providerRules } from '../../scripts/cluster/provider-rules.ts';
import { chartFolder, helmVersions, parseManifest, renderChart, runHelm, settings } from '../../scripts/helm/helm.ts';
import type { ManifestObject } from '../../scripts/helm/helm.ts';
import { readConfig } from '../../src/config/config.ts';
import { chartValues } from '../support/chart-access.ts';
import { createOperatorKinds } from './operator-kinds.ts';

const run = promisify(execFile);

interface Deployment extends ManifestObject {
  metadata: ManifestObject['metadata'] & { generation?: number };
  spec: { replicas: number; template: { spec: { containers: [{ env: Variable[] }] } } };
  status: { availableReplicas?: number; updatedReplicas?: number; replicas?: number; observedGeneration?: number };
}

interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string } };
}

/** What stands in the Secrets that the values name, by the variable that takes it. */
const secretValues: Record<string, string> = {
  NATS_URL: 'tls://user:password@nats.example',
  DCM_AUTH_TOKEN: 'token',
  DCM_AUTH_CLIENT_SECRET: 'secret',
};

const valueFiles = globSync(join(chartFolder, 'ci/*-values.yaml')).sort();

await using controlPlane = await startControlPlane();
const { api } = controlPlane;
const kubectl = (await findBinaries()).kubectl ?? 'kubectl';
const apply = (file: string) =>
  run(kubectl, ['--kubeconfig', controlPlane.kubeconfig, 'apply', '--validate=strict', '--filename', file]);
const replicasOf = (namespace: string, name: string) => async (): Promise<boolean> => {
  const { spec, status } = await api.get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  return status.availableReplicas === spec.replicas;
};
/** Two namespaces that go with the test. */
const namespaces = (t: Test) => {
  const suffix = randomUUID().slice(0, 8);
  const names = { namespace: `provider-${suffix}`, containers: `containers-${suffix}` };
  t.teardown(async () => {
    for (const name of Object.values(names)) await api.delete(`/api/v1/namespaces/${name}`).catch(() => undefined);
  });
  return names;
};

await createOperatorKinds(controlPlane);

for (const file of valueFiles) {
  await t.test(`the chart, with ${basename(file)}`, async (t) => {
    const { namespace, containers } = namespaces(t);
    const manifest = await renderChart({
      release: 'container-provider',
      namespace,
      valueFiles: [file],
      values: { createNamespace: true, 'containers.namespace': containers },
    });
    const objects = parseManifest(manifest);

    await t.test('has nothing that Helm complains about, and is the same whichever renders it', async (t) => {
      for (const version of helmVersions) {
        await t.resolves(runHelm(['lint', '--strict', chartFolder, '--values', file], version));
        const rendering = { release: 'container-provider', namespace, valueFiles: [file], version };
        const values = { createNamespace: true, 'containers.namespace': containers };
        t.same(parseManifest(await renderChart({ ...rendering, values })), objects);
      }
    });

    await t.test('gives the provider variables that it takes', (t) => {
      const [deployment] = objects.filter((object): object is Deployment => object.kind === 'Deployment');
      const variables = deployment!.spec.template.spec.containers[0].env;
      const taken = environment(variables);
      t.doesNotThrow(() => readConfig(taken));
      t.equal(taken['SP_K8S_NAMESPACE'], containers);
      t.end();
    });

    await t.test('is applied by the API server, which knows every field, and runs', async (t) => {
      const manifestFile = join(t.testdir(), 'manifest.yaml');
      await writeFile(manifestFile, manifest);
      const { stdout, stderr } = await apply(manifestFile);
      t.equal(stdout.match(/ created$/gm)?.length, objects.length, stdout);
      t.equal(stderr, '');
      const again = (await apply(manifestFile)).stdout.trim().split('\n');
      // Kubernetes replaces the selector of a disruption budget at every apply.
      t.same(
        again.filter((line) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget')),
        [],
        'nothing changes where nothing was changed',
      );
      const name = objects.find(({ kind }) => kind === 'Deployment')!.metadata.name;
      if (await controlPlane.isSimulated()) await controlPlane.waitFor('all replicas', replicasOf(namespace, name));
      for (const { kind, metadata } of objects) {
        if (kind.startsWith('ValidatingAdmission')) await api.delete(policyPath(kind, metadata.name));
      }
    });
  });
}

await t.test('the chart lets the provider read logs only where they are turned on', async (t) => {
  const values = { ...chartValues('containers'), 'containers.logs': true };
  const objects = parseManifest<ManifestObject & { rules?: PolicyRule[] }>(
    await renderChart({ release: 'provider', namespace: 'dcm', values }),
  );
  const { rules = [] } = objects.find(({ kind }) => kind === 'Role')!;
  t.same(
    rules.filter(({ resources }) => resources.includes('pods/log')),
    [logRule],
  );
});

await t.test('the chart gives the provider the permissions that it needs, and no others', async (t) => {
  const objects = parseManifest<ManifestObject & { rules?: PolicyRule[] }>(
    await renderChart({ release: 'provider', namespace: 'dcm', values: chartValues('containers') }),
  );
  const roles = objects.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
  t.equal(roles.length, 1);
  t.same(roles[0]?.metadata.namespace, 'containers');
  const rules = roles[0]?.rules ?? [];
  const about =
    (...names: string[]) =>
    ({ resources }: PolicyRule): boolean =>
      resources.some((name) => names.includes(name));
  t.same(rules.filter(about('deployments', 'services', 'pods')), providerRules);
  t.same(rules.filter(about('namespaces')), [
    { apiGroups: [''], resources: ['namespaces'], resourceNames: ['containers'], verbs: ['get'] },
  ]);
  t.same(rules.length, providerRules.length + 3);
  t.same(rules.filter(about('leases')), [
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['dcm-provider-k8s-1'],
      verbs: ['get', 'update'],
    },
  ]);
});

// `helm upgrade --reuse-values` gives a chart the defaults of the one before, which has not heard of newer values.
await t.test('the chart leaves to the provider what the values lack', async (t) => {
  const configured = async (values: object) => {
    const rendering = { release: 'provider', namespace: 'dcm', values: { ...chartValues('containers'), ...values } };
    const objects = parseManifest(await renderChart(rendering));
    const [deployment] = objects.filter((object): object is Deployment => object.kind === 'Deployment');
    return readConfig(environment(deployment!.spec.template.spec.containers[0].env));
  };
  const lacking = {
    'containers.addressWait': null,
    'containers.progressDeadline': null,
    'registration.refresh': null,
    'server.problemTypes': null,
  };
  t.same(await configured(lacking), await configured({}));
});

for (const version of helmVersions) {
  await t.test(
    `Helm ${version} installs it with its defaults, leaves the containers when it is removed, and takes a namespace that is there where it is told to`,
    async (t) => {
      const { namespace, containers } = namespaces(t);
      const common = ['--namespace', namespace, '--kubeconfig', controlPlane.kubeconfig];
      const values = settings({ ...chartValues(containers), 'containers.createNamespace': true });
      await runHelm(
        ['install', 'container-provider', chartFolder, '--create-namespace', ...common, ...values],
        version,
      );
      if (await controlPlane.isSimulated()) {
        await controlPlane.waitFor('two replicas', replicasOf(namespace, 'container-provider'));
      }
      await runHelm(['uninstall', 'container-provider', ...common], version);
      const left = await api.get(`/api/v1/namespaces/${containers}`);
      t.notOk(left.metadata.deletionTimestamp);

      const again = ['install', 'again', chartFolder, ...common, ...settings(chartValues(containers))];
      await t.rejects(runHelm([...again, ...settings({ 'containers.createNamespace': true })], version), /exists/);
      await runHelm([...again, ...settings({ 'containers.createNamespace': false })], version);
      await runHelm(['uninstall', 'again', ...common], version);
    },
  );

  await t.test(
    `Helm ${version} upgrades it from one replica to two, to another image and back, and one is always available`,
    async (t) => {
      if (!(await controlPlane.isSimulated())) {
        t.pass('left out: there is no image to be pulled');
        return;
      }
      const { namespace, containers } = namespaces(t);
      const name = 'container-provider';
      const common = ['--namespace', namespace, '--kubeconfig', controlPlane.kubeconfig];
      const read = () => api.get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
      /** Carries the step out. Resolves with the smallest number of replicas available until all are there and current. */
      const leastAvailable = async (step: readonly string[], replicas: number): Promise<number> => {
        let least = Infinity;
        await runHelm([...step, ...common], version);
        await controlPlane.waitFor(`${replicas} replicas of the new version`, async () => {
          const { metadata, status } = await read();
          least = Math.min(least, status.availableReplicas ?? 0);
          const { observedGeneration, availableReplicas = 0, updatedReplicas = 0, replicas: all = 0 } = status;
          const isCurrent = observedGeneration === metadata.generation;
          return isCurrent && [availableReplicas, updatedReplicas, all].every((count) => count === replicas);
        });
        return least;
      };
      const first = settings({ ...chartValues(containers), 'containers.createNamespace': true, replicas: 1 });
      await leastAvailable(['install', name, chartFolder, '--create-namespace', ...first], 1);
      const variables = (await read()).spec.template.spec.containers[0].env;
      t.ok(
        variables.some(({ name, value }) => name === 'SP_LEADER_ELECTION' && value === 'true'),
        'one alone is elected too',
      );

      const upgrade = ['upgrade', name, chartFolder, '--reuse-values'];
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const podNames = async () => {
        const { items } = await api.get<{ items: ManifestObject[] }>(pods);
        return items.map(({ metadata }) => metadata.name);
      };
      const [only] = await podNames();
      t.ok((await leastAvailable([...upgrade, ...settings({ replicas: 2 })], 2)) >= 1);
      t.ok((await podNames()).includes(only!), 'the first replica goes on: its configuration is that of one of two');
      t.ok((await leastAvailable([...upgrade, ...settings({ 'image.tag': '9.9.9' })], 2)) >= 1);
      await controlPlane.waitFor('the end of the first replica', async () => !(await podNames()).includes(only!));
      t.ok((await leastAvailable(['rollback', name, '2'], 2)) >= 1);

      await t.test('upgrades it after it was scaled to nothing', async (t) => {
        t.equal(await leastAvailable([...upgrade, ...settings({ replicas: 0 })], 0), 0);
        await leastAvailable([...upgrade, ...settings({ replicas: 2 })], 2);
        await run(kubectl, [...common, 'scale', 'deployment', name, '--replicas', '0']);
        const restored = [...upgrade, ...settings({ replicas: 2 }), ...(version === 4 ? ['--force-conflicts'] : [])];
        await leastAvailable(restored, 2);
        const [release] = JSON.parse(await runHelm(['list', '--output', 'json', ...common], version)) as object[];
        t.match(release, { status: 'deployed' });
      });
      await runHelm(['uninstall', name, ...common], version);
    },
  );
}

const refused: [string, Record<string, unknown>, RegExp][] = [
  ['no name', { 'provider.name': '' }, /\/provider\/name/],
  ['a misspelt value', { 'provider.nmae': 'k8s-1' }, /additional properties 'nmae'/],
  ['a comparison more often than each second', { 'events.resyncPeriod': '500ms' }, /\/events\/resyncPeriod/],
  ['another type of Service', { 'containers.externalServiceType': 'ClusterIP' }, /\/containers\/externalServiceType/],
  ['a URL where a host is meant', { 'containers.externalAddress': 'http://node' }, /\/containers\/externalAddress/],
  ['a hint that there is not', { 'containers.allowedHints': ['volumes'] }, /\/containers\/allowedHints\/0/],
  ['credentials in the URL of NATS', { 'nats.url': 'nats://user:password@nats' }, /\/nats\/url/],
  ['files for TLS without TLS', { 'nats.tlsSecret': 'nats-tls' }, /\/nats\/url/],
  ['the TLS handshake first without TLS', { 'nats.url': 'nats://nats', 'nats.tlsFirst': true }, /\/nats\/url/],
  ['no NATS', { 'nats.url': '' }, /\/nats/],
  ['a half of what tokens need', { 'auth.issuer': 'https://issuer.example' }, /\/auth/],
  [
    'two ways to sign in at the registry',
    {
      'registration.tokenSecret': { name: 'dcm', key: 'token' },
      'registration.client': { tokenEndpoint: 'https://issuer.example', id: 'a', secret: { name: 'dcm', key: 'b' } },
    },
    /\/registration/,
  ],
  ['client certificates without TLS', { 'server.tls.clientCASecret': { name: 'ca', key: 'ca.crt' } }, /\/server\/tls/],
  ['the namespace of the provider for containers', { 'containers.namespace': 'dcm' }, /must be another namespace/],
  ['a name that no Lease can have', { 'provider.name': 'K8s_1' }, /set leaderElection.leaseName/],
];

for (const [what, values, words] of refused) {
  await t.test(`the chart refuses ${what}`, async (t) => {
    const rendering = { release: 'provider', namespace: 'dcm', values: { ...chartValues('containers'), ...values } };
    await t.rejects(renderChart(rendering), words);
  });
}

/** As a Pod has it: Secrets read, references to other variables replaced. */
function environment(variables: readonly Variable[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value, valueFrom } of variables) {
    const given = valueFrom === undefined ? value : secretValues[name];
    if (given === undefined) throw new Error(`${name} has no value`);
    values[name] = given.replaceAll(/\$\((\w+)\)/g, (_, other: string) => values[other] ?? '');
  }
  return values;
}

function policyPath(kind: string, name: string): string {
  const plural = kind.endsWith('Binding') ? 'validatingadmissionpolicybindings' : 'validatingadmissionpolicies';
  return `/apis/admissionregistration.k8s.io/v1/${plural}/${name}`;
}
