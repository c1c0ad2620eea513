/** Data that outlive a container on a real node, in a claim that a folder of this machine serves. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import { describeContainer } from './cases.ts';
import { withoutNode } from './node-system.ts';
import { findProcesses } from './processes.ts';
import { takeTurn } from './turn.ts';

const patienceMs = 90_000;

if (withoutNode === false) await takeTurn(t);

t.test('a claim on a real node', { skip: withoutNode }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'claim-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const controlPlane = stack.use(await startControlPlane({ own: true, realNode: true }));
  const { api, realNode } = controlPlane;
  const system = stack.use(
    await startSystem({
      on: { controlPlane },
      env: {
        SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
        SP_K8S_ALLOWED_HINTS: 'readiness_probe,termination_grace_period_seconds,volumes.persistent_volume_claim',
        SP_K8S_ALLOWED_CLAIMS: 'data-*',
      },
    }),
  );
  const { client, events, workloads } = system;
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeMode: 'Filesystem' };
  await api.create('/api/v1/persistentvolumes', {
    metadata: { name: 'data' },
    spec: { ...common, capacity: { storage: '10Mi' }, hostPath: { path: folder, type: 'Directory' } },
  });
  await workloads.create('persistentvolumeclaims', {
    metadata: { name: 'data-1' },
    spec: { ...common, volumeName: 'data', resources: { requests: { storage: '10Mi' } } },
  });

  const places = { registry: realNode.registry.host };
  const describe = (shell: string, claim: { claim_name: string; read_only?: boolean }, hints: object = {}) =>
    describeContainer(places, {
      shell,
      hints: {
        ...hints,
        termination_grace_period_seconds: 1,
        volumes: [{ name: 'data', mount_path: '/data', persistent_volume_claim: claim }],
      },
    });
  const lines = async () => (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').length - 1;
  const sleeps = 'sleep 86419';

  await t.test('is had by those alone whom the operator lets', async (t) => {
    const body = { spec: describe(sleeps, { claim_name: 'other' }) };
    const { response } = await client.POST('/containers', { body });
    t.equal(response.status, 400);
  });

  await t.test('is written by a container, also after it was restarted and rolled', async (t) => {
    await createContainer(
      client,
      'writer',
      describe(`echo run >> /data/runs; exec ${sleeps}`, { claim_name: 'data-1' }),
    );
    await events.waitFor('writer', 'RUNNING');
    await eventually(lines, (count) => count === 1, patienceMs);
    const [processId] = await eventually(
      () => findProcesses(sleeps),
      ({ length }) => length === 1,
    );
    process.kill(processId!, 'SIGKILL');
    await eventually(lines, (count) => count === 2, patienceMs);

    const deployment = await workloads.one('deployments', 'writer');
    t.match(deployment.spec, { strategy: { type: 'Recreate' } });
    const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
    const [old] = await workloads.of('pods', 'writer');
    await workloads.patch('deployments', deployment.metadata.name, {
      spec: { template: { metadata: { annotations } } },
    });
    await eventually(lines, (count) => count === 3, patienceMs);
    const others = (await workloads.of('pods', 'writer')).filter(({ metadata }) => metadata.uid === old!.metadata.uid);
    t.ok(
      others.every(({ status }) => ['Succeeded', 'Failed'].includes(status.phase)),
      'the old Pod has ended',
    );
    await eventually(
      () => readContainer(client, 'writer'),
      ({ status }) => status === 'RUNNING',
      patienceMs,
    );
  });

  await t.test('keeps what was written for the next container, which may only read', async (t) => {
    await deleteContainer(client, 'writer');
    await events.waitFor('writer', 'DELETED');
    const reads = `[ "$(wc -l < /data/runs)" -eq 3 ] && ! touch /data/more && touch /tmp/read; exec ${sleeps}`;
    const probe = { readiness_probe: { exec: { command: ['ls', '/tmp/read'] }, period_seconds: 1 } };
    await createContainer(client, 'reader', describe(reads, { claim_name: 'data-1', read_only: true }, probe));
    await events.waitFor('reader', 'RUNNING');
    t.equal(await lines(), 3);
    await deleteContainer(client, 'reader');
    await events.waitFor('reader', 'DELETED');
  });
});
