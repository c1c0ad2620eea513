import t from 'tap';
import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withPorts } from '../../support/base-spec.ts';
import { createContainer, listIds, readContainer } from '../../support/containers.ts';
import { healed, becomesUnhealthy } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { providerRules } from '../../../scripts/cluster/provider-rules.ts';
import { startSystem } from '../../support/system.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

t.test('watches', async (t) => {
  await using controlPlane = await startControlPlane({ own: true });
  await using proxy = await startTcpProxy(controlPlane.api.server);
  await using system = await startSystem({
    on: { controlPlane, server: `https://127.0.0.1:${proxy.port}` },
    env: { SP_SERVER_REQUEST_TIMEOUT: '3s' },
  });
  const { client, events, provider, workloads } = system;
  await createContainer(client, 'steady', withPorts({ 8080: 'external' }));
  await createContainer(client, 'doomed', withPorts({ 8080: 'internal' }));
  await Promise.all([events.waitFor('steady', 'RUNNING'), events.waitFor('doomed', 'RUNNING')]);
  await healed(system);

  await t.test('that are reset again and again, while containers come and go, miss nothing', async (t) => {
    const restless = new AbortController();
    const resets = resetAgainAndAgain(proxy, restless.signal);
    const codes = await Promise.all(
      Array.from({ length: 4 }, async (_, lane) => {
        const lanesCodes: number[] = [];
        for (let turn = 0; turn < 10; turn++) {
          const id = `reset-${lane}-${turn}`;
          const body = { spec: withPorts(turn % 2 === 0 ? {} : { 8080: 'internal' }) };
          const created = await client.POST('/containers', { params: { query: { id } }, body });
          const path = { container_id: `reset-${lane}-${turn - 1}` };
          const removed = await client.DELETE('/containers/{container_id}', { params: { path } });
          lanesCodes.push(created.response.status, removed.response.status);
          await workloads.patch('deployments', 'dcm-steady', { metadata: { annotations: { turn: id } } });
        }
        return lanesCodes;
      }),
    );
    restless.abort();
    t.ok((await resets) > 10, 'there were many resets');
    t.same(
      codes.flat().filter((code) => ![201, 204, 404, 503].includes(code)),
      [],
    );
    await healed(system);
  });

  await t.test('whose place etcd has compacted away begin anew, and tell what went meanwhile', async () => {
    await proxy.refuse();
    proxy.reset();
    await workloads.delete('deployments', 'dcm-doomed');
    await workloads.patch('deployments', 'dcm-steady', { spec: { replicas: 0 } });
    await workloads.until('pods', 'steady', ({ length }) => length === 0);
    await workloads.until('pods', 'doomed', ({ length }) => length === 0);
    await controlPlane.compact();
    await controlPlane.components.apiServer.restart();
    const lines = provider.log.length;
    await proxy.accept();
    await eventually(
      () =>
        provider.log
          .slice(lines)
          .filter(isExpired)
          .map(({ resource }) => resource),
      (resources) => ['deployments', 'pods'].every((resource) => resources.includes(resource)),
      60_000,
    );
    await Promise.all([events.waitFor('steady', 'FAILED'), events.waitFor('doomed', 'DELETED')]);
    await healed(system);
  });

  await t.test('on a cable that is cut without a word are noticed, and laid anew', async (t) => {
    await workloads.patch('deployments', 'dcm-steady', { spec: { replicas: 1 } });
    await events.waitFor('steady', 'RUNNING', events.of('steady').at(-1));
    proxy.silence();
    await becomesUnhealthy(provider);
    t.equal((await readContainer(client, 'steady')).status, 'RUNNING');
    await workloads.patch('deployments', 'dcm-steady', { spec: { replicas: 0 } });
    await workloads.until('pods', 'steady', ({ length }) => length === 0);
    proxy.reset();
    proxy.carry();
    await events.waitFor('steady', 'FAILED', events.of('steady').at(-1));
    await healed(system);
  });

  await t.test('in a namespace that is forbidden are taken up as soon as it is allowed', async (t) => {
    const lines = provider.log.length;
    await system.setRules([]);
    const denied = { params: { query: { id: 'denied' } }, body: { spec: withPorts({}) } };
    const isDenied = async () => (await client.POST('/containers', denied)).response.status === 500;
    await eventually(isDenied, Boolean);
    proxy.reset();
    await eventually(
      () =>
        provider.log
          .slice(lines)
          .filter(isForbidden)
          .map(({ verb, resource }) => `${String(verb)} ${String(resource)}`),
      // A watch whose place was compacted away meanwhile begins with a list, as does a create once the watches were refused.
      (calls) =>
        (calls.includes('create deployments') || calls.includes('list deployments')) &&
        ['deployments', 'pods', 'services'].every(
          (resource) => calls.includes(`watch ${resource}`) || calls.includes(`list ${resource}`),
        ),
      60_000,
    );
    const { response, error } = await client.GET('/containers', { params: { query: {} } });
    t.equal(response.status, 503);
    t.match(error, { detail: /^The provider lacks a permission in the cluster: it may not (watch|list) / });
    await becomesUnhealthy(provider);
    await workloads.patch('deployments', 'dcm-steady', { spec: { replicas: 1 } });
    await system.setRules([...providerRules]);
    await events.waitFor('steady', 'RUNNING', events.of('steady').at(-1));
    await healed(system);
    t.notOk((await listIds(client)).includes('denied'));
  });
});

/** Each time when the three watches are there again. Gives the number of times. */
async function resetAgainAndAgain(
  proxy: { readonly connections: number; reset(): void },
  signal: AbortSignal,
): Promise<number> {
  let resets = 0;
  while (!signal.aborted) {
    await eventually(() => proxy.connections >= 3 || signal.aborted, Boolean);
    proxy.reset();
    resets++;
  }
  return resets;
}

function isExpired({ msg, err }: LogLine): boolean {
  return msg === 'watching the cluster failed, will retry' && /\b410\b/.test(JSON.stringify(err));
}

function isForbidden({ msg }: LogLine): boolean {
  return msg === 'a permission in the cluster is missing';
}
