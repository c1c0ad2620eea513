/** A container that crashes while something else comes up, and a provider that is told to be patient with it. */
import t from 'tap';
import { kubelets, withImage } from '../support/base-spec.ts';
import { createContainer, listPage, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';

const isCrashLoop = /^Container is crash-looping: Error \(exit code 1\)\.$/;

t.test('with a tolerance of three restarts', async (t) => {
  await using system = await startSystem({ env: { SP_MONITOR_CRASH_TOLERANCE: '3' } });
  const { client, events, workloads } = system;
  const restartsOf = async (id: string): Promise<number> => {
    const [pod] = await workloads.of('pods', id);
    return pod!.status.containerStatuses?.[0]?.restartCount ?? 0;
  };
  for (const { kubelet, crashes, exits } of kubelets) {
    await createContainer(client, `crashing-${kubelet}`, withImage(crashes));
    await createContainer(client, `exiting-${kubelet}`, withImage(exits));
  }

  for (const { kubelet } of kubelets) {
    for (const [id, loop] of [
      [`crashing-${kubelet}`, isCrashLoop],
      [`exiting-${kubelet}`, /^Container keeps exiting: Completed \(exit code 0\)\.$/],
    ] as const) {
      await t.test(`${id}, which had come up, is RUNNING and says what it does until its fourth end`, async (t) => {
        const tolerated = await events.waitFor(id, ({ data }) => loop.test(data.message) && data.status === 'RUNNING');
        const failed = await events.waitFor(id, 'FAILED');
        t.ok((await restartsOf(id)) >= 3);
        t.match(failed.data.message, loop);
        t.equal((await readContainer(client, id)).status, 'FAILED');
        const told = events.of(id).map(({ data }) => `${data.status} ${data.message}`);
        const since = told.slice(told.indexOf(`RUNNING ${tolerated.data.message}`));
        t.same(since, [`RUNNING ${tolerated.data.message}`, `FAILED ${failed.data.message}`], told.join('\n'));
      });
    }
  }
});

for (const { kubelet, crashes } of kubelets) {
  t.test(`with more tolerance than anything crashes, on ${kubelet} kubelets`, async (t) => {
    await using system = await startSystem({ env: { SP_MONITOR_CRASH_TOLERANCE: '100000' } });
    const { client, events } = system;
    const header = { 'Idempotency-Key': 'patient' };
    const request = { params: { query: { id: 'patient' }, header }, body: { spec: withImage(crashes) } };
    t.equal((await client.POST('/containers', request)).response.status, 201);
    await events.waitFor('patient', ({ data }) => isCrashLoop.test(data.message) && data.status === 'RUNNING');

    await t.test('reads, lists, waits and repeated creates agree that a crash loop is RUNNING', async (t) => {
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
      for (const container of [read, page.containers[0], again.data, waited.data]) {
        t.match(container, { status: 'RUNNING', status_message: isCrashLoop });
      }
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
}
