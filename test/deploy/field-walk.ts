/**
 * The fields that Kubernetes has in the objects that the provider makes, from the API server's own schema, so that a new one
 * is met as soon as Kubernetes has it. Beside each field that is written stand those that are not.
 */

export interface FieldTrial {
  resource: 'deployments' | 'services';
  /** Path of the field: `spec.template.spec.nodeName`. */
  what: string;
  /** The object, with a value that Kubernetes itself takes in that field. */
  object: object;
}

interface Schema {
  type?: string;
  format?: string;
  $ref?: string;
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

const kinds = { deployments: 'io.k8s.api.apps.v1.Deployment', services: 'io.k8s.api.core.v1.Service' } as const;

/** Set by the API server whatever is sent, or not told by it from what it sets itself. */
const serversOwn: ReadonlySet<string> = new Set([
  ...['metadata.creationTimestamp', 'metadata.deletionTimestamp', 'metadata.deletionGracePeriodSeconds'],
  ...['metadata.generation', 'metadata.managedFields', 'metadata.resourceVersion', 'metadata.selfLink', 'metadata.uid'],
  // Taken for a name that is missing; there is one.
  'metadata.generateName',
  'status',
  // Filled in before the policy is asked: one that was chosen looks the same.
  ...['spec.clusterIP', 'spec.clusterIPs', 'spec.ipFamilies', 'spec.ports[0].nodePort', 'spec.healthCheckNodePort'],
]);

const template = 'spec.template';
const pod = 'spec.template.spec';
const container = 'spec.template.spec.containers[]';

/** Written in one place or another of what the hints ask for, each time with a value that the client chose. */
const written: ReadonlySet<string> = new Set([
  'spec.progressDeadlineSeconds',
  // Left out where there is nothing to leave: it says nothing.
  `${template}.metadata.creationTimestamp`,
  ...['readinessProbe', 'livenessProbe', 'startupProbe'].flatMap((probe) =>
    [
      ...['exec', 'grpc', 'httpGet', 'tcpSocket', 'initialDelaySeconds', 'periodSeconds', 'timeoutSeconds'],
      ...['successThreshold', 'failureThreshold'],
    ].map((field) => `${container}.${probe}.${field}`),
  ),
  ...['emptyDir', 'configMap', 'secret', 'persistentVolumeClaim'].map((kind) => `${pod}.volumes[].${kind}`),
  ...['readOnly'].map((field) => `${container}.volumeMounts[].${field}`),
]);

/** What Kubernetes itself refuses in every Deployment of ours: nothing else can be had of it there. */
const refusedByKubernetes: ReadonlySet<string> = new Set([
  // "Always" is all that a Deployment takes.
  `${pod}.restartPolicy`,
  `${pod}.ephemeralContainers`,
  `${container}.readinessProbe.terminationGracePeriodSeconds`,
  // Goes with another strategy alone.
  'spec.strategy.rollingUpdate',
  // These go with another field alone, which is refused.
  `${container}.restartPolicyRules`,
  `${container}.volumeDevices`,
]);

/** Kubernetes takes one member of these alone: the item is replaced. */
const unions: ReadonlySet<string> = new Set([`${pod}.volumes[]`, `${container}.env[]`, `${container}.envFrom[]`]);

const path = { path: '/x' };
const aSecret = { secretRef: { name: 'x' } };

/** Where a value made of the type alone is none that Kubernetes takes. */
const samples: Readonly<Record<string, unknown>> = {
  'metadata.finalizers': ['example.com/x'],
  'metadata.ownerReferences': [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }],
  'spec.selector.matchExpressions': [{ key: 'dcm.project/managed-by', operator: 'Exists' }],
  'spec.strategy': { type: 'Recreate' },
  [`${template}.metadata.deletionTimestamp`]: '2026-01-21T10:00:00Z',
  [`${container}.env[].valueFrom`]: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
  [`${container}.envFrom[].configMapRef`]: { name: 'x' },
  [`${container}.imagePullPolicy`]: 'Never',
  [`${container}.lifecycle`]: { preStop: { exec: { command: ['x'] } } },
  [`${container}.readinessProbe.httpGet.httpHeaders`]: [{ name: 'x', value: 'x' }],
  [`${container}.resizePolicy`]: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }],
  [`${container}.resources.claims`]: undefined,
  [`${container}.securityContext.appArmorProfile`]: { type: 'Unconfined' },
  [`${container}.securityContext.procMount`]: 'Default',
  [`${container}.securityContext.seccompProfile`]: { type: 'Unconfined' },
  [`${container}.securityContext.seLinuxOptions`]: { type: 'spc_t' },
  [`${container}.terminationMessagePolicy`]: 'FallbackToLogsOnError',
  [`${container}.volumeMounts[].mountPropagation`]: 'HostToContainer',
  [`${container}.volumeMounts[].recursiveReadOnly`]: 'IfPossible',
  [`${pod}.activeDeadlineSeconds`]: undefined,
  [`${pod}.dnsPolicy`]: 'Default',
  [`${pod}.hostAliases`]: [{ ip: '192.0.2.1', hostnames: ['x'] }],
  [`${pod}.initContainers`]: [{ name: 'x', image: 'x', ...terminationOf() }],
  [`${pod}.os`]: { name: 'linux' },
  [`${pod}.overhead`]: { cpu: '1' },
  [`${pod}.preemptionPolicy`]: 'Never',
  [`${pod}.readinessGates`]: [{ conditionType: 'example.com/x' }],
  [`${pod}.resourceClaims`]: [{ name: 'x', resourceClaimName: 'x' }],
  [`${pod}.securityContext`]: { runAsUser: 1 },
  [`${pod}.schedulingGates`]: [{ name: 'example.com/x' }],
  [`${pod}.topologySpreadConstraints`]: [
    { maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
  ],
  [`${pod}.volumes[].awsElasticBlockStore`]: { volumeID: 'x' },
  [`${pod}.volumes[].azureDisk`]: { diskName: 'x', diskURI: 'https://blob.example.com/x' },
  [`${pod}.volumes[].azureFile`]: { secretName: 'x', shareName: 'x' },
  [`${pod}.volumes[].cephfs`]: { monitors: ['x'] },
  [`${pod}.volumes[].cinder`]: { volumeID: 'x' },
  [`${pod}.volumes[].csi`]: { driver: 'x' },
  [`${pod}.volumes[].downwardAPI`]: {
    items: [{ path: 'x', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } }],
  },
  [`${pod}.volumes[].ephemeral`]: {
    volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  },
  [`${pod}.volumes[].fc`]: { wwids: ['x'] },
  [`${pod}.volumes[].flexVolume`]: { driver: 'x' },
  [`${pod}.volumes[].flocker`]: { datasetName: 'x' },
  [`${pod}.volumes[].gcePersistentDisk`]: { pdName: 'x' },
  [`${pod}.volumes[].gitRepo`]: { repository: 'x' },
  [`${pod}.volumes[].glusterfs`]: { endpoints: 'x', ...path },
  [`${pod}.volumes[].hostPath`]: path,
  [`${pod}.volumes[].image`]: { reference: 'x' },
  [`${pod}.volumes[].iscsi`]: { targetPortal: 'x', iqn: 'iqn.2026-01.com.example:x', lun: 1 },
  [`${pod}.volumes[].nfs`]: { server: 'x', ...path },
  [`${pod}.volumes[].photonPersistentDisk`]: { pdID: 'x' },
  [`${pod}.volumes[].portworxVolume`]: { volumeID: 'x' },
  [`${pod}.volumes[].projected`]: { sources: [{ serviceAccountToken: { path: 'x' } }] },
  [`${pod}.volumes[].quobyte`]: { registry: 'x:1', volume: 'x' },
  [`${pod}.volumes[].rbd`]: { monitors: ['x'], image: 'x' },
  [`${pod}.volumes[].scaleIO`]: { gateway: 'x', system: 'x', volumeName: 'x', ...aSecret },
  [`${pod}.volumes[].storageos`]: { volumeName: 'x' },
  [`${pod}.volumes[].vsphereVolume`]: { volumePath: 'x' },
  [`${pod}.volumes[].configMap.items`]: [{ key: 'x', path: 'x' }],
  [`${pod}.volumes[].secret.items`]: [{ key: 'x', path: 'x' }],
  [`${pod}.volumes[].emptyDir.medium`]: 'Memory',
  [`${container}.restartPolicy`]: 'Never',
  'spec.allocateLoadBalancerNodePorts': false,
  'spec.externalIPs': ['192.0.2.1'],
  'spec.externalTrafficPolicy': 'Local',
  'spec.internalTrafficPolicy': 'Local',
  'spec.ipFamilyPolicy': 'PreferDualStack',
  'spec.loadBalancerIP': '192.0.2.1',
  'spec.loadBalancerSourceRanges': ['192.0.2.0/24'],
  'spec.sessionAffinity': 'ClientIP',
  'spec.sessionAffinityConfig': undefined,
  'spec.trafficDistribution': 'PreferClose',
};

/** What the API server would fill in. */
function terminationOf() {
  return {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'Always',
  };
}

export function* fieldWalk(resource: FieldTrial['resource'], made: object, document: object): Generator<FieldTrial> {
  const schemas = (document as { components: { schemas: Record<string, Schema> } }).components.schemas;
  yield* walk(made, { $ref: `#/components/schemas/${kinds[resource]}` }, []);

  function* walk(part: unknown, schema: Schema, path: (string | number)[]): Generator<FieldTrial> {
    const { properties, items } = resolve(schema);
    if (Array.isArray(part)) {
      for (const [index, item] of part.entries()) {
        // Those after the first differ in nothing but the kinds of volumes.
        if (items && (index === 0 || path.at(-1) === 'volumes')) yield* walk(item, items, [...path, index]);
      }
      return;
    }
    if (typeof part !== 'object' || part === null || properties === undefined) return;
    for (const [field, fieldSchema] of Object.entries(properties)) {
      const place = [...path, field];
      const what = pathText(place);
      if (serversOwn.has(what) || place[0] === 'apiVersion' || place[0] === 'kind') continue;
      const kind = generic(what);
      if (field in part) yield* walk((part as Record<string, unknown>)[field], fieldSchema, place);
      else if (!written.has(kind) && !refusedByKubernetes.has(kind)) {
        const value = kind in samples ? samples[kind] : sampleOf(fieldSchema);
        const object = unions.has(generic(pathText(path)))
          ? withField(made, path, { name: (part as { name?: string }).name ?? 'x', [field]: value })
          : withField(made, place, value);
        yield { resource, what, object };
      }
    }
  }

  function resolve(schema: Schema): Schema {
    const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
    return reference === undefined ? schema : resolve(schemas[reference.split('/').at(-1)!]!);
  }

  function sampleOf(schema: Schema): unknown {
    const { type, format, properties, items, additionalProperties } = resolve(schema);
    if (type === 'string') return format === 'date-time' ? '2026-01-21T10:00:00Z' : 'x';
    if (type === 'boolean') return true;
    if (type === 'integer' || type === 'number') return 1;
    if (type === 'array') return items ? [sampleOf(items)] : [];
    if (additionalProperties) return { x: sampleOf(additionalProperties) };
    if (properties) return {};
    return 'x';
  }
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** The same for each item of a list. */
function generic(what: string): string {
  return what.replace(/\[\d+\]/g, '[]');
}

function withField(made: object, path: readonly (string | number)[], value: unknown): object {
  const copy = structuredClone(made);
  let part = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) part = part[step] as Record<string | number, unknown>;
  part[path.at(-1)!] = value;
  return copy;
}
