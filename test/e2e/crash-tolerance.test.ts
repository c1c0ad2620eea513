/** A container that crashes while something else comes up, and a provider that is told to be patient with it. */
import t from 'tap';
import { images, withImage } from '../support/base-spec.ts';
import { createContainer, listPage, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';

const isCrashLoop = /^Container is crash-looping: Error \(exit code 1\)\.$/;

t.test('with a tolerance of three restarts', async (t) => {
  await using system = await startSystem({ env: { SP_MONITOR_CRASH_TOLERANCE: '3' } });
  const { client, events, workloads } = system;
  const restartsOf = async (id: string): Promise<number> => {
    const [pod] = await workloads.of('pods', id);
    const { containerStatuses } = pod!.status as { containerStatuses?: { restartCount: number }[] };
    return containerStatuses?.[0]?.restartCount ?? 0;
  };
  await createContainer(client, 'crashing', withImage(images.crashes));
  await createContainer(client, 'exiting', withImage(images.exits));

  await t.test(
    'a container that came up stays RUNNING, and says that it crashes, until the third restart',
    async (t) => {
      const patient = await events.waitFor('crashing', ({ data }) => isCrashLoop.test(data.message));
      t.equal(patient.data.status, 'RUNNING');
      const failed = await events.waitFor('crashing', 'FAILED');
      t.ok((await restartsOf('crashing')) >= 3);
      t.match(failed.data.message, isCrashLoop);
      t.equal((await readContainer(client, 'crashing')).status, 'FAILED');
      const told = events.of('crashing').map(({ data }) => `${data.status} ${data.message}`);
      const loop = told.slice(told.indexOf(`RUNNING ${patient.data.message}`));
      t.same(loop.slice(0, 2), [`RUNNING ${patient.data.message}`, `FAILED ${failed.data.message}`], told.join('\n'));
    },
  );

  await t.test('a container that keeps exiting with 0 is treated alike', async (t) => {
    const patient = await events.waitFor('exiting', ({ data }) => /keeps exiting/.test(data.message));
    t.equal(patient.data.status, 'RUNNING');
    t.match((await events.waitFor('exiting', 'FAILED')).data.message, /keeps exiting/);
  });
});

t.test('with more tolerance than anything crashes', async (t) => {
  await using system = await startSystem({ env: { SP_MONITOR_CRASH_TOLERANCE: '100000' } });
  const { client, events } = system;
  const header = { 'Idempotency-Key': 'patient' };
  const request = { params: { query: { id: 'patient' }, header }, body: { spec: withImage(images.crashes) } };
  t.equal((await client.POST('/containers', request)).response.status, 201);
  await events.waitFor('patient', ({ data }) => isCrashLoop.test(data.message));

  await t.test('reads, lists, waits and repeated creates agree that it is RUNNING', async (t) => {
    const path = { container_id: 'patient' };
    const wait = client.GET('/containers/{container_id}:wait', {
      params: { path, query: { status: ['FAILED', 'UNKNOWN'], timeout: '2s' } },
    });
    const [read, page, again, waited] = await Promise.all([
      readContainer(client, 'patient'),
      listPage(client, 10),
      client.POST('/containers', request),
      wait,
    ]);
    t.same(
      [read.status, page.containers[0]?.status, again.data?.status, waited.data?.status],
      ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING'],
    );
    t.equal(again.response.headers.get('idempotency-replayed'), 'true');
    t.notOk(events.of('patient').some(({ data }) => data.status === 'FAILED'));
  });

  await t.test('a provider without it beside this one takes it for FAILED', async (t) => {
    await using strict = await system.addProvider({ SP_NAME: 'strict' });
    const failed = await events.waitFor(
      'patient',
      ({ source, data }) => source === 'dcm/providers/strict' && data.status === 'FAILED',
    );
    t.match(failed.data.message, isCrashLoop);
    const read = await eventually(
      () => readContainer(strict.client, 'patient'),
      ({ status }) => status === 'FAILED',
    );
    t.equal(read.status, 'FAILED');
    t.equal((await readContainer(client, 'patient')).status, 'RUNNING');
  });
});
