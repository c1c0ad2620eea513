/** Creating and changing objects: what the provider relies on, on any API server. */
import t from 'tap';
import type { Service } from '../../scripts/sandbox/kubernetes/objects.ts';
import { openCluster } from '../support/kubernetes.ts';
import { deployment, idleDeployment, mergePatch, pathsIn, service, strategicMergePatch } from './objects.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, services } = pathsIn(cluster.namespace);

t.test('answers a create with the object, its identity and its defaults', async (t) => {
  const body = idleDeployment('created');
  const { status, body: created } = await cluster.request('POST', deployments, body);
  t.equal(status, 201);
  t.match(created, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'created', generation: 1 } });
  t.match(created.metadata.uid, /^[0-9a-f-]{36}$/);
  t.match(created.metadata.resourceVersion, /^\d+$/);
  t.match(created.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  t.match(created.spec, {
    replicas: 0,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: {
      spec: {
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        containers: [{ imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log' }],
      },
    },
  });
  t.strictSame(created.status, {});
});

t.test('refuses a second object of one name, whoever races', async (t) => {
  const racers = Array.from({ length: 20 }, () => cluster.request('POST', deployments, idleDeployment('raced')));
  const answers = await Promise.all(racers);
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  const refused = answers.filter(({ status }) => status === 409);
  t.equal(refused.length, 19);
  t.match(refused[0]?.body, {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: 409,
    reason: 'AlreadyExists',
    message: 'deployments.apps "raced" already exists',
    details: { name: 'raced', group: 'apps', kind: 'deployments' },
  });
});

t.test('takes an object that does not name its kind, and refuses one of another', async (t) => {
  const { apiVersion: _, kind: __, ...plain } = idleDeployment('plain');
  t.equal((await cluster.request('POST', deployments, plain)).status, 201);
  for (const wrong of [{ kind: 'Pod', apiVersion: 'v1' }, { kind: 'Nothing' }, { apiVersion: 'apps/v9' }]) {
    const { status, body } = await cluster.request('POST', deployments, { ...idleDeployment('wrong'), ...wrong });
    t.match({ status, body }, { status: 400, body: { kind: 'Status', reason: 'BadRequest' } }, JSON.stringify(wrong));
  }
});

t.test('generates a name from a prefix', async (t) => {
  const body = { ...idleDeployment('x'), metadata: { generateName: 'made-' } };
  const names = await Promise.all(
    [1, 2].map(async () => (await cluster.request('POST', deployments, body)).body.metadata.name),
  );
  t.match(names[0], /^made-[a-z0-9]{5,}$/);
  t.not(names[0], names[1]);
});

t.test('keeps nothing of a dry run', async (t) => {
  const { status, body } = await cluster.request('POST', `${deployments}?dryRun=All`, idleDeployment('dry'));
  t.equal(status, 201);
  t.equal(body.metadata.resourceVersion, undefined);
  t.equal((await cluster.request('GET', `${deployments}/dry`)).status, 404);
  const wrong = await cluster.request('POST', `${deployments}?dryRun=Some`, idleDeployment('dry'));
  t.match(wrong, { status: 422, body: { details: { causes: [{ field: 'dryRun' }] } } });
});

t.test('names unknown fields when asked to be strict, warns about them else, and drops them', async (t) => {
  const body = { ...idleDeployment('strict'), extra: 1 };
  body.spec.template.spec['containers'] = [{ name: 'main', image: 'a:1', imag: 'b' }];
  const strict = await cluster.request('POST', `${deployments}?fieldValidation=Strict`, body);
  t.match(strict, {
    status: 400,
    body: {
      reason: 'BadRequest',
      message:
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.template.spec.containers[0].imag", unknown field "extra"',
    },
  });
  const warned = await cluster.request('POST', `${deployments}?dryRun=All`, body);
  t.equal(warned.status, 201);
  t.match(String(warned.headers['warning']), 'unknown field \\"extra\\"');
  t.equal(warned.body.extra, undefined);
  const ignored = await cluster.request('POST', `${deployments}?dryRun=All&fieldValidation=Ignore`, body);
  t.equal(ignored.headers['warning'], undefined);
});

t.test('refuses values of the wrong type, naming the field', async (t) => {
  const cases: [body: object, message: RegExp][] = [
    [
      { spec: { ...idleDeployment('x').spec, replicas: '1' } },
      /unmarshal string into .*\.spec\.replicas of type int32/,
    ],
    [{ spec: { ...idleDeployment('x').spec, replicas: 3e9 } }, /unmarshal number 3000000000 into .*spec\.replicas/],
    [{ spec: 'x' }, /unmarshal string into .*\.spec of type v1\.DeploymentSpec/],
    [{ metadata: { name: 5 } }, /unmarshal number into .*metadata\.name of type string/],
    [deployment('x', { command: 'x' }), /containers\.command of type \[\]string/],
    [deployment('x', { resources: { limits: { cpu: 'abc' } } }), /quantities must match the regular expression/],
  ];
  for (const [change, message] of cases) {
    const { status, body } = await cluster.request('POST', deployments, { ...idleDeployment('x'), ...change });
    t.match({ status, body }, { status: 400, body: { reason: 'BadRequest', message } });
  }
});

t.test('refuses bodies that are no JSON, no object, nothing, or of another media type', async (t) => {
  for (const body of ['{"a":', '[]', '"x"', '']) {
    const answer = await cluster.request('POST', deployments, body);
    t.match(answer, { status: 400, body: { kind: 'Status', reason: 'BadRequest' } }, JSON.stringify(body));
  }
  const text = await cluster.request('POST', deployments, '{}', { 'content-type': 'text/plain' });
  t.match(text, { status: 415, body: { reason: 'UnsupportedMediaType' } });
});

t.test('refuses a namespace in the body that is not that of the path, and one that does not exist', async (t) => {
  const other = { ...idleDeployment('x'), metadata: { name: 'x', namespace: 'other' } };
  t.match(await cluster.request('POST', deployments, other), {
    status: 400,
    body: { message: 'the namespace of the provided object does not match the namespace sent on the request' },
  });
  const missing = pathsIn('no-such-namespace').deployments;
  t.match(await cluster.request('POST', missing, idleDeployment('x')), {
    status: 404,
    body: {
      reason: 'NotFound',
      message: 'namespaces "no-such-namespace" not found',
      details: { name: 'no-such-namespace', kind: 'namespaces' },
    },
  });
});

t.test('writes quantities in one canonical form', async (t) => {
  const forms: Record<string, string> = {
    '1024Mi': '1Gi',
    '1536Mi': '1536Mi',
    '1048576Mi': '1Ti',
    '1000Mi': '1000Mi',
    '0.5Gi': '512Mi',
    '1Ki': '1Ki',
    '1000M': '1G',
    '1000m': '1',
    '0.5': '500m',
    '1e3': '1e3',
    '1500': '1500',
    '1000000': '1M',
  };
  for (const [sent, stored] of Object.entries(forms)) {
    const body = deployment('quantity', { resources: { limits: { memory: sent } } });
    const answer = await cluster.request('POST', `${deployments}?dryRun=All`, body);
    t.equal(answer.body.spec.template.spec.containers[0].resources.limits.memory, stored, sent);
  }
});

t.test('leaves empty strings, lists and maps out, and keeps switches that are off', async (t) => {
  const body = deployment('empty', { command: [], env: [{ name: 'EMPTY', value: '' }] });
  body.metadata['annotations'] = {};
  body.spec.template.spec['automountServiceAccountToken'] = false;
  body.spec.template.spec['enableServiceLinks'] = false;
  const { body: answered } = await cluster.request('POST', `${deployments}?dryRun=All`, body);
  const { spec } = answered.spec.template;
  t.equal(answered.metadata.annotations, undefined);
  t.strictSame(spec.containers[0].env, [{ name: 'EMPTY' }]);
  t.equal(spec.containers[0].command, undefined);
  t.strictSame([spec.automountServiceAccountToken, spec.enableServiceLinks], [false, false]);
});

t.test('gives Services an address, and node ports where their type asks for them', async (t) => {
  const { body: internal } = await cluster.request('POST', services, service('internal'));
  t.match(internal.spec, {
    type: 'ClusterIP',
    clusterIP: /^\d+\.\d+\.\d+\.\d+$/,
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ports: [{ name: 'port-80', port: 80, targetPort: 80, protocol: 'TCP' }],
  });
  t.strictSame(internal.spec.clusterIPs, [internal.spec.clusterIP]);
  t.equal(internal.spec.ports[0].nodePort, undefined);
  t.strictSame(internal.status, { loadBalancer: {} });

  for (const type of ['NodePort', 'LoadBalancer']) {
    const { status, body } = await cluster.request('POST', services, service(type.toLowerCase(), { type }));
    t.equal(status, 201);
    t.ok(body.spec.ports[0].nodePort >= 30000 && body.spec.ports[0].nodePort <= 32767, type);
    t.equal(body.spec.externalTrafficPolicy, 'Cluster');
  }
});

t.test('keeps the address of a Service, and its node ports by the names of ports, through changes', async (t) => {
  const named = (name: string, port: number): object => ({ name, port, targetPort: port, protocol: 'TCP' });
  const path = `${services}/changed`;
  const { body: created } = await cluster.request('POST', services, service('changed', { ports: [named('a', 80)] }));
  const change = async (spec: object): Promise<Required<Service['spec']>> => {
    const { status, body } = await cluster.request('PATCH', path, { spec }, mergePatch);
    t.equal(status, 200);
    t.equal(body.spec.clusterIP, created.spec.clusterIP);
    return body.spec as Required<Service['spec']>;
  };
  const exposed = await change({ type: 'NodePort', ports: [named('a', 80), named('b', 81)] });
  const [a, b] = exposed.ports.map(({ nodePort }) => nodePort);
  t.ok(a !== undefined && b !== undefined && a !== b);
  t.equal(exposed.externalTrafficPolicy, 'Cluster');
  const renumbered = await change({ ports: [named('b', 82), named('c', 81), named('a', 80)] });
  const nodePorts = renumbered.ports.map(({ nodePort }) => nodePort);
  t.strictSame([nodePorts[0], nodePorts[2]], [b, a]);
  t.notOk([a, b].includes(nodePorts[1]), 'another name has another node port');
  const balanced = await change({ type: 'LoadBalancer' });
  t.strictSame(balanced.ports, renumbered.ports);
  t.equal(balanced.allocateLoadBalancerNodePorts, true);
  const hidden = await change({ type: 'ClusterIP', ports: [named('a', 80)] });
  t.strictSame(hidden.ports, [named('a', 80)]);
  t.equal(hidden.externalTrafficPolicy, undefined);
  t.equal(hidden.allocateLoadBalancerNodePorts, undefined);
});

t.test('drops the node ports that a Service has when its type changes alone', async (t) => {
  await cluster.request('POST', services, service('dropped', { type: 'NodePort' }));
  const { status, body } = await cluster.request(
    'PATCH',
    `${services}/dropped`,
    { spec: { type: 'ClusterIP' } },
    mergePatch,
  );
  t.equal(status, 200);
  t.equal(body.spec.ports[0].nodePort, undefined);
});

t.test('takes a port once for each protocol, with one node port where both are made together', async (t) => {
  const port = (number: number, protocol: string) => ({
    name: `port-${number}-${protocol.toLowerCase()}`,
    ...{ port: number, targetPort: number, protocol },
  });
  const ports = [port(53, 'UDP'), port(443, 'TCP'), port(53, 'TCP')];
  const { status, body } = await cluster.request('POST', services, service('both', { type: 'NodePort', ports }));
  t.equal(status, 201);
  const [udp, other, tcp] = body.spec.ports;
  t.match([udp, other, tcp], ports);
  t.equal(udp.nodePort, tcp.nodePort);
  t.not(udp.nodePort, other.nodePort);

  const more = [...body.spec.ports, port(443, 'UDP'), port(80, 'TCP'), port(80, 'UDP')];
  const changed = await cluster.request('PATCH', `${services}/both`, { spec: { ports: more } }, mergePatch);
  const nodePorts = changed.body.spec.ports.map(({ nodePort }: { nodePort: number }) => nodePort);
  t.strictSame(nodePorts.slice(0, 3), [udp.nodePort, other.nodePort, udp.nodePort]);
  t.equal(new Set(nodePorts).size, 5, 'what is added later has a node port of its own');

  const containerPorts = ['TCP', 'UDP'].map((protocol) => ({ containerPort: 53, protocol }));
  const answer = await cluster.request(
    'POST',
    `${deployments}?dryRun=All`,
    deployment('dns', { ports: containerPorts }),
  );
  t.equal(answer.status, 201);
  t.match(answer.body.spec.template.spec.containers[0].ports, containerPorts);
});

t.test(
  'counts generations for changes of the spec only, and answers an update that changes nothing as it was',
  async (t) => {
    const { body: created } = await cluster.request('POST', deployments, idleDeployment('counted'));
    const path = `${deployments}/counted`;
    const labelled = await cluster.request('PATCH', path, { metadata: { labels: { more: 'yes' } } }, mergePatch);
    t.match(labelled, { status: 200, body: { metadata: { generation: 1, labels: { app: 'counted', more: 'yes' } } } });
    t.not(labelled.body.metadata.resourceVersion, created.metadata.resourceVersion);
    const changed = await cluster.request('PATCH', path, { spec: { minReadySeconds: 1 } }, mergePatch);
    t.equal(changed.body.metadata.generation, 2);
    const same = await cluster.request('PATCH', path, { spec: { minReadySeconds: 1 } }, mergePatch);
    t.equal(same.body.metadata.generation, 2);
  },
);

t.test('refuses an update from an old version, of another object, or of another name', async (t) => {
  const { body: created } = await cluster.request('POST', deployments, idleDeployment('updated'));
  const path = `${deployments}/updated`;
  const stale = { ...created, metadata: { ...created.metadata, resourceVersion: '1' } };
  t.match(await cluster.request('PUT', path, stale), {
    status: 409,
    body: {
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on deployments.apps "updated": the object has been modified; please apply your changes to the latest version and try again',
      details: { name: 'updated', group: 'apps', kind: 'deployments' },
    },
  });
  const replaced = { ...created, metadata: { name: 'updated', uid: '00000000-0000-4000-8000-000000000000' } };
  t.match(await cluster.request('PUT', path, replaced), { status: 409, body: { reason: 'Conflict' } });
  const renamed = { ...created, metadata: { ...created.metadata, name: 'other' } };
  t.match(await cluster.request('PUT', path, renamed), { status: 400, body: { reason: 'BadRequest' } });
  t.match(await cluster.request('PUT', path, { ...created, metadata: {} }), { status: 400 });
  t.equal((await cluster.request('PUT', path, { ...created, metadata: { name: 'updated' } })).status, 200);
});

t.test('never changes a selector', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('selecting'));
  const patch = {
    spec: { selector: { matchLabels: { more: 'x' } }, template: { metadata: { labels: { more: 'x' } } } },
  };
  t.match(await cluster.request('PATCH', `${deployments}/selecting`, patch, mergePatch), {
    status: 422,
    body: { reason: 'Invalid', details: { causes: [{ field: 'spec.selector', reason: 'FieldValueInvalid' }] } },
  });
});

t.test('merges patches: null removes, lists of containers merge by name in strategic ones', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('patched'));
  const path = `${deployments}/patched`;
  const removed = await cluster.request('PATCH', path, { metadata: { labels: { app: null, a: 'b' } } }, mergePatch);
  t.strictSame(removed.body.metadata.labels, { a: 'b' });
  const patch = { spec: { template: { spec: { containers: [{ name: 'main', image: 'b:2' }] } } } };
  const merged = await cluster.request('PATCH', path, patch, strategicMergePatch);
  t.match(merged.body.spec.template.spec.containers, [{ name: 'main', image: 'b:2', imagePullPolicy: 'IfNotPresent' }]);
  const json = await cluster.request('PATCH', path, {}, { 'content-type': 'application/json' });
  t.equal(json.status, 415);
  const stale = { metadata: { resourceVersion: '1', labels: { a: 'c' } } };
  t.match(await cluster.request('PATCH', path, stale, mergePatch), { status: 409, body: { reason: 'Conflict' } });
  t.equal((await cluster.request('PATCH', `${deployments}/missing`, {}, mergePatch)).status, 404);
});

t.test('changes a strategy only where what belongs to the former one goes too', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('strategy'));
  const change = (strategy: object) =>
    cluster.request('PATCH', `${deployments}/strategy`, { spec: { strategy } }, mergePatch);
  t.match(await change({ type: 'Recreate' }), {
    status: 422,
    body: { details: { causes: [{ field: 'spec.strategy.rollingUpdate', reason: 'FieldValueForbidden' }] } },
  });
  const recreate = await change({ type: 'Recreate', rollingUpdate: null });
  t.strictSame(recreate.body.spec.strategy, { type: 'Recreate' });
  const rolling = await change({ type: 'RollingUpdate' });
  const rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%' };
  t.strictSame(rolling.body.spec.strategy, { type: 'RollingUpdate', rollingUpdate });
});

t.test('takes a status only through its subresource, and nothing but the status there', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('stated'));
  const path = `${deployments}/stated`;
  const condition = { type: 'Stated', status: 'True', lastUpdateTime: '2026-01-01T00:00:00Z' };
  await cluster.request('PATCH', path, { status: { conditions: [condition] } }, mergePatch);
  const before = await cluster.request('GET', path);
  t.notMatch(JSON.stringify(before.body.status), 'Stated');
  const patch = { spec: { replicas: 5 }, status: { conditions: [condition] } };
  const { status, body } = await cluster.request('PATCH', `${path}/status`, patch, mergePatch);
  t.match({ status, body }, { status: 200, body: { spec: { replicas: 0 }, status: { conditions: [condition] } } });
});

t.test('scales through the subresource', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('scaled'));
  const path = `${deployments}/scaled`;
  const scale = await cluster.request('GET', `${path}/scale`);
  t.match(scale.body, { kind: 'Scale', apiVersion: 'autoscaling/v1', status: { selector: 'app=scaled' } });
  const patched = await cluster.request('PATCH', `${path}/scale`, { spec: { replicas: 2 } }, mergePatch);
  t.match(patched, { status: 200, body: { kind: 'Scale', spec: { replicas: 2 } } });
  t.equal((await cluster.request('GET', path)).body.spec.replicas, 2);
});
