import t from 'tap';
import { withImage, withPorts } from '../support/base-spec.ts';
import { createContainer, readStatusCode } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

t.test('what the cluster refuses', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  const create = async (id: string, spec = withImage('registry.example/web:1')) => {
    const { error, response } = await client.POST('/containers', { params: { query: { id } }, body: { spec } });
    return { ...error, code: response.status };
  };

  await t.test('a quota of Deployments makes create 503 with the reason, and nothing is made', async (t) => {
    await using _quota = await exhaust(system, 'deployments', 'count/deployments.apps');
    t.match(await create('refused'), { code: 503, type: 'INTERNAL', detail: /exceeded quota/ });
    t.equal(await readStatusCode(client, 'refused'), 404);
    t.same(await workloads.of('deployments', 'refused'), []);
  });

  await t.test('a quota of Services makes create 503, and the Deployment is removed', async (t) => {
    await using _quota = await exhaust(system, 'services', 'services');
    const answer = await create('rolled-back', withPorts({ 8080: 'internal' }));
    t.match(answer, { code: 503, detail: /exceeded quota/ });
    t.equal(await readStatusCode(client, 'rolled-back'), 404);
    await workloads.until('deployments', 'rolled-back', (deployments) => deployments.length === 0);
  });

  await t.test('a quota of Pods makes the container FAILED with the reason, until there is room', async (t) => {
    const quota = await exhaust(system, 'pods', 'pods');
    await createContainer(client, 'podless');
    const failed = await events.waitFor('podless', 'FAILED').finally(() => quota[Symbol.asyncDispose]());
    t.match(failed.data.message, /exceeded quota/);
    await events.waitFor('podless', 'RUNNING', failed);
  });

  await t.test('an admission policy makes create 400 with its words', async (t) => {
    await using _policy = await forbidImages(system, 'registry.example/forbidden');
    let tries = 0;
    const answer = await eventually(
      () => create(`unwanted-${tries++}`, withImage('registry.example/forbidden:1')),
      ({ code }) => code !== 201,
    );
    t.match(answer, { code: 400, type: 'INVALID_ARGUMENT', detail: /this image is not welcome/ });
  });
});

/** Lets the API server refuse a kind of object as when a quota is used up, until the scope is left. */
async function exhaust({ cluster, workloads }: System, resource: string, limit: string): Promise<AsyncDisposable> {
  const name = `no-more-${resource}`;
  if (cluster.sandbox) {
    const message = `${resource} "x" is forbidden: exceeded quota: ${name}, requested: ${limit}=1, used: ${limit}=0, limited: ${limit}=0`;
    const fault = cluster.sandbox.faults.refuse({ code: 403, message }, { verb: 'create', resource });
    return disposable(() => fault.remove());
  }
  await workloads.create('resourcequotas', { metadata: { name }, spec: { hard: { [limit]: '0' } } });
  await workloads.quotaInForce(name);
  return disposable(() => workloads.delete('resourcequotas', name));
}

/** Lets the API server refuse Deployments with this image as an admission policy does, until the scope is left. */
async function forbidImages({ cluster }: System, image: string): Promise<AsyncDisposable> {
  const { namespace: name, request, sandbox } = cluster;
  const words = 'this image is not welcome';
  if (sandbox) {
    const message = `deployments.apps "x" is forbidden: ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: ${words}`;
    const fault = sandbox.faults.refuse({ code: 422, message }, { verb: 'create', resource: 'deployments' });
    return disposable(() => fault.remove());
  }
  const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
  const bindings = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': name } };
  const expression = `object.spec.template.spec.containers.all(c, !c.image.startsWith('${image}'))`;
  const resourceRules = [
    { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] },
  ];
  await request('POST', policies, {
    metadata: { name },
    spec: { matchConstraints: { namespaceSelector, resourceRules }, validations: [{ expression, message: words }] },
  });
  await request('POST', bindings, { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } });
  return disposable(async () => {
    await request('DELETE', `${bindings}/${name}`);
    await request('DELETE', `${policies}/${name}`);
  });
}

function disposable(dispose: () => void | Promise<void>): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => dispose() };
}
