import { randomUUID } from 'node:crypto';

import t from 'tap';

import { ClusterApi } from '../../scripts/cluster/api.ts';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { buildDeployment } from '../../src/kubernetes/objects/deployment.ts';
import { buildServices, mixesPorts } from '../../src/kubernetes/objects/service.ts';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import type { ContainerSpec } from '../support/base-spec.ts';
import { createChartAccess } from '../support/chart-access.ts';
import type { ChartAccess } from '../support/chart-access.ts';
import { fieldWalk } from './field-walk.ts';
import type { FieldTrial } from './field-walk.ts';

/** Merged into what the provider makes, as a JSON merge patch is. */
interface Change {
  metadata?: object;
  spec?: object;
  /** Of a Deployment: its Pods' metadata and spec, and their only container. */
  podMetadata?: object;
  /** `extra` is a second container. */
  pod?: { extra?: object; [field: string]: unknown };
  container?: object;
}

const otherId = { 'dcm.project/dcm-instance-id': 'other' };

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
  ['an annotation of its own', { metadata: { annotations: { other: 'x' } } }, /annotations .* must be the provider's/],
  ['many replicas', { spec: { replicas: 10_000 } }, /must have one replica/],
  ['another strategy', { spec: { strategy: { type: 'Recreate' } } }, /rolled out as Kubernetes does/],
  ['a token', { pod: { automountServiceAccountToken: true } }, /token of a service account/],
  ['a token, as nothing forbids it', { pod: { automountServiceAccountToken: null } }, /token of a service account/],
  ['another scheduler', { pod: { schedulerName: 'other' } }, /as Kubernetes does by itself/],
  ['a user for all containers', { pod: { securityContext: { runAsUser: 0 } } }, /as Kubernetes does by itself/],
  ['two containers', { pod: { extra: { name: 'other', image: 'other' } } }, /must have one container/],
  ['an image that is never pulled', { container: { imagePullPolicy: 'Never' } }, /as Kubernetes does by itself/],
  [
    'a resource that is neither processor nor memory',
    { container: { resources: { limits: { 'example.com/gpu': '1' } } } },
    /must be processor and memory/,
  ],
  ...(
    [
      ['readinessProbe', { tcpSocket: { port: 80 } }],
      ['livenessProbe', { tcpSocket: { port: 80 } }],
      ['startupProbe', { tcpSocket: { port: 80 } }],
      ['securityContext', { runAsUser: 1000 }],
      ['envFrom', [{ secretRef: { name: 'keys' } }]],
    ] as const
  ).map(([field, value]): [string, Change, RegExp] => [
    `the hint for ${field}, which is not allowed`,
    { container: { [field]: value } },
    new RegExp(`the container must have no fields .* and has: ${field}`),
  ]),
  ...(
    [
      ['nodeSelector', { disk: 'ssd' }],
      ['tolerations', [{ operator: 'Exists' }]],
      ['imagePullSecrets', [{ name: 'pull' }]],
      ['volumes', [{ name: 'empty', emptyDir: { sizeLimit: '1Mi' } }]],
    ] as const
  ).map(([field, value]): [string, Change, RegExp] => [
    `the hint for ${field}, which is not allowed`,
    { pod: { [field]: value } },
    new RegExp(`the Pods must have no fields .* and has: ${field}`),
  ]),
  ['a longer end', { pod: { terminationGracePeriodSeconds: 31 } }, /must have 30 seconds to end/],
];

const forbiddenServices: [string, Change, RegExp][] = [
  ['another name', { metadata: { name: 'web' } }, /name must begin with dcm-/],
  ['no labels', { metadata: { labels: null } }, /labels .* must be those of a container/],
  ['Pods of another id', { spec: { selector: otherId } }, /select Pods by its label/],
  ['Pods that nothing selects', { spec: { selector: null } }, /select Pods by its label/],
  [
    'an external name',
    { spec: { type: 'ExternalName', externalName: 'example.com' } },
    /the Service must have no fields .* and has: externalName/,
  ],
  ['another type', { spec: { type: 'NodePort' } }, /must be of the type that external ports have/],
  ['an annotation', { metadata: { annotations: { 'example.com/any': 'x' } } }, /annotations .* must be those/],
  ['no address', { spec: { type: 'ClusterIP', clusterIP: 'None' } }, /spread its traffic/],
  [
    'another owner',
    { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'dcm-web', uid: randomUUID() }] } },
    /owned by its Deployment/,
  ],
];

/** A Deployment, as far as changes reach into it. */
interface Made {
  spec: {
    template: {
      spec: {
        imagePullSecrets: { name: string }[];
        terminationGracePeriodSeconds: number;
        volumes: Record<string, object>[];
        containers: {
          securityContext: { runAsUser: number; capabilities: object };
          envFrom: Record<string, object>[];
          readinessProbe: { httpGet: Record<string, unknown> };
        }[];
      };
    };
  };
}

/** What the hints do not have that are allowed, and the words with which the policy refuses it. */
const forbiddenWithHints: [string, (made: Made) => object, RegExp][] = [
  ['a pull Secret that is not allowed', inPod((pod) => (pod.imagePullSecrets[0]!.name = 'other')), /pull Secrets/],
  ['no time to end', inPod((pod) => (pod.terminationGracePeriodSeconds = 0)), /between 1 and 600 seconds/],
  [
    'an empty volume without a limit',
    inPod((pod) => (pod.volumes[0]!['emptyDir'] = {})),
    /empty ones of a limited size/,
  ],
  [
    'a part of a Secret',
    inPod((pod) => Object.assign(pod.volumes[2]!['secret']!, { items: [{ key: 'a', path: 'b' }] })),
    /must be whole/,
  ],
  [
    'a claim that is not allowed',
    inPod((pod) => Object.assign(pod.volumes[3]!['persistentVolumeClaim']!, { claimName: 'other' })),
    /no claims but those that are allowed/,
  ],
  [
    'a claim, and rolled out as others are',
    (made) => Object.assign(made, { spec: { ...made.spec, strategy: { type: 'RollingUpdate' } } }),
    /one with a claim recreated/,
  ],
  [
    'no claim, and recreated',
    inPod((pod) => (pod.volumes[3] = { name: 'data' as never, emptyDir: { sizeLimit: '1Mi' } })),
    /rolled out as Kubernetes does/,
  ],
  ['root', inContainer((container) => (container.securityContext.runAsUser = 0)), /told to run as root/],
  [
    'a capability more',
    inContainer((container) => Object.assign(container.securityContext.capabilities, { add: ['NET_ADMIN'] })),
    /not add capabilities/,
  ],
  [
    'a ConfigMap in its environment',
    inContainer((container) => (container.envFrom[0] = { configMapRef: { name: 'map' } })),
    /must have no fields but those/,
  ],
  [
    'a Secret that need not be there',
    inContainer((container) => Object.assign(container.envFrom[0]!['secretRef']!, { optional: true })),
    /that have to be there/,
  ],
  [
    'a probe of another host',
    inContainer((container) => (container.readinessProbe.httpGet['host'] = 'example.com')),
    /must go to the container itself/,
  ],
];

type MadePod = Made['spec']['template']['spec'];

function inPod(change: (pod: MadePod) => unknown): (made: Made) => object {
  return (made) => {
    change(made.spec.template.spec);
    return made;
  };
}

function inContainer(change: (container: MadePod['containers'][number]) => unknown): (made: Made) => object {
  return inPod((pod) => change(pod.containers[0]!));
}

await using controlPlane = await startControlPlane();
const namespace = await controlPlane.createNamespace('containers');
const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
const services = `/api/v1/namespaces/${namespace}/services`;
const tried = (path: string): string => `${path}?dryRun=All`;
const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace };

await t.test('the admission policy, without hints', async (t) => {
  await using provider = await actAsProvider({ 'containers.allowedHints': [] });
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

  await t.test('lets an update reach what it may, and nothing else', async (t) => {
    const path = `${deployments}/of-another`;
    const made = deployment({
      metadata: { name: 'of-another' },
      pod: { nodeSelector: { disk: 'ssd' }, terminationGracePeriodSeconds: 60, automountServiceAccountToken: null },
    });
    await controlPlane.api.create(deployments, made);
    const patch = (body: object) => api.patch(`${path}?dryRun=All`, body);
    const [own] = (made as unknown as Made).spec.template.spec.containers;
    const template = (container: object, pod: object = {}, metadata: object = {}) => ({
      spec: { template: { metadata, spec: { ...pod, containers: [{ ...own, ...container }] } } },
    });
    const allowed: [string, object][] = [
      ['an annotation of the provider', { metadata: { annotations: { 'dcm.project/deletion': 'x' } } }],
      ['labels of the client', { metadata: { labels: { tier: 'front' } } }],
      ['an image, whatever hints are there that are not allowed', template({ image: 'registry.example/web:2' })],
      ['environment and ports', template({ env: [{ name: 'A', value: 'b' }], ports: [{ containerPort: 81 }] })],
      ['a hint that goes', template({}, { nodeSelector: null })],
      ['a restart', template({}, {}, { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } })],
    ];
    for (const [what, body] of allowed) await t.resolves(patch(body), what);
    const refused: [object, RegExp][] = [
      [{ spec: { replicas: 2 } }, /of the Deployment nothing may change/],
      [{ spec: { strategy: { type: 'Recreate', rollingUpdate: null } } }, /rolled out as Kubernetes does/],
      [{ metadata: { labels: { 'dcm.project/dcm-instance-id': 'other' } } }, /labels under dcm.project\/ must stay/],
      [{ metadata: { finalizers: ['example.com/x'] } }, /finalizers and owners must stay/],
      [{ metadata: { annotations: { other: 'x' } } }, /no annotations but the provider's/],
      [template({}, { hostNetwork: true }), /of the Pods nothing may change/],
      [template({}, { serviceAccountName: 'other' }), /of the Pods nothing may change/],
      [template({}, { nodeSelector: { disk: 'hdd' } }), /of the Pods nothing may change/],
      [template({}, { terminationGracePeriodSeconds: 61 }), /must have 30 seconds to end/],
      [template({ securityContext: { privileged: true } }), /of the container nothing may change/],
      [template({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] }), /environment/],
      [template({ imagePullPolicy: 'Never' }), /as Kubernetes does by itself/],
      [template({}, {}, { annotations: { other: 'x' } }), /only that of a restart may change/],
      [
        { spec: { template: { spec: { containers: [own, { name: 'other', image: 'other' }] } } } },
        /no container but the first/,
      ],
    ];
    for (const [body, words] of refused) await t.rejects(patch(body), refusal('updates', words), JSON.stringify(body));
    await controlPlane.api.delete(path);
  });

  await t.test('lets a Service follow the ports, and nothing else', async (t) => {
    const path = `${services}/dcm-followed`;
    await controlPlane.api.create(services, service({ metadata: { name: 'dcm-followed' } }));
    const patch = (body: object) => api.patch(`${path}?dryRun=All`, body);
    const ports = [{ name: 'port-81', port: 81, targetPort: 81, protocol: 'TCP' }];
    const annotations = { 'dcm.project/service-revision': 'x' };
    await t.resolves(
      patch({ metadata: { labels: { tier: 'front' }, annotations }, spec: { ports, type: 'ClusterIP' } }),
    );
    const refused: [object, RegExp][] = [
      [{ spec: { type: 'NodePort' } }, /must be of the type/],
      [{ spec: { externalIPs: ['192.0.2.1'] } }, /of the Service nothing may change/],
      [{ spec: { selector: { other: 'x' } } }, /of the Service nothing may change/],
      [{ spec: { externalTrafficPolicy: 'Local' } }, /spread its traffic/],
      [{ metadata: { annotations: { 'example.com/any': 'x' } } }, /no annotations but those that are allowed/],
      [{ metadata: { ownerReferences: null } }, /finalizers and owners must stay/],
    ];
    for (const [body, words] of refused) {
      await t.rejects(patch(body), refusal('service-updates', words), JSON.stringify(body));
    }
    await controlPlane.api.delete(path);
  });

  await t.test('refuses the deletion of what is not of DCM, and of nothing else', async (t) => {
    await controlPlane.api.create(services, { metadata: { name: 'others' }, spec: { ports: [{ port: 80 }] } });
    await t.rejects(api.delete(`${services}/others`), refusal('deletions', /only what has the label/));
    await controlPlane.api.create(deployments, deployment({ metadata: { name: 'of-the-reference-provider' } }));
    await t.resolves(api.delete(`${deployments}/of-the-reference-provider`));
  });
});

/** Every hint, with all that it may have. */
const everyHint: ContainerSpec = {
  ...withPorts({ 80: 'external' }),
  process: { command: ['sh'], args: ['-c', 'true'], env: [{ name: 'A', value: 'b' }] },
  provider_hints: {
    kubernetes: {
      readiness_probe: {
        http_get: { path: '/', port: 80, scheme: 'HTTP' },
        initial_delay_seconds: 1,
        period_seconds: 2,
      },
      liveness_probe: { tcp_socket: { port: 80 }, timeout_seconds: 3, failure_threshold: 4 },
      startup_probe: { grpc: { port: 80, service: 'health' }, success_threshold: 1 },
      security_context: {
        ...{ run_as_user: 1000, run_as_group: 1000, run_as_non_root: true, read_only_root_filesystem: true },
        drop_capabilities: ['ALL'],
      },
      termination_grace_period_seconds: 60,
      node_selector: { disk: 'ssd' },
      tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', toleration_seconds: 5 }],
      image_pull_secrets: [{ name: 'pull' }],
      service_annotations: { 'example.com/any': 'x', 'exact.example.com/key': 'y' },
      env_from_secrets: [{ name: 'keys', prefix: 'P_' }],
      volumes: [
        { name: 'empty', mount_path: '/empty', empty_dir: { size_limit: '10MB' }, read_only: true },
        { name: 'map', mount_path: '/map', config_map: { name: 'map' } },
        { name: 'secret', mount_path: '/secret', secret: { secret_name: 'secret' } },
        { name: 'data', mount_path: '/data', persistent_volume_claim: { claim_name: 'data-1', read_only: true } },
      ],
    },
  },
};

const everyAllowed = {
  'containers.allowedHints': [
    ...['readiness_probe', 'liveness_probe', 'startup_probe', 'security_context', 'termination_grace_period_seconds'],
    ...['node_selector', 'tolerations', 'image_pull_secrets', 'service_annotations', 'env_from_secrets'],
    ...['volumes.empty_dir', 'volumes.config_map', 'volumes.secret', 'volumes.persistent_volume_claim'],
  ],
  'containers.allowedPullSecrets': ['pull'],
  'containers.allowedClaims': ['shared', 'data-*'],
  'containers.allowedServiceAnnotations': ['example.com/*', 'exact.example.com/key'],
};

await t.test('the admission policy, with every hint', async (t) => {
  await using provider = await actAsProvider(everyAllowed);
  const { api } = provider;
  const made = { deployments: buildDeployment(identity, everyHint), services: servicesFor(everyHint)[0]! };

  await t.test('lets through what the provider makes', async (t) => {
    await t.resolves(api.create(tried(deployments), made.deployments));
    await t.resolves(api.create(tried(services), made.services));
  });

  for (const [what, change, words] of forbiddenWithHints) {
    await t.test(`refuses a Deployment with ${what}`, async (t) => {
      const object = change(structuredClone(made.deployments) as object as Made);
      await t.rejects(api.create(tried(deployments), object), refusal('deployments', words));
    });
  }
  await t.test('refuses an annotation of a Service that is not allowed', async (t) => {
    const object = merge(made.services, { metadata: { annotations: { 'other.example.com/key': 'x' } } });
    await t.rejects(api.create(tried(services), object), refusal('services', /annotations .* must be those/));
  });

  for (const { what, resource, object } of await unwrittenFields(made)) {
    await t.test(`lets nothing through in ${what}`, async (t) => {
      const path = resource === 'deployments' ? deployments : services;
      const answer = await api.create(tried(path), object).then(
        (stored) => stored as object,
        (error: unknown) => String(error),
      );
      if (typeof answer === 'string') t.match(answer, refusal(resource, /must/));
      else t.notOk(reaches(answer, what), 'the API server drops it, as long as its feature gate is off');
    });
  }

  await t.test('refuses a Lease of another name', async (t) => {
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    await t.rejects(api.create(tried(leases), { metadata: { name: 'other' } }), refusal('leases', /must be the one/));
    await t.resolves(api.create(tried(leases), { metadata: { name: 'dcm-provider-k8s-1' } }));
  });
});

/** The chart's access, with a client that is its ServiceAccount. */
async function actAsProvider(
  allowed: Record<string, unknown>,
): Promise<AsyncDisposable & { access: ChartAccess; api: ClusterApi }> {
  await using stack = new AsyncDisposableStack();
  const access = stack.use(await createChartAccess(controlPlane, namespace, { values: allowed }));
  const api = stack.use(await ClusterApi.fromKubeconfig(access.kubeconfig));
  const parts = stack.move();
  return { access, api, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** A Deployment as the provider makes it, but for the change. */
function deployment({ metadata, spec, podMetadata, pod = {}, container }: Change = {}): object {
  const made = buildDeployment(identity, containerSpec());
  const { extra, ...rest } = pod;
  const containers = [merge(made.spec?.template.spec?.containers[0], container), ...(extra ? [extra] : [])];
  return merge(made, {
    metadata,
    spec: { ...spec, template: { metadata: podMetadata, spec: { ...rest, containers } } },
  });
}

/** Two where the spec has both kinds of ports. */
function servicesFor(spec: ContainerSpec): object[] {
  const owner = { name: 'dcm-web', uid: randomUUID() };
  return buildServices(identity, spec, owner, { externalServiceType: 'LoadBalancer', isolated: mixesPorts(spec) });
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

/** Each field that Kubernetes has where the provider writes some, and that the provider does not write. */
async function unwrittenFields(made: { deployments: object; services: object }): Promise<FieldTrial[]> {
  const [apps, core] = await Promise.all(
    ['/openapi/v3/apis/apps/v1', '/openapi/v3/api/v1'].map(
      async (path) => JSON.parse(await controlPlane.api.text(path)) as object,
    ),
  );
  return [...fieldWalk('deployments', made.deployments, apps!), ...fieldWalk('services', made.services, core!)];
}

/** Whether an object has something at `a.b[0].c`. */
function reaches(object: object, path: string): boolean {
  let part: unknown = object;
  for (const step of path.matchAll(/[^.[\]]+/g)) part = (part as Record<string, unknown> | undefined)?.[step[0]];
  return part !== undefined;
}
