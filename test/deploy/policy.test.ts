import { randomUUID } from 'node:crypto';

import t from 'tap';

import { ClusterApi } from '../../scripts/cluster/api.ts';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { buildDeployment } from '../../src/kubernetes/objects/deployment.ts';
import { buildServices } from '../../src/kubernetes/objects/service.ts';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import type { ContainerSpec } from '../support/base-spec.ts';
import { createChartAccess } from '../support/chart-access.ts';
import type { ChartAccess } from '../support/chart-access.ts';

/** Merged into what the provider makes, as a JSON merge patch is. */
interface Change {
  metadata?: object;
  spec?: object;
  /** Of a Deployment: its Pods' metadata and spec, and their only container. */
  podMetadata?: object;
  pod?: object;
  container?: object;
}

const otherId = { 'dcm.project/dcm-instance-id': 'other' };
const asPrivileged = { securityContext: { privileged: true } };
const volumes = {
  empty: { name: 'empty', emptyDir: { sizeLimit: '1Mi' } },
  map: { name: 'map', configMap: { name: 'map' } },
  secret: { name: 'secret', secret: { secretName: 'secret' } },
  host: { name: 'host', hostPath: { path: '/' } },
  token: { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
};
const wholeSecret = { envFrom: [{ secretRef: { name: 'keys' } }] };
const oneSecret = { env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } }] };

/** What a Deployment has, and the words with which the policy refuses it. */
const forbiddenDeployments: [string, Change, RegExp][] = [
  ['another name', { metadata: { name: 'web' } }, /name must begin with dcm-/],
  ['no label managed-by', label('managed-by', null), /labels .* must be those of a container/],
  ['another service type', label('dcm-service-type', 'database'), /labels .* must be those of a container/],
  ['no id', label('dcm-instance-id', null), /labels .* must be those of a container/],
  [
    'Pods of another id',
    { spec: { selector: { matchLabels: otherId } }, podMetadata: { labels: otherId } },
    /Pods must have the label dcm.project\/dcm-instance-id/,
  ],
  ['the network of the host', { pod: { hostNetwork: true } }, /not use a namespace of the host/],
  ['the processes of the host', { pod: { hostPID: true } }, /not use a namespace of the host/],
  ['the IPC of the host', { pod: { hostIPC: true } }, /not use a namespace of the host/],
  [
    'a port of the host',
    { container: { ports: [{ containerPort: 80, hostPort: 80 }] } },
    /not have a port of the host/,
  ],
  ['a path of the host', { pod: { volumes: [volumes.host] } }, /not have a path of the host/],
  ['a privileged container', { container: asPrivileged }, /not be privileged/],
  [
    'a privileged init container',
    { pod: { initContainers: [{ name: 'init', image: 'init', ...asPrivileged }] } },
    /not be privileged/,
  ],
  [
    'a capability more',
    { container: { securityContext: { capabilities: { add: ['NET_ADMIN'] } } } },
    /not add capabilities/,
  ],
  [
    'a kernel parameter',
    { pod: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } } },
    /kernel parameters/,
  ],
  ['a token', { pod: { automountServiceAccountToken: true } }, /token of a service account/],
  ['a token, as nothing forbids it', { pod: { automountServiceAccountToken: null } }, /token of a service account/],
  ['another service account', { pod: { serviceAccountName: 'admin' } }, /token of a service account/],
  ['a token as a volume', { pod: { volumes: [volumes.token] } }, /must have no volumes/],
  ['a Secret as a volume', { pod: { volumes: [volumes.secret] } }, /must have no volumes/],
  ['an empty volume', { pod: { volumes: [volumes.empty] } }, /must have no volumes/],
  ['all keys of a Secret in the environment', { container: wholeSecret }, /not read Secrets into their environment/],
  ['a key of a Secret in the environment', { container: oneSecret }, /not read Secrets into their environment/],
];

const forbiddenServices: [string, Change, RegExp][] = [
  ['another name', { metadata: { name: 'web' } }, /name must begin with dcm-/],
  ['no labels', { metadata: { labels: null } }, /labels .* must be those of a container/],
  ['Pods of another id', { spec: { selector: otherId } }, /select Pods by its label/],
  ['Pods that nothing selects', { spec: { selector: null } }, /select Pods by its label/],
  ['external IPs', { spec: { externalIPs: ['192.0.2.1'] } }, /not have externalIPs/],
  [
    'an external name',
    { spec: { type: 'ExternalName', externalName: 'example.com' } },
    /not be of the type ExternalName/,
  ],
];

await using controlPlane = await startControlPlane();
const namespace = await controlPlane.createNamespace('containers');
const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
const services = `/api/v1/namespaces/${namespace}/services`;
const tried = (path: string): string => `${path}?dryRun=All`;
const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace };

await t.test('the admission policy, without hints', async (t) => {
  await using provider = await actAsProvider([]);
  const { api } = provider;

  await t.test('lets through what the provider makes', async (t) => {
    await t.resolves(api.create(tried(deployments), deployment()));
    await t.resolves(api.create(tried(services), service()));
    const pair = servicesFor(withPorts({ 80: 'internal', 81: 'external' }));
    t.equal(pair.length, 2);
    for (const each of pair) await t.resolves(api.create(tried(services), each));
  });

  for (const [what, change, words] of forbiddenDeployments) {
    await t.test(`refuses a Deployment with ${what}`, async (t) => {
      const object = deployment(change);
      await t.rejects(api.create(tried(deployments), object), refusal('deployments', words));
      await t.resolves(controlPlane.api.create(tried(deployments), object), 'to others it is nothing');
    });
  }

  for (const [what, change, words] of forbiddenServices) {
    await t.test(`refuses a Service with ${what}`, async (t) => {
      const object = service(change);
      await t.rejects(api.create(tried(services), object), refusal('services', words));
      await t.resolves(controlPlane.api.create(tried(services), object), 'to others it is nothing');
    });
  }

  await t.test('refuses the deletion of what is not of DCM, and of nothing else', async (t) => {
    await controlPlane.api.create(services, { metadata: { name: 'others' }, spec: { ports: [{ port: 80 }] } });
    await t.rejects(api.delete(`${services}/others`), refusal('deletions', /only what has the label/));
    await controlPlane.api.create(deployments, deployment({ metadata: { name: 'of-the-reference-provider' } }));
    await t.resolves(api.delete(`${deployments}/of-the-reference-provider`));
  });
});

await t.test('the admission policy lets through what the values allow, and no other volumes', async (t) => {
  await using provider = await actAsProvider(['volumes.empty_dir', 'volumes.config_map', 'env_from_secrets']);
  const { api } = provider;
  const allowed = { container: wholeSecret, pod: { volumes: [volumes.empty, volumes.map] } };
  await t.resolves(api.create(tried(deployments), deployment(allowed)));
  await t.rejects(
    api.create(tried(deployments), deployment({ pod: { volumes: [volumes.empty, volumes.secret] } })),
    refusal('deployments', /no volumes but those of the kinds that are allowed/),
  );
});

/** The chart's access, with a client that is its ServiceAccount. */
async function actAsProvider(
  allowedHints: string[],
): Promise<AsyncDisposable & { access: ChartAccess; api: ClusterApi }> {
  await using stack = new AsyncDisposableStack();
  const access = stack.use(await createChartAccess(controlPlane, namespace, { allowedHints }));
  const api = stack.use(await ClusterApi.fromKubeconfig(access.kubeconfig));
  const parts = stack.move();
  return { access, api, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** A Deployment as the provider makes it, but for the change. */
function deployment({ metadata, spec, podMetadata, pod, container }: Change = {}): object {
  const made = buildDeployment(identity, containerSpec());
  const containers = [merge(made.spec?.template.spec?.containers[0], container)];
  return merge(made, {
    metadata,
    spec: { ...spec, template: { metadata: podMetadata, spec: { ...pod, containers } } },
  });
}

/** Two where the spec has both kinds of ports. */
function servicesFor(spec: ContainerSpec): object[] {
  const owner = { name: 'dcm-web', uid: randomUUID() };
  return buildServices(identity, spec, owner, { externalServiceType: 'LoadBalancer', isolated: true });
}

function service({ metadata, spec }: Change = {}): object {
  const [made] = servicesFor(withPorts({ 80: 'external' }));
  return merge(made, { metadata, spec });
}

/** RFC 7396, but for an undefined member, which changes nothing. */
function merge(target: unknown, patch: object | undefined): object {
  const changes = Object.entries((patch ?? {}) as Record<string, unknown>).filter(([, value]) => value !== undefined);
  const merged = new Map(Object.entries((target ?? {}) as Record<string, unknown>));
  for (const [key, value] of changes) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === null) merged.delete(key);
    else merged.set(key, isObject ? merge(merged.get(key), value) : value);
  }
  return Object.fromEntries(merged);
}

function label(name: string, value: string | null): Change {
  return { metadata: { labels: { [`dcm.project/${name}`]: value } } };
}

function refusal(part: string, words: RegExp): RegExp {
  return new RegExp(`: 422 .*ValidatingAdmissionPolicy '[^']+\\.${part}'.*${words.source}`, 's');
}
