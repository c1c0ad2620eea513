/** What an API server refuses as invalid, and how it says which field is wrong. */
import t from 'tap';
import { openCluster } from '../support/kubernetes.ts';
import { deployment, idleDeployment, pathsIn, service, type DeploymentBody } from './objects.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, services } = pathsIn(cluster.namespace);

interface Cause {
  field: string;
  reason: string;
  message: string | RegExp;
}

function cause(field: string, reason: string, message: string | RegExp): Cause {
  return { field, reason: `FieldValue${reason}`, message };
}

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const container = 'spec.template.spec.containers[0]';

function withMetadata(metadata: Record<string, unknown>): DeploymentBody {
  return { ...idleDeployment('wrong'), metadata: { name: 'wrong', ...metadata } };
}

function withSpec(spec: Record<string, unknown>): DeploymentBody {
  const body = idleDeployment('wrong');
  return { ...body, spec: { ...body.spec, ...spec } };
}

const wrongDeployments: [what: string, body: DeploymentBody, causes: Cause[]][] = [
  [
    'no name',
    withMetadata({ name: undefined }),
    [cause('metadata.name', 'Required', 'Required value: name or generateName is required')],
  ],
  [
    'a name in capitals',
    withMetadata({ name: 'A' }),
    [cause('metadata.name', 'Invalid', `Invalid value: "A": ${subdomain}`)],
  ],
  [
    'a name of 254 characters',
    withMetadata({ name: 'a'.repeat(254) }),
    [cause('metadata.name', 'Invalid', /must be no more than 253 characters$/)],
  ],
  [
    'a label key with a space',
    withMetadata({ labels: { 'a b': '' } }),
    [cause('metadata.labels', 'Invalid', /^Invalid value: "a b": name part must consist of/)],
  ],
  [
    'a label key with two slashes',
    withMetadata({ labels: { 'a/b/c': '' } }),
    [cause('metadata.labels', 'Invalid', /^Invalid value: "a\/b\/c": a valid label key must consist of/)],
  ],
  [
    'a label key without a prefix',
    withMetadata({ labels: { '/b': '' } }),
    [cause('metadata.labels', 'Invalid', 'Invalid value: "/b": prefix part must be non-empty')],
  ],
  [
    'a label value with a space',
    withMetadata({ labels: { a: 'b c' } }),
    [cause('metadata.labels', 'Invalid', /^Invalid value: "b c": a valid label must be an empty string or/)],
  ],
  [
    'a label value of 64 characters',
    withMetadata({ labels: { a: 'b'.repeat(64) } }),
    [cause('metadata.labels', 'Invalid', /must be no more than 63 bytes$/)],
  ],
  [
    'an annotation key with a space',
    withMetadata({ annotations: { 'a b': '' } }),
    [cause('metadata.annotations', 'Invalid', /^Invalid value: "a b": name part/)],
  ],
  [
    'annotations of more than 256 KiB',
    withMetadata({ annotations: { a: 'b'.repeat(262_144) } }),
    [cause('metadata.annotations', 'TooLong', 'Too long: may not be more than 262144 bytes')],
  ],
  [
    'an owner without a uid',
    withMetadata({ ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }] }),
    [cause('metadata.ownerReferences[0].uid', 'Required', /^Required value/)],
  ],
  [
    'negative replicas',
    withSpec({ replicas: -1 }),
    [cause('spec.replicas', 'Invalid', 'Invalid value: -1: must be greater than or equal to 0')],
  ],
  [
    'an empty selector',
    withSpec({ selector: {} }),
    [cause('spec.selector', 'Invalid', 'Invalid value: {}: empty selector is invalid for deployment')],
  ],
  [
    'a selector that selects others',
    withSpec({ selector: { matchLabels: { a: 'b' } } }),
    [
      cause(
        'spec.template.metadata.labels',
        'Invalid',
        'Invalid value: {"app":"wrong"}: `selector` does not match template `labels`',
      ),
    ],
  ],
  [
    'a strategy that is unknown',
    withSpec({ strategy: { type: 'Blue' } }),
    [cause('spec.strategy', 'NotSupported', /supported values: "Recreate", "RollingUpdate"$/)],
  ],
  ['no image', deployment('wrong', { image: '' }), [cause(`${container}.image`, 'Required', 'Required value')]],
  ['no container name', deployment('wrong', { name: '' }), [cause(`${container}.name`, 'Required', 'Required value')]],
  [
    'a container name with an underscore',
    deployment('wrong', { name: 'a_b' }),
    [cause(`${container}.name`, 'Invalid', /^Invalid value: "a_b": a lowercase RFC 1123 label must consist of/)],
  ],
  [
    'environment variables without a name, with =, beyond ASCII',
    deployment('wrong', { env: [{ name: '' }, { name: 'a=b' }, { name: 'ü' }, { name: '1 may be' }] }),
    [
      cause(`${container}.env[0].name`, 'Required', 'Required value'),
      cause(
        `${container}.env[1].name`,
        'Invalid',
        /^Invalid value: "a=b": a valid environment variable name must consist only of/,
      ),
      cause(`${container}.env[2].name`, 'Invalid', /^Invalid value: "ü"/),
    ],
  ],
  [
    'container ports out of range, of an unknown protocol, badly named',
    deployment('wrong', {
      ports: [
        { containerPort: 0 },
        { containerPort: 70_000 },
        { containerPort: -1 },
        { containerPort: 80, protocol: 'X' },
        { containerPort: 81, name: 'this-is-far-too-long' },
      ],
    }),
    [
      cause(`${container}.ports[0].containerPort`, 'Required', 'Required value'),
      cause(
        `${container}.ports[1].containerPort`,
        'Invalid',
        'Invalid value: 70000: must be between 1 and 65535, inclusive',
      ),
      cause(
        `${container}.ports[2].containerPort`,
        'Invalid',
        'Invalid value: -1: must be between 1 and 65535, inclusive',
      ),
      cause(
        `${container}.ports[3].protocol`,
        'NotSupported',
        'Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      ),
      cause(`${container}.ports[4].name`, 'Invalid', /must be no more than 15 characters$/),
    ],
  ],
  [
    'two container ports of one name',
    deployment('wrong', {
      ports: [
        { containerPort: 80, name: 'a' },
        { containerPort: 81, name: 'a' },
      ],
    }),
    [cause(`${container}.ports[1].name`, 'Duplicate', 'Duplicate value: "a"')],
  ],
  [
    'requests above limits',
    deployment('wrong', { resources: { requests: { cpu: '2', memory: '2Gi' }, limits: { cpu: '1', memory: '1Gi' } } }),
    [
      cause(
        `${container}.resources.requests`,
        'Invalid',
        'Invalid value: "2": must be less than or equal to cpu limit of 1',
      ),
      cause(
        `${container}.resources.requests`,
        'Invalid',
        'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
      ),
    ],
  ],
  [
    'a negative request',
    deployment('wrong', { resources: { requests: { cpu: '-1' } } }),
    [
      cause(
        `${container}.resources.requests[cpu]`,
        'Invalid',
        'Invalid value: "-1": must be greater than or equal to 0',
      ),
    ],
  ],
];

for (const [what, body, causes] of wrongDeployments) {
  t.test(`refuses a Deployment with ${what}`, async (t) => {
    const answer = await cluster.request('POST', deployments, body);
    t.match(answer, {
      status: 422,
      body: { kind: 'Status', reason: 'Invalid', details: { group: 'apps', kind: 'Deployment' } },
    });
    t.match(sorted(answer.body.details.causes), sorted(causes));
    t.equal(answer.body.details.causes.length, causes.length);
  });
}

/** The order of causes about one field is that of a Go map: none. */
function sorted(causes: Cause[]): Cause[] {
  return causes.toSorted((left, right) =>
    `${left.field} ${String(left.message)}` < `${right.field} ${String(right.message)}` ? -1 : 1,
  );
}

const wrongServices: [what: string, spec: Record<string, unknown>, causes: Cause[]][] = [
  [
    'several ports without names',
    { ports: [{ port: 80 }, { port: 81 }] },
    [
      cause('spec.ports[0].name', 'Required', 'Required value'),
      cause('spec.ports[1].name', 'Required', 'Required value'),
    ],
  ],
  [
    'two ports of one name',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    },
    [cause('spec.ports[1].name', 'Duplicate', 'Duplicate value: "a"')],
  ],
  [
    'two ports of one number',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    [cause('spec.ports[1]', 'Duplicate', /^Duplicate value: /)],
  ],
  ['no ports', { ports: [] }, [cause('spec.ports', 'Required', 'Required value')]],
  [
    'a port out of range',
    { ports: [{ port: 70_000, targetPort: 80 }] },
    [cause('spec.ports[0].port', 'Invalid', 'Invalid value: 70000: must be between 1 and 65535, inclusive')],
  ],
  [
    'a target port out of range',
    { ports: [{ port: 80, targetPort: 70_000 }] },
    [cause('spec.ports[0].targetPort', 'Invalid', 'Invalid value: 70000: must be between 1 and 65535, inclusive')],
  ],
  [
    'a type that is unknown',
    { type: 'Tunnel' },
    [
      cause(
        'spec.type',
        'NotSupported',
        'Unsupported value: "Tunnel": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ),
    ],
  ],
  [
    'a node port that its type does not have',
    { ports: [{ port: 80, nodePort: 30_123 }] },
    [cause('spec.ports[0].nodePort', 'Forbidden', /may not be used when `type` is 'ClusterIP'$/)],
  ],
  [
    'a node port out of range',
    { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
    [cause('spec.ports[0].nodePort', 'Invalid', /provided port is not in the valid range/)],
  ],
  [
    'a selector that cannot be',
    { selector: { a: 'b c' } },
    [cause('spec.selector', 'Invalid', /^Invalid value: "b c": a valid label must be/)],
  ],
];

for (const [what, spec, causes] of wrongServices) {
  t.test(`refuses a Service with ${what}`, async (t) => {
    const answer = await cluster.request('POST', services, service('wrong', spec));
    t.match(answer, { status: 422, body: { reason: 'Invalid', details: { name: 'wrong', kind: 'Service', causes } } });
    t.equal(answer.body.details.causes.length, causes.length);
  });
}

t.test('refuses Service names in capitals, with dots, and of more than 63 characters', async (t) => {
  for (const name of ['A', 'a.b', 'a'.repeat(64), 'a-']) {
    const answer = await cluster.request('POST', services, service(name));
    t.match(
      answer,
      { status: 422, body: { details: { causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }] } } },
      name,
    );
  }
  t.equal((await cluster.request('POST', `${services}?dryRun=All`, service('a'.repeat(63)))).status, 201);
});

t.test('refuses a node port and an address that another Service has', async (t) => {
  const { body } = await cluster.request('POST', services, service('first', { type: 'NodePort' }));
  const [{ nodePort }] = body.spec.ports;
  const port = service('second', { type: 'NodePort', ports: [{ port: 80, nodePort }] });
  t.match(await cluster.request('POST', services, port), {
    status: 422,
    body: {
      details: { causes: [{ field: 'spec.ports[0].nodePort', message: /provided port is already allocated$/ }] },
    },
  });
  const address = service('second', { clusterIP: body.spec.clusterIP });
  t.match(await cluster.request('POST', services, address), {
    status: 422,
    body: { details: { causes: [{ field: 'spec.clusterIPs', message: /provided IP is already allocated$/ }] } },
  });
});

t.test('tells all that is wrong at once', async (t) => {
  const body = deployment('Wrong', { image: '', ports: [{ containerPort: 0 }] });
  const { body: answer } = await cluster.request('POST', deployments, body);
  const fields = answer.details.causes.map(({ field }: Cause) => field);
  t.strictSame(fields, ['metadata.name', `${container}.image`, `${container}.ports[0].containerPort`]);
  t.match(answer.message, /^Deployment\.apps "Wrong" is invalid: \[metadata\.name: Invalid value/);
});
