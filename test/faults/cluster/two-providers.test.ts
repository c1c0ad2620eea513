import t from 'tap';
import { withPorts } from '../../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readStatusCode } from '../../support/containers.ts';
import { healed } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import { startSystem } from '../../support/system.ts';

t.test('two providers of one cluster', async (t) => {
  await using system = await startSystem({ env: { SP_NAME: 'first' } });
  const { client, events, workloads } = system;
  await using other = await system.addProvider({ SP_NAME: 'second' });
  await listIds(other.client);
  const bothHealed = async (): Promise<void> => {
    await healed(system, { name: 'first' });
    await healed(system, { provider: other, name: 'second' });
  };
  await bothHealed();

  await t.test('make one container of 200 concurrent creates of one id', async (t) => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        (index % 2 === 0 ? client : other.client).POST('/containers', {
          params: { query: { id: 'contested' } },
          body: { spec: { ...withPorts({ 8080: 'internal' }), provider_hints: { index } } },
        }),
      ),
    );
    const codes = answers.map(({ response }) => response.status).sort((a, b) => a - b);
    t.same(codes, [201, ...Array.from({ length: 199 }, () => 409)]);
    await workloads.one('deployments', 'contested');
    await workloads.one('services', 'contested');
    await bothHealed();
  });

  await t.test(
    'answer 200 concurrent creates of one key and one body with one container and its Service',
    async (t) => {
      const header = { 'Idempotency-Key': 'contested' };
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 === 0 ? client : other.client).POST('/containers', {
            params: { query: {}, header },
            body: { spec: withPorts({ 8080: 'internal' }) },
          }),
        ),
      );
      t.ok(answers.every(({ response }) => response.status === 201));
      t.equal(answers.filter(({ response }) => !response.headers.has('idempotency-replayed')).length, 1);
      const first = answers[0]!.data!;
      for (const { data } of answers) {
        t.match(data, { id: first.id, create_time: first.create_time, service: { name: String, cluster_ip: String } });
        t.equal(data?.service?.name, first.service?.name);
      }
      await workloads.one('deployments', first.id);
      t.equal((await workloads.one('services', first.id)).metadata.name, first.service?.name);
      await bothHealed();
    },
  );

  await t.test('see within a second what the other one deletes', async (t) => {
    const ids = Array.from({ length: 10 }, (_, index) => `shared-${index}`);
    for (const id of ids) await createContainer(client, id, withPorts({ 8080: 'internal' }));
    await bothHealed();
    for (const id of ids) {
      await deleteContainer(client, id);
      const deletedAt = performance.now();
      await eventually(async () => (await readStatusCode(other.client, id)) === 404, Boolean, 5_000);
      t.ok(performance.now() - deletedAt < 1_000, `${id} is not read`);
      t.notOk((await listIds(other.client)).includes(id));
    }
    for (const name of ['first', 'second']) {
      const isOwn = ({ source, data }: { source: string; data: { status: string } }): boolean =>
        source === `dcm/providers/${name}` && data.status === 'DELETED';
      await Promise.all(ids.map((id) => events.waitFor(id, isOwn)));
    }
    await bothHealed();
  });

  await t.test('delete a container once when both are asked at the same time', async (t) => {
    await createContainer(client, 'fought', withPorts({ 8080: 'external' }));
    await bothHealed();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 === 0 ? client : other.client).DELETE('/containers/{container_id}', {
          params: { path: { container_id: 'fought' } },
        }),
      ),
    );
    const codes = new Set(answers.map(({ response }) => response.status));
    t.ok(codes.has(204));
    t.same(
      [...codes].filter((code) => code !== 204 && code !== 404),
      [],
    );
    await workloads.until('deployments', 'fought', ({ length }) => length === 0);
    await workloads.until('services', 'fought', ({ length }) => length === 0);
    await bothHealed();
  });
});
