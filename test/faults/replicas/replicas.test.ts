import t from 'tap';
import type { Test } from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import type { ControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { createAuditLog } from '../../support/audit-log.ts';
import type { AuditLog } from '../../support/audit-log.ts';
import { createContainer, deleteContainer, listIds } from '../../support/containers.ts';
import { eventually } from '../../support/kubernetes.ts';
import { until } from '../../support/until.ts';
import { onlyWithAll } from '../../support/faults.ts';
import { endSurely } from '../soak/soak.ts';
import { changesOfSender, churn, lateEvents, startReplicas } from './replicas.ts';
import type { Replica, Replicas } from './replicas.ts';
import { underWay } from './senders.ts';
import { judgeWrites } from './writes.ts';

/** Where a real cluster is asked for, one whose API server keeps an audit log; else the sandbox, which keeps none. */
const audited = process.env['SP_TEST_KUBECONFIG'] === undefined ? undefined : await startAudited();

/** What NATS is like, and how it is called. */
const kinds = { 'on plain NATS': { remembering: false }, 'with a stream and a bucket': { remembering: true } };
type Kind = (typeof kinds)[keyof typeof kinds];

/** With so many replicas, none of which may have written what nobody asked of it, as far as an audit log tells. */
function testOnBoth(
  title: string,
  { count, skip = false }: { count: number; skip?: string | boolean },
  body: (t: Test, replicas: Replicas, kind: Kind) => Promise<void>,
): void {
  for (const [name, kind] of Object.entries(kinds)) {
    t.test(`${title}, ${name}`, { skip: skip || (kind.remembering && withoutNatsServer) }, async (t) => {
      await using replicas = await startReplicas(count, { ...kind, ...(audited && { on: audited }) });
      await body(t, replicas, kind);
      if (audited) await assertWrites(t, replicas, audited.audit);
    });
  }
}

testOnBoth(
  'a leader that stops hands over within five seconds, and nothing is lost',
  { count: 2 },
  async (t, replicas) => {
    const [first, second] = replicas.all as [Replica, Replica];
    const work = churn(() => [second], 'stopped');
    await until('the leader has sent something', () => replicas.system.events.received.length > 3);
    const startedAt = performance.now();
    const stopped = first.stop();
    await replicas.leader(first);
    const tookMs = performance.now() - startedAt;
    t.ok(tookMs < 5_000, `${Math.round(tookMs)} ms`);
    t.equal(await stopped, 0);
    t.strictSame((await work.end()).refused, []);
    await replicas.healed(second);
    t.equal(changesOfSender(replicas.system), 1);
  },
);

testOnBoth('a leader that is killed is followed by another, and nothing is lost', { count: 3 }, async (t, replicas) => {
  const [first, second, third] = replicas.all as [Replica, Replica, Replica];
  const work = churn(() => [second, third], 'killed');
  await until('the leader has sent something', () => replicas.system.events.received.length > 3);
  await first.kill();
  const next = await replicas.leader(first);
  t.strictSame((await work.end()).refused, []);
  await replicas.healed(second);
  await replicas.healed(third);
  t.equal([second, third].filter((replica) => replica.leads()).length, 1);
  t.equal(changesOfSender(replicas.system), 1);
  t.ok(next.leads());
  t.strictSame(lateEvents(replicas.system, first, next), { count: 0, spanMs: 0 });
});

testOnBoth(
  'a leader that is frozen for longer than its Lease sends nothing stale when it goes on',
  { count: 2 },
  async (t, replicas) => {
    const [first, second] = replicas.all as [Replica, Replica];
    const work = churn(() => [second], 'frozen');
    await createContainer(first.client, 'gone-meanwhile');
    await replicas.system.events.waitFor('gone-meanwhile', 'RUNNING');
    first.process.signal('SIGSTOP');
    await replicas.leader(first);
    await deleteContainer(second.client, 'gone-meanwhile');
    await replicas.system.events.waitFor('gone-meanwhile', 'DELETED');
    first.process.signal('SIGCONT');
    await first.logged(({ msg }) => msg === 'stopped leading');
    t.strictSame((await work.end()).refused, []);
    await replicas.healed(second);
    await replicas.healed(first);
    t.ok(second.leads());
    t.notOk(first.leads());
    const late = lateEvents(replicas.system, first, second);
    const isUnderWay = late.count <= underWay.events && late.spanMs <= underWay.spanMs;
    t.ok(isUnderWay, `no more than was under way came late: ${JSON.stringify(late)}`);
    t.equal(replicas.system.events.statuses('gone-meanwhile').at(-1), 'DELETED');
  },
);

testOnBoth(
  'a leader that is cut off from the API server stops sending before another begins',
  { count: 2 },
  async (t, replicas) => {
    const [first, second] = replicas.all as [Replica, Replica];
    const work = churn(() => [second], 'cut-off');
    await until('the leader has sent something', () => replicas.system.events.received.length > 3);
    first.clusterLine.silence();
    await first.logged(({ msg }) => msg === 'stopped leading');
    t.notOk(second.leads(), 'there is a time without a leader between two');
    await replicas.leader(first);
    first.clusterLine.reset();
    first.clusterLine.carry();
    t.strictSame((await work.end()).refused, []);
    await replicas.healed(second);
    await replicas.healed(first);
    t.ok(second.leads());
    t.equal(changesOfSender(replicas.system), 1);
  },
);

testOnBoth(
  'a leader that is cut off from NATS for a minute stands back',
  { ...onlyWithAll, count: 2 },
  async (t, replicas) => {
    const [first, second] = replicas.all as [Replica, Replica];
    const work = churn(() => [first, second], 'no-nats');
    await until('the leader has sent something', () => replicas.system.events.received.length > 3);
    await first.natsLine.refuse();
    first.natsLine.reset();
    await eventually(
      () => first.leads(),
      (leads) => !leads,
      180_000,
    );
    await replicas.leader(first);
    await first.natsLine.accept();
    t.strictSame((await work.end()).refused, []);
    await replicas.healed(second);
    await replicas.healed(first);
    t.equal(changesOfSender(replicas.system), 1);
  },
);

testOnBoth(
  'replicas that are all killed tell the truth when they are back',
  { count: 2 },
  async (t, replicas, kind) => {
    const before = [...replicas.all];
    const work = churn(() => before, 'all-killed');
    await until('the leader has sent something', () => replicas.system.events.received.length > 3);
    await Promise.all(before.map((replica) => replica.kill()));
    const { toDelete } = await work.end();
    const next = await replicas.add();
    await replicas.add();
    await replicas.leader(...before);
    await replicas.healed(next, kind.remembering ? [] : toDelete);
    t.equal(changesOfSender(replicas.system), 1);
  },
);

testOnBoth('rolling restarts are nothing that a client sees', { count: 2 }, async (t, replicas) => {
  let serving = [...replicas.all];
  const work = churn(() => serving, 'rolling');
  for (const old of replicas.all.slice()) {
    const fresh = await replicas.add();
    await fresh.logged(({ msg }) => msg === 'listening');
    serving = [...serving, fresh].filter((replica) => replica !== old);
    await listIds(fresh.client);
    t.equal(await old.stop(), 0);
  }
  await replicas.leader();
  const { refused } = await work.end();
  t.strictSame(refused, []);
  for (const replica of serving) await replicas.healed(replica);
});

t.test('the process of the tests ends', async () => {
  await audited?.[Symbol.asyncDispose]();
  endSurely();
});

interface Audited extends AsyncDisposable {
  audit: AuditLog;
  controlPlane: ControlPlane;
}

async function startAudited(): Promise<Audited> {
  await using stack = new AsyncDisposableStack();
  const audit = stack.use(await createAuditLog());
  const controlPlane = stack.use(await startControlPlane({ own: true, apiServerFlags: audit.apiServerFlags }));
  const parts = stack.move();
  return { audit, controlPlane, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function assertWrites(t: Test, { all, system }: Replicas, audit: AuditLog): Promise<void> {
  const writes = await audit.readWrites();
  const own = writes.filter(({ namespace }) => namespace === undefined || namespace === system.cluster.namespace);
  const { counts, faults } = judgeWrites(own, all);
  t.strictSame(faults, []);
  t.ok(counts.values().some(({ asked }) => asked > 0));
  t.comment(`writes: ${JSON.stringify(Object.fromEntries(counts))}`);
}
