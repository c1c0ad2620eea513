import t from 'tap';

import type { ContainerSpec } from '../../src/containers/container.ts';
import { InternalError, InvalidArgumentError, UnavailableError } from '../../src/containers/errors.ts';
import { KubernetesApiError, KubernetesConnectionError } from '../../src/kubernetes/api/api-error.ts';
import type { Status, StatusCause } from '../../src/kubernetes/api/resources.ts';
import { translateError } from '../../src/kubernetes/translate-error.ts';
import { withPorts } from '../support/base-spec.ts';
import { captureLog } from '../support/log-lines.ts';

const call = { verb: 'create', resource: 'deployments' } as const;
const spec = withPorts({ 80: 'none', 81: 'internal', 82: 'external' });

function refusal(status: number, body: Partial<Status> = {}, retryAfterSeconds?: number) {
  return new KubernetesApiError(call, status, { kind: 'Status', ...body }, retryAfterSeconds);
}

function translate(error: unknown) {
  const { log, lines } = captureLog();
  const translated = translateError(error, { log, namespace: 'containers', spec });
  return { error: translated as Error, lines };
}

t.test('what may pass is 503, with the time to wait', (t) => {
  const terminating = 'unable to create new content in namespace containers because it is being terminated';
  const quota =
    'deployments.apps "dcm-web" is forbidden: exceeded quota: small, requested: count/deployments.apps=1, used: 5, limited: 5';
  const cases: [name: string, error: unknown, message: RegExp, seconds: number][] = [
    ['throttled', refusal(429, {}, 7), /too many requests/, 7],
    ['throttled, by the Status', refusal(429, { details: { retryAfterSeconds: 3 } }), /too many requests/, 3],
    ['a failing server', refusal(500, { message: 'etcdserver: leader changed' }), /cannot do it now/, 5],
    ['a proxy without a server', new KubernetesApiError(call, 502, undefined), /cannot do it now/, 5],
    ['a page that is not there', new KubernetesApiError(call, 404, undefined), /cannot be reached/, 5],
    ['a missing namespace', refusal(404, { details: { kind: 'namespaces' } }), /namespace .* does not exist/, 30],
    ['a terminating namespace', refusal(403, { message: terminating }), /namespace .* is being removed/, 30],
    [
      'a terminating namespace, by its cause',
      refusal(403, { message: 'no', details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
      /namespace .* is being removed/,
      30,
    ],
    ['a quota', refusal(403, { message: quota }), /refuses more: exceeded quota: small, .*limited: 5$/, 30],
    [
      'a quota that is not counted yet',
      refusal(403, {
        message:
          'deployments.apps "dcm-web" is forbidden: status unknown for quota: new, resources: count/deployments.apps',
      }),
      /refuses more: status unknown for quota: new/,
      30,
    ],
    [
      'a quota that many creates contend for',
      refusal(409, {
        reason: 'Conflict',
        message: 'Operation cannot be fulfilled on resourcequotas "small": the object has been modified',
      }),
      /too many changes at the same time/,
      1,
    ],
    [
      'used up node ports',
      refusal(500, { message: 'Internal error occurred: failed to allocate a nodePort: range is full' }),
      /no free node port left/,
      30,
    ],
    [
      'used up addresses',
      refusal(500, { message: 'Internal error occurred: failed to allocate a serviceIP: range is full' }),
      /no free address for Services left/,
      30,
    ],
    ['no connection', new KubernetesConnectionError(call, 'no answer'), /cannot be reached/, 5],
  ];
  for (const [name, error, message, seconds] of cases) {
    const translated = translate(error).error;
    t.type(translated, UnavailableError, name);
    t.match(translated, { message, retryAfterSeconds: seconds, cause: error }, name);
  }
  t.end();
});

t.test('what a policy refuses is 400, in its words', (t) => {
  const cases: [error: unknown, words: string][] = [
    [
      refusal(400, { message: 'admission webhook "policy.example" denied the request: no latest tags' }),
      'no latest tags',
    ],
    [
      refusal(403, { message: 'admission webhook "gate" denied the request: [rule] team label\nmissing' }),
      '[rule] team label\nmissing',
    ],
    [
      refusal(400, { message: 'admission webhook "gate" denied the request without explanation' }),
      'without explanation',
    ],
    [
      refusal(403, { message: 'services "dcm-a-b" is forbidden: external names are not wanted' }),
      'external names are not wanted',
    ],
    [
      refusal(422, {
        message: `deployments.apps "dcm-web" is forbidden: ValidatingAdmissionPolicy 'small' with binding 'all' denied request: too large`,
      }),
      'too large',
    ],
  ];
  for (const [error, words] of cases) {
    const { error: translated } = translate(error);
    t.type(translated, InvalidArgumentError);
    t.equal(translated.message, `A policy of the cluster refuses the container: ${words}`);
  }
  t.end();
});

t.test('a missing permission is 500 and names verb, resource and namespace in the log', (t) => {
  const message =
    'deployments.apps is forbidden: User "system:serviceaccount:a:b" cannot create resource "deployments" in API group "apps" in the namespace "containers"';
  const { error, lines } = translate(refusal(403, { message }));
  t.type(error, InternalError);
  t.notMatch(error.message, /serviceaccount|deployments/);
  t.match(lines, [{ level: 'error', verb: 'create', resource: 'deployments', namespace: 'containers' }]);
  t.end();
});

t.test('what an operator must fix says nothing of the cluster and logs an error', (t) => {
  for (const status of [401, 400, 404, 409]) {
    const { error, lines } = translate(refusal(status, { message: 'secret of 10.0.0.1', reason: 'Odd' }));
    t.type(error, InternalError, `${status}`);
    t.notMatch(error.message, /10\.0\.0\.1|Odd/);
    t.match(lines, [{ level: 'error' }]);
  }
  t.end();
});

const pod = 'spec.template.spec';
const hints = '/spec/provider_hints/kubernetes';
const detail = 'Invalid value: "x": no';

const hinted = {
  ...spec,
  provider_hints: {
    kubernetes: {
      readiness_probe: { http_get: { port: 80 } },
      liveness_probe: { tcp_socket: { port: 80 } },
      startup_probe: { exec: { command: ['true'] } },
      security_context: { run_as_user: 1000, drop_capabilities: ['ALL'] },
      termination_grace_period_seconds: 5,
      node_selector: { disktype: 'ssd' },
      tolerations: [{ key: 'a', effect: 'NoSchedule' as const }],
      image_pull_secrets: [{ name: 'registry' }],
      service_annotations: { 'example.com/one': '' },
      env_from_secrets: [{ name: 'database', prefix: 'DB_' }],
      volumes: [
        { name: 'a', mount_path: '/a', empty_dir: { size_limit: '1MB' } },
        { name: 'b', mount_path: '/b', config_map: { name: 'x' } },
        { name: 'c', mount_path: '/c', secret: { secret_name: 'x' } },
        { name: 'd', mount_path: '/d', persistent_volume_claim: { claim_name: 'x' } },
      ],
    },
  },
};

/** What the client is told when the cluster finds a field of what is created invalid. */
function violationsOf(
  resource: 'deployments' | 'services',
  field: string,
  spec: ContainerSpec = hinted,
  name?: string,
): unknown {
  const body: Status = { kind: 'Status', details: { ...(name && { name }), causes: [{ field, message: detail }] } };
  const error = new KubernetesApiError({ verb: 'create', resource }, 422, body);
  const translated = translateError(error, { log: captureLog().log, namespace: 'containers', spec });
  return (translated as { violations?: unknown }).violations;
}

t.test('what Kubernetes finds invalid is told in the fields of the API', (t) => {
  const container = `${pod}.containers[0]`;
  const cases: [field: string, pointer: string][] = [
    [`${container}.image`, '/spec/image/reference'],
    [`${container}.name`, '/spec/metadata/name'],
    [`${container}.command[1]`, '/spec/process/command/1'],
    [`${container}.args`, '/spec/process/args'],
    [`${container}.env[2].name`, '/spec/process/env/2/name'],
    [`${container}.env[2].value`, '/spec/process/env/2/value'],
    [`${container}.env[2].valueFrom`, '/spec/process/env/2'],
    [`${container}.ports[1].containerPort`, '/spec/network/ports/1/container_port'],
    [`${container}.ports[1].name`, '/spec/network/ports/1'],
    [`${container}.resources.requests`, '/spec/resources'],
    [`${container}.resources.requests[cpu]`, '/spec/resources/cpu/min'],
    [`${container}.resources.limits.memory`, '/spec/resources/memory/max'],
    [`${container}.resources.limits[memory]`, '/spec/resources/memory/max'],
    ['metadata.labels', '/spec/metadata/labels'],
    ['spec.template.metadata.labels', '/spec/metadata/labels'],
    ['spec.template.labels', '/spec/metadata/labels'],
    ['metadata.annotations', '/spec'],
    [`${pod}.terminationGracePeriodSeconds`, `${hints}/termination_grace_period_seconds`],
    [`${pod}.nodeSelector`, `${hints}/node_selector`],
    [`${pod}.tolerations[0].effect`, `${hints}/tolerations/0/effect`],
    [`${pod}.tolerations[0].operator`, `${hints}/tolerations/0`],
    [`${pod}.imagePullSecrets[0].name`, `${hints}/image_pull_secrets/0/name`],
    [`${pod}.volumes[0].emptyDir.sizeLimit`, `${hints}/volumes/0/empty_dir/size_limit`],
    [`${pod}.volumes[1].configMap.name`, `${hints}/volumes/1/config_map/name`],
    [`${pod}.volumes[2].secret.secretName`, `${hints}/volumes/2/secret/secret_name`],
    [`${pod}.volumes[3].persistentVolumeClaim.claimName`, `${hints}/volumes/3/persistent_volume_claim/claim_name`],
    [`${pod}.volumes[2].name`, `${hints}/volumes/2/name`],
    [`${pod}.volumes`, `${hints}/volumes`],
    [`${container}.volumeMounts[1].mountPath`, `${hints}/volumes/1/mount_path`],
    [`${container}.readinessProbe.httpGet.port`, `${hints}/readiness_probe/http_get/port`],
    [`${container}.readinessProbe.httpGet.scheme`, `${hints}/readiness_probe/http_get`],
    [`${container}.readinessProbe`, `${hints}/readiness_probe`],
    [`${container}.livenessProbe.successThreshold`, `${hints}/liveness_probe`],
    [`${container}.startupProbe.exec.command[0]`, `${hints}/startup_probe/exec/command/0`],
    [`${container}.securityContext.runAsUser`, `${hints}/security_context/run_as_user`],
    [`${container}.securityContext.capabilities.drop[0]`, `${hints}/security_context/drop_capabilities/0`],
    [`${container}.envFrom[0].prefix`, `${hints}/env_from_secrets/0/prefix`],
    [`${container}.envFrom[0].secretRef.name`, `${hints}/env_from_secrets/0/name`],
  ];
  for (const [field, pointer] of cases) t.same(violationsOf('deployments', field), [{ pointer, detail }], field);
  const casesOfServices: typeof cases = [
    ['spec.ports[0].port', '/spec/network/ports/1'],
    ['spec.ports[1].nodePort', '/spec/network/ports/2'],
    ['spec.ports', '/spec/network/ports'],
    ['metadata.labels', '/spec/metadata/labels'],
    ['metadata.annotations', `${hints}/service_annotations`],
  ];
  for (const [field, pointer] of casesOfServices) t.same(violationsOf('services', field), [{ pointer, detail }], field);
  t.end();
});

t.test('ports of the Service for external ones alone are counted among those', (t) => {
  const spec = withPorts({ 80: 'internal', 81: 'external', 82: 'internal', 83: 'external' });
  const cases: [name: string, field: string, pointer: string][] = [
    ['dcm-web-bcdfghjklm', 'spec.ports[1].port', '/spec/network/ports/1'],
    ['dcm-web-bcdfghjklm', 'spec.ports[2].port', '/spec/network/ports/2'],
    ['dcm-web-bcdfghjklm-external', 'spec.ports[0].nodePort', '/spec/network/ports/1'],
    ['dcm-web-bcdfghjklm-external', 'spec.ports[1].nodePort', '/spec/network/ports/3'],
    ['dcm-web-bcdfghjklm-external', 'spec.ports', '/spec/network/ports'],
  ];
  for (const [name, field, pointer] of cases) {
    t.same(violationsOf('services', field, spec, name), [{ pointer, detail }], `${name} ${field}`);
  }
  t.end();
});

t.test('what the cluster added to the hints is told by its Kubernetes name', (t) => {
  const cases: [resource: 'deployments' | 'services', field: string][] = [
    ['deployments', `${pod}.volumes[4].hostPath.path`],
    ['deployments', `${pod}.tolerations[1].key`],
    ['deployments', `${pod}.securityContext.runAsUser`],
    ['deployments', 'spec.template.spec.containers[1].readinessProbe'],
  ];
  for (const [resource, field] of cases)
    t.same(violationsOf(resource, field), [{ detail: `${field}: ${detail}` }], field);
  const plain = withPorts({ 80: 'internal' });
  t.same(violationsOf('services', 'metadata.annotations', plain), [{ detail: `metadata.annotations: ${detail}` }]);
  t.same(violationsOf('deployments', `${pod}.nodeSelector`, plain), [{ detail: `${pod}.nodeSelector: ${detail}` }]);
  t.end();
});

t.test('all violations are told once each, those of unknown fields by their Kubernetes name', (t) => {
  const causes: StatusCause[] = [
    { field: 'metadata.labels', message: 'bad' },
    { field: 'spec.template.metadata.labels', message: 'bad' },
    { field: 'spec.template.spec.containers[1].image', message: 'odd' },
    { message: 'nowhere' },
  ];
  const { error } = translate(refusal(422, { details: { causes } }));
  t.same((error as { violations?: unknown }).violations, [
    { pointer: '/spec/metadata/labels', detail: 'bad' },
    { detail: 'spec.template.spec.containers[1].image: odd' },
    { detail: 'nowhere' },
  ]);
  t.end();
});

t.test('an invalid object without causes keeps what Kubernetes said', (t) => {
  const { error } = translate(refusal(422, { message: 'Deployment.apps "dcm-web" is invalid: something' }));
  t.same((error as { violations?: unknown }).violations, [{ detail: 'something', pointer: '/spec' }]);
  t.end();
});

t.test('values that Kubernetes repeats do not reach the log', (t) => {
  const error = refusal(422, { message: 'env[0]: Invalid value: "hunter2"', reason: 'Invalid' });
  t.notMatch(error.message, 'hunter2');
  t.match(error.message, 'create deployments: 422 Invalid');
  t.end();
});

t.test('other errors stay what they are', (t) => {
  const error = new TypeError('ours');
  t.equal(translate(error).error, error);
  t.end();
});
