/** Amounts of CPU in cores and thousandths of one, from what is sent to what the cluster makes of it. */
import t from 'tap';
import { containerSpec } from '../support/base-spec.ts';
import type { ContainerSpec } from '../support/base-spec.ts';
import { createContainer, listPage, readContainer, readStatusCode } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { referenceDeployment } from '../support/reference-container.ts';

type Cpu = ContainerSpec['resources']['cpu'];

const memory = { min: '64MB', max: '128MB' };
const withCpu = (cpu: Cpu): ContainerSpec => containerSpec({ resources: { cpu, memory } });

t.test('amounts of CPU', async (t) => {
  await using system = await startSystem();
  const { client, events, workloads } = system;

  const sent: [id: string, Cpu, requests: string, limits: string][] = [
    ['parts', { min: '500m', max: '1500m' }, '500m', '1500m'],
    ['mixed', { min: '250m', max: 1 }, '250m', '1'],
    ['mixed-too', { min: 2, max: '2500m' }, '2', '2500m'],
    ['text', { min: '2', max: '3' }, '2', '3'],
    ['same', { min: 1, max: '1000m' }, '1', '1'],
    ['whole-parts', { min: '1000m', max: '4000m' }, '1', '4'],
  ];
  for (const [id, cpu, requests, limits] of sent) {
    await t.test(
      `${JSON.stringify(cpu)} comes back as it was sent, and is ${requests} and ${limits} in the cluster`,
      async (t) => {
        const created = await createContainer(client, id, withCpu(cpu));
        await events.waitFor(id, 'RUNNING');
        const listed = (await listPage(client, 100)).containers.find((container) => container.id === id);
        for (const container of [created, await readContainer(client, id), listed!]) {
          t.strictSame(container.spec.resources, { cpu, memory });
        }
        const [container] = (await workloads.one('deployments', id)).spec.template.spec.containers;
        t.match(container, { resources: { requests: { cpu: requests }, limits: { cpu: limits } } });
      },
    );
  }

  const found: [id: string, requests: string, limits: string, Cpu][] = [
    ['legacy-parts', '500m', '1500m', { min: '500m', max: '1500m' }],
    ['legacy-whole', '1000m', '2', { min: 1, max: 2 }],
    ['legacy-decimal', '0.1', '2.5', { min: '100m', max: '2500m' }],
    ['legacy-small', '100u', '1', { min: '1m', max: 1 }],
  ];
  for (const [id, requests, limits, cpu] of found) {
    await t.test(
      `${requests} and ${limits} in a Deployment of others are read as ${JSON.stringify(cpu)}`,
      async (t) => {
        await workloads.create('deployments', legacyWithCpu(id, requests, limits));
        t.strictSame((await readContainer(client, id)).spec.resources.cpu, cpu);
      },
    );
  }

  await t.test('more at least than at most is refused, whatever the forms, and nothing is made', async (t) => {
    for (const cpu of [
      { min: '1500m', max: 1 },
      { min: 2, max: '1999m' },
      { min: '3', max: '2' },
    ]) {
      const params = { query: { id: 'upside-down' } };
      const { response, error } = await client.POST('/containers', { params, body: { spec: withCpu(cpu) } });
      t.equal(response.status, 400);
      t.strictSame(error?.errors, [{ detail: 'must be <= max', pointer: '/spec/resources/cpu/min' }]);
    }
    t.equal(await readStatusCode(client, 'upside-down'), 404);
  });

  await t.test(
    'a LimitRange that its Pod breaks makes the container FAILED, with its words, until it is gone',
    async (t) => {
      const limits = [{ type: 'Container', max: { cpu: '750m' } }];
      const words = 'maximum cpu usage per Container is 750m, but limit is 1';
      const limit = await refusePods(system, 'limitranges', { limits }, words);
      await createContainer(client, 'too-big', withCpu({ min: '500m', max: 1 }));
      const failed = await events.waitFor('too-big', 'FAILED').finally(() => limit[Symbol.asyncDispose]());
      t.match(failed.data.message, /maximum cpu usage per Container is 750m, but limit is 1/);
      await events.waitFor('too-big', 'RUNNING', failed);
    },
  );

  await t.test('a quota of CPU that is used up makes the container FAILED, with how much it asked for', async (t) => {
    const words = 'exceeded quota: cpu, requested: requests.cpu=500m, used: requests.cpu=0, limited: requests.cpu=0';
    const quota = await refusePods(system, 'resourcequotas', { hard: { 'requests.cpu': '0' } }, words);
    await createContainer(client, 'hungry', withCpu({ min: '500m', max: 1 }));
    const failed = await events.waitFor('hungry', 'FAILED').finally(() => quota[Symbol.asyncDispose]());
    t.match(failed.data.message, /exceeded quota: cpu, requested: requests\.cpu=500m/);
    await events.waitFor('hungry', 'RUNNING', failed);
  });
});

function legacyWithCpu(id: string, requests: string, limits: string): object {
  const deployment = structuredClone(referenceDeployment(id)) as {
    spec: { template: { spec: { containers: { resources: object }[] } } };
  };
  const [container] = deployment.spec.template.spec.containers;
  container!.resources = {
    requests: { cpu: requests, memory: '64Mi' },
    limits: { cpu: limits, memory: '128Mi' },
  };
  return deployment;
}

/** Lets the API server refuse Pods by such an object, named `cpu`, until the scope is left; in the sandbox, with its words. */
async function refusePods(
  { cluster, workloads }: System,
  kind: 'limitranges' | 'resourcequotas',
  spec: object,
  words: string,
): Promise<AsyncDisposable> {
  if (cluster.sandbox) {
    const message = `pods "x" is forbidden: ${words}`;
    const fault = cluster.sandbox.faults.refuse({ code: 403, message }, { verb: 'create', resource: 'pods' });
    const stack = new AsyncDisposableStack();
    stack.use(fault);
    return stack;
  }
  await workloads.create(kind, { metadata: { name: 'cpu' }, spec });
  if (kind === 'resourcequotas') await workloads.quotaInForce('cpu');
  return { [Symbol.asyncDispose]: () => workloads.delete(kind, 'cpu') };
}
