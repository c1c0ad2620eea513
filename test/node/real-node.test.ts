/**
 * A real node, of which a machine has one at a time: what it leaves behind, what becomes of containers on it, where they
 * are processes of this machine, and what is told of them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { ClusterApi } from '../../scripts/cluster/api.ts';
import { createGroup, readHierarchies, removeAbandonedGroups } from '../../scripts/cluster/node/cgroups.ts';
import { createContainer, deleteContainer, readContainer } from '../support/containers.ts';
import type { Events, StatusCloudEvent } from '../support/events.ts';
import { eventually } from '../support/kubernetes.ts';
import { startProcess } from '../support/process.ts';
import { describeCases, describeContainer } from './cases.ts';
import { findGroups, findLeftovers } from './leftovers.ts';
import { startNodeSystem, withoutNode } from './node-system.ts';
import type { NodeSystem } from './node-system.ts';
import { findProcesses } from './processes.ts';
import { prepareAwayRegistry, startFillServer } from './servers.ts';
import { describeEvents, findDeviation } from './steps.ts';
import type { Step } from './steps.ts';
import { takeTurn } from './turn.ts';

if (withoutNode === false) await takeTurn(t);

/** A machine may have containers of others. */
const before = await findLeftovers();
/** The longest that a case takes on an idle machine is two runs of 40 s, or four back-offs. */
const patienceMs = 180_000;

t.test('groups whose makers are gone go, with what still runs in them', { skip: withoutNode }, async (t) => {
  const gone = spawn('true');
  await once(gone, 'exit');
  const name = `dcm-node-${gone.pid}-1`;
  const { hierarchies } = await readHierarchies();
  const first = await createGroup(hierarchies, name);
  const child = spawn('sleep', ['86400']);
  const exit = once(child, 'exit');
  await writeFile(join(first, 'cgroup.procs'), String(child.pid));
  await removeAbandonedGroups(hierarchies);
  t.same(await exit, [null, 'SIGKILL']);
  t.same(
    hierarchies.filter(({ path }) => existsSync(join(path, name))),
    [],
  );
});

t.test('a node that is killed ends with all of its containers', { skip: withoutNode }, async (t) => {
  const main = startProcess(process.execPath, ['scripts/cluster/main.ts', '--node']);
  const [, kubeconfig = ''] = await main.printed(/kubeconfig +(\S+)/);
  const [, registry = ''] = await main.printed(/Its registry is ([0-9.:]+),/);
  await using api = await ClusterApi.fromKubeconfig(kubeconfig);
  const containers = [{ name: 'app', image: `${registry}/busybox:1`, command: ['sleep', '97531'] }];
  await api.create('/api/v1/namespaces/default/pods', { metadata: { name: 'app' }, spec: { containers } });
  await eventually(
    () => findProcesses('sleep 97531'),
    ({ length }) => length > 0,
  );
  main.signal('SIGKILL');
  await main.ended;
  await eventually(findLeftovers, (leftovers) => leftovers.join() === before.join());
  t.same(await findProcesses('sleep 97531'), []);
  t.equal((await findGroups()).length, 1, 'but for its control group, which the next start removes');
});

t.test('containers on a real node', { skip: withoutNode }, async (t) => {
  await using system = await startNodeSystem();
  const { client, events, secondEvents, node } = system;
  await using awayRegistry = await prepareAwayRegistry(node);
  await using fillServer = await startFillServer(node.machineAddress);
  const registry = node.registry.host;
  const cases = describeCases({ registry, awayRegistry: awayRegistry.host, fillUrl: fillServer.url });

  await t.test('one becomes a process of this machine, crashes, is told, recovers, and is deleted', async (t) => {
    const words = 'sleep 86413';
    await createContainer(client, 'first', describeContainer({ registry }, { command: words.split(' ') }));
    const runs = await events.waitFor('first', 'RUNNING');
    for (const _ of ['at once', 'after a back-off']) {
      const [processId] = await eventually(
        () => findProcesses(words),
        ({ length }) => length === 1,
      );
      process.kill(processId!, 'SIGKILL');
      await eventually(
        () => findProcesses(words),
        (ids) => !ids.includes(processId!),
      );
    }
    const failed = await events.waitFor('first', 'FAILED', runs);
    t.match(failed.data.message, /exit code 137\b/);
    await events.waitFor('first', 'RUNNING', failed);
    t.equal((await readContainer(client, 'first')).status, 'RUNNING');
    await deleteContainer(client, 'first');
    await events.waitFor('first', 'DELETED');
    await eventually(
      () => findProcesses(words),
      ({ length }) => length === 0,
    );
  });

  await Promise.all(Object.entries(cases).map(([id, { spec }]) => createContainer(client, id, spec)));
  const told = Promise.allSettled([
    ...Object.entries(cases).map(([id, { steps }]) => untilTold(events, id, steps)),
    events.waitFor('image-comes-later', says(/not found/)).then(() => node.registry.push('later', '1', {})),
    events.waitFor('registry-comes-back', says(/connection refused/)).then(() => awayRegistry.comeBack()),
    events.waitFor('secret-comes-later', says(/secret "later" not found/)).then(() => makeSecret(system, 'later')),
    events.waitFor('ignores-sigterm', 'RUNNING').then(async () => {
      await deleteContainer(client, 'ignores-sigterm');
      await createContainer(client, 'ignores-sigterm', cases['ignores-sigterm']!.spec);
    }),
  ]);
  const comparisons = await compareUntil(system, told);
  for (const id of ['exits-0', 'exits-1', 'crashes-after-5s', 'no-such-command']) await untilRestarted(system, id, 3);
  await system.workloads.until('pods', 'ignores-sigterm', ({ length }) => length === 1);

  for (const [id, { steps }] of Object.entries(cases)) {
    await t.test(`${id}: both providers tell what is so, and nothing more`, (t) => {
      tells(t, events, id, steps);
      tells(t, secondEvents, id, steps);
      t.end();
    });
  }

  await t.test('providers that start in the middle of it all say the same', (t) => {
    t.ok(comparisons > 3, `${comparisons} have`);
    t.end();
  });

  await t.test('no message names a Pod', (t) => {
    const named = events.received.filter(({ event }) => /dcm-|[0-9a-f]{8}-[0-9a-f]{4}-/.test(event.data.message));
    t.same(named, []);
    t.end();
  });

  await t.test('a port is reached where its endpoint says', async (t) => {
    const { endpoints } = await readContainer(client, 'has-a-node-port');
    t.match(endpoints, [{ address: node.address, scope: 'external' }]);
    const { address, port } = endpoints![0]!;
    t.equal(await (await fetch(`http://${address}:${port}/`)).text(), 'ok\n');
  });

  for (const component of ['kubelet', 'containerd'] as const) {
    await t.test(`a ${component} that starts again changes nothing`, async (t) => {
      const newest = new Map(Object.keys(cases).map((id) => [id, events.of(id).at(-1)!]));
      await node.components[component].restart();
      const id = `after-${component}`;
      await createContainer(client, id, describeContainer({ registry }));
      await events.waitFor(id, 'RUNNING');
      await system.compareFreshProvider();
      for (const [id, last] of newest) {
        const later = after(events, id, last);
        // What waits for something may wait for the kubelet in between, and says so.
        const changes = later.filter(({ data }) => data.status !== 'PENDING' || last.data.status !== 'PENDING');
        t.same(changes, [], describeEvents([last, ...later]));
      }
    });
  }

  await t.test('a kubelet that is away leaves UNKNOWN what ran, until it is back or the toleration ends', async (t) => {
    const newest = new Map(Object.keys(cases).map((id) => [id, events.of(id).at(-1)!]));
    await node.components.kubelet.kill();
    await events.waitFor('runs', 'UNKNOWN', newest.get('runs'));
    await system.compareFreshProvider();
    await events.waitFor('tolerates-little', 'PENDING', newest.get('tolerates-little'));
    await system.compareFreshProvider();
    await node.components.kubelet.start();
    const unknown: Step = { status: 'UNKNOWN' };
    const running: Step = { status: 'RUNNING' };
    const returns = [...newest].map(async ([id, last]) => {
      const pending: Step[] = id === 'tolerates-little' ? [{ status: 'PENDING' }] : [];
      const describe = (): string | undefined => {
        if (last.data.status === 'RUNNING')
          return findDeviation(after(events, id, last), [unknown, ...pending, running]);
        // Of a loop, a run is all that is known until the node is lost; then it is as it was.
        const { status } = events.of(id).at(-1)!.data;
        return status === last.data.status ? undefined : `is ${status} in the end`;
      };
      await eventually(describe, (deviation) => deviation === undefined).catch(() => undefined);
      t.equal(describe(), undefined, `${id}\n${describeEvents([last, ...after(events, id, last)])}`);
    });
    await Promise.all(returns);
    await system.compareFreshProvider();
  });
});

t.test('a node that ends in order leaves nothing', { skip: withoutNode }, async (t) => {
  t.same(await findGroups(), []);
  t.same(await findLeftovers(), before);
});

function tells(t: Test, events: Events, id: string, steps: readonly Step[]): void {
  const all = events.of(id);
  t.equal(findDeviation(all, steps), undefined, describeEvents(all));
}

function says(pattern: RegExp): (event: StatusCloudEvent) => boolean {
  return ({ data }) => pattern.test(data.message);
}

function after(events: Events, id: string, last: StatusCloudEvent): StatusCloudEvent[] {
  const all = events.of(id);
  return all.slice(all.findIndex((event) => event.id === last.id) + 1);
}

async function untilTold(events: Events, id: string, steps: readonly Step[]): Promise<void> {
  await eventually(
    () => findDeviation(events.of(id), steps),
    (deviation) => deviation === undefined,
    patienceMs,
  );
}

/** @returns how many providers were started, one after the other, and said the same as the one that stands */
async function compareUntil(system: NodeSystem, end: Promise<unknown>): Promise<number> {
  const ended = new AbortController();
  void end.then(() => ended.abort());
  let comparisons = 0;
  for (; !ended.signal.aborted; comparisons += 1) await system.compareFreshProvider();
  return comparisons;
}

async function untilRestarted({ workloads }: NodeSystem, id: string, times: number): Promise<void> {
  await eventually(
    async () => (await workloads.of('pods', id))[0]?.status.containerStatuses?.[0]?.restartCount ?? 0,
    (restarts) => restarts >= times,
    patienceMs,
  );
}

async function makeSecret({ cluster }: NodeSystem, name: string): Promise<void> {
  await cluster.request('POST', `/api/v1/namespaces/${cluster.namespace}/secrets`, { metadata: { name } });
}
