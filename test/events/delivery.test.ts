/** What holds of the status events of any provider, whatever the cluster, the broker and the bucket do: seen from outside. */
import fc from 'fast-check';
import t from 'tap';
import { deletedMessage } from '../../src/containers/status.ts';
import { Deliveries } from '../../src/events/deliveries.ts';
import { soakSeed } from '../faults/soak/soak.ts';
import { MemorySource } from '../support/container-source.ts';
import { deliveryOf } from '../support/delivery.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';
import { Broker, BrokerPublisher } from '../support/message-broker.ts';
import type { BucketState } from '../support/message-broker.ts';
import { deployment, pod } from '../support/observed.ts';

const seed = soakSeed();
t.comment(`SP_TEST_SEED=${seed} draws the same again`);

const minute = 60_000;

interface ReplicaOptions {
  clock: ManualClock;
  broker: Broker;
  leads?: boolean;
  hasBucket?: boolean;
  maxDeleted?: number;
  level?: 'debug' | 'info';
}

function startReplica({ clock, broker, leads = true, hasBucket = false, maxDeleted, level }: ReplicaOptions) {
  const source = new MemorySource(clock);
  const publisher = new BrokerPublisher(broker);
  const leadership = new ManualLeadership(leads);
  const { log, lines } = captureLog(level);
  const part = deliveryOf({
    source,
    publisher,
    leadership,
    ...(hasBucket && { openBucket: () => broker.bucket.open() }),
    ...(maxDeleted !== undefined && { maxDeleted }),
    log,
    clock,
  });
  void part.start();
  publisher.connect();
  source.becomeReady();
  return { source, publisher, leadership, lines, part };
}

type Replica = ReturnType<typeof startReplica>;

/** The containers of a cluster that each replica sees. */
class Cluster {
  readonly replicas: Replica[];
  readonly uids = new Map<string, string>();
  readonly touched = new Set<string>();
  #made = 0;

  constructor(...replicas: Replica[]) {
    this.replicas = replicas;
  }

  /** One that is not there is made, each time as another one. */
  setPhase(containerId: string, phase: string): void {
    this.touched.add(containerId);
    const uid = this.uids.get(containerId) ?? `uid-${++this.#made}`;
    this.uids.set(containerId, uid);
    for (const { source } of this.replicas) {
      source.set(containerId, {
        deployment: deployment({ containerId, uid, resourceVersion: String(this.#made) }),
        pods: [pod({ containerId, phase })],
      });
    }
  }

  delete(containerId: string): void {
    if (this.uids.delete(containerId)) for (const { source } of this.replicas) source.delete(containerId);
  }
}

const ids = ['a', 'b', 'c'] as const;
const phases = ['Pending', 'Running', 'Failed', 'Unknown', 'Succeeded'] as const;
const id = fc.constantFrom(...ids);
const changes = [
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), id, phase: fc.constantFrom(...phases) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }) },
];
const faults = [
  { weight: 2, arbitrary: fc.constant({ kind: 'hold' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'take' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('disconnect' as const, 'connect' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), confirms: fc.boolean(), arrives: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'newStream' as const }) },
];
const bucketFaults = fc.record({
  kind: fc.constant('bucket' as const),
  state: fc.constantFrom<BucketState>('ok', 'full', 'lost'),
});
const changeOfLeader = fc.record({
  kind: fc.constant('changeLeader' as const),
  lateMs: fc.nat(10_000),
  arrives: fc.boolean(),
});

type Step =
  | { kind: 'change'; id: string; phase: string }
  | { kind: 'delete'; id: string }
  | { kind: 'wait'; ms: number }
  | { kind: 'disconnect' | 'connect' | 'hold' | 'take' | 'newStream' }
  | { kind: 'answer'; confirms: boolean; arrives: boolean }
  | { kind: 'bucket'; state: BucketState }
  | { kind: 'changeLeader'; lateMs: number; arrives: boolean };

/** Runs the steps with one replica, or with two of which one leads, and then lets everything heal. */
async function run(steps: readonly Step[], { hasBucket = false, hasPeers = false } = {}) {
  const clock = new ManualClock();
  const broker = new Broker(clock);
  broker.sameIds = !hasPeers;
  const start = (leads: boolean) => startReplica({ clock, broker, leads, hasBucket });
  let leader = start(true);
  let standby = hasPeers ? start(false) : undefined;
  const cluster = new Cluster(leader, ...(standby ? [standby] : []));
  await clock.advance(0);
  for (const step of steps) {
    const { publisher } = leader;
    if ('id' in step) broker.changed(step.id);
    else if (step.kind === 'newStream' || step.kind === 'changeLeader') for (const each of ids) broker.changed(each);
    switch (step.kind) {
      case 'change':
        cluster.setPhase(step.id, step.phase);
        break;
      case 'delete':
        cluster.delete(step.id);
        break;
      case 'wait':
        await clock.advance(step.ms);
        break;
      case 'connect':
        if (!publisher.connected) publisher.connect();
        break;
      case 'disconnect':
        publisher.connected = false;
        for (const { fail } of [...publisher.unanswered.values()]) fail(false);
        break;
      case 'hold':
      case 'take':
        publisher.holding = step.kind === 'hold';
        break;
      case 'answer':
        answerAll(publisher, step);
        await clock.advance(0);
        break;
      case 'newStream':
        publisher.newStream();
        break;
      case 'bucket':
        broker.bucket.state = step.state;
        break;
      case 'changeLeader': {
        if (standby === undefined) break;
        const deposed = leader;
        leader = standby;
        standby = deposed;
        deposed.leadership.set(false);
        leader.leadership.set(true);
        await clock.advance(step.lateMs);
        answerAll(deposed.publisher, { confirms: true, arrives: step.arrives });
        await clock.advance(0);
        if (deposed.leadership.asked.splice(0).includes('reportSentLate')) leader.leadership.sentLate();
        break;
      }
    }
  }
  for (const each of ids) broker.changed(each);
  const { publisher } = leader;
  publisher.holding = false;
  broker.bucket.state = broker.bucket.state === 'full' ? 'ok' : broker.bucket.state;
  answerAll(publisher, { confirms: false, arrives: true });
  await clock.advance(0);
  if (!publisher.connected) publisher.connect();
  await clock.advance(3 * minute);
  return { clock, broker, cluster, leader };
}

function answerAll(publisher: BrokerPublisher, { confirms, arrives }: { confirms: boolean; arrives: boolean }): void {
  for (const { confirm, fail } of [...publisher.unanswered.values()]) {
    if (confirms) confirm(true);
    else fail(arrives);
  }
}

/** What is wrong in the end: faults on the way, and containers whose last event is not what they are. */
function faultsOf({ broker, cluster, leader }: Awaited<ReturnType<typeof run>>): string[] {
  const found = [...broker.faults];
  for (const containerId of cluster.touched) {
    const last = broker.last(containerId);
    const { status, message } = leader.source.view(containerId) ?? { status: 'DELETED', message: deletedMessage };
    if (last === undefined && status === 'DELETED') continue;
    if (last?.status !== status || last.message !== message)
      found.push(`${containerId} is ${status}, and its last event says ${last?.status}`);
  }
  const { unconfirmed } = leader.part.stats();
  if (unconfirmed > 0) found.push(`${unconfirmed} are not confirmed`);
  return found;
}

async function holds(steps: fc.Arbitrary<Step>, options: Parameters<typeof run>[1] = {}) {
  const property = fc.asyncProperty(fc.array(steps, { maxLength: 60, size: 'max' }), async (drawn) => {
    const result = await run(drawn, options);
    const found = faultsOf(result);
    const { broker, cluster } = result;
    if (options.hasBucket) {
      const { content } = broker.bucket;
      for (const [containerId, uid] of cluster.uids)
        if (content[containerId] !== uid) found.push(`the key of ${containerId} is of ${content[containerId]}`);
      // Who takes over may not know that the key is of a Deployment before the one whose end it tells of.
      for (const containerId of options.hasPeers ? [] : Object.keys(content))
        if (!cluster.uids.has(containerId)) found.push(`${containerId} is gone and has a key`);
    }
    if (found.length > 0) throw new Error(found.join('; '));
  });
  await fc.assert(property, { numRuns: 100, seed });
}

await t.test('ends with the last state confirmed, one event of a container at a time', async (t) => {
  await holds(fc.oneof(...changes, ...faults));
  t.pass();
});

await t.test('loses nothing at changes of leader, whatever was on its way', async (t) => {
  await holds(fc.oneof(...changes, ...faults, changeOfLeader), { hasPeers: true });
  t.pass();
});

await t.test('sends the key of a container ahead of its events while the bucket takes it', async (t) => {
  const property = fc.asyncProperty(fc.array(fc.oneof(...changes), { maxLength: 50 }), async (steps) => {
    const clock = new ManualClock();
    const broker = new Broker(clock);
    broker.keysFirst = true;
    const cluster = new Cluster(startReplica({ clock, broker, hasBucket: true }));
    for (const step of steps) {
      if (step.kind === 'change') cluster.setPhase(step.id, step.phase);
      else if (step.kind === 'delete') cluster.delete(step.id);
      else await clock.advance(step.ms);
    }
    await clock.advance(minute);
    if (broker.faults.length > 0) throw new Error(broker.faults.join('; '));
  });
  await fc.assert(property, { numRuns: 100, seed });
  t.pass();
});

await t.test(
  'has a key of each container that exists and of no other in the end, whatever becomes of the bucket',
  async (t) => {
    await holds(fc.oneof(...changes, ...faults, bucketFaults), { hasBucket: true });
    await holds(fc.oneof(...changes, ...faults, bucketFaults, changeOfLeader), { hasBucket: true, hasPeers: true });
    t.pass();
  },
);

await t.test('keeps no more than it may while nothing can be sent', async (t) => {
  const maxDeleted = 3;
  const step = fc.record({ id: fc.nat(30).map(String), phase: fc.option(fc.constantFrom(...phases), { freq: 2 }) });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 100, size: 'max' }), async (steps) => {
    const clock = new ManualClock();
    const broker = new Broker(clock);
    const replica = startReplica({ clock, broker, maxDeleted });
    const cluster = new Cluster(replica);
    replica.publisher.connected = false;
    for (const { id, phase } of steps) {
      if (phase === null) cluster.delete(id);
      else cluster.setPhase(id, phase);
      await clock.advance(600);
      const { unconfirmed } = replica.part.stats();
      const most = cluster.uids.size + maxDeleted;
      if (unconfirmed > most) throw new Error(`${unconfirmed} are kept, with ${cluster.uids.size} that exist`);
    }
    const { dropped } = replica.part.stats().outbox;
    const lines = replica.lines.filter(({ level }) => level === 'error');
    if (lines.length !== dropped) throw new Error(`${dropped} were dropped with ${lines.length} lines`);
    replica.publisher.connect();
    await clock.advance(minute);
    for (const id of cluster.uids.keys())
      if (broker.last(id) === undefined) throw new Error(`nothing was sent of ${id}`);
  });
  await fc.assert(property, { numRuns: 50, seed });
  t.pass();
});

/** Lets everything happen that is due within a second. */
async function started(options: Omit<ReplicaOptions, 'clock' | 'broker'> = {}) {
  const clock = new ManualClock();
  const broker = new Broker(clock);
  const replica = startReplica({ clock, broker, ...options });
  const cluster = new Cluster(replica);
  const settle = () => clock.advance(1_000);
  await settle();
  const summary = () => broker.arrived.splice(0).map((data) => `${data.id} ${data.status}`);
  return { ...replica, clock, broker, cluster, settle, summary };
}

await t.test('drops the oldest DELETED past its bound, and no container that exists', async (t) => {
  const { cluster, publisher, lines, part, settle, summary } = await started({ maxDeleted: 2 });
  for (const id of ['a', 'b', 'c', 'd', 'e']) cluster.setPhase(id, 'Running');
  await settle();
  summary();
  publisher.connected = false;
  cluster.setPhase('e', 'Failed');
  for (const id of ['a', 'b']) cluster.delete(id);
  await settle();
  t.equal(part.stats().outbox.dropped, 0);
  for (const id of ['c', 'd']) cluster.delete(id);
  await settle();
  t.match(
    lines.filter(({ level }) => level === 'error'),
    ['a', 'b'].map((containerId) => ({
      containerId,
      msg: 'too many unpublished status events, dropped a DELETED',
    })),
  );
  t.match(part.stats(), { unconfirmed: 3, outbox: { dropped: 2 } });
  publisher.connect();
  await settle();
  t.strictSame(summary().sort(), ['c DELETED', 'd DELETED', 'e FAILED']);
});

await t.test('forgets a DELETED that is confirmed before one that waits', async (t) => {
  const { cluster, publisher, clock, part, settle, summary } = await started({ maxDeleted: 2 });
  for (const id of ['a', 'b', 'c', 'd']) cluster.setPhase(id, 'Running');
  await settle();
  summary();
  const publish = publisher.publish.bind(publisher);
  publisher.publish = (message) =>
    message.body.includes('"a"') ? Promise.reject(new Error('no answer')) : publish(message);
  for (const id of ['a', 'b', 'c', 'd']) {
    cluster.delete(id);
    await settle();
  }
  t.match(part.stats(), { unconfirmed: 1, outbox: { dropped: 0 } });
  publisher.publish = publish;
  await clock.advance(minute);
  t.strictSame(summary(), ['b DELETED', 'c DELETED', 'd DELETED', 'a DELETED']);
});

for (const outcome of ['confirmed', 'refused'] as const) {
  await t.test(`waits past its bound for the answer to a DELETED, and goes on when it is ${outcome}`, async (t) => {
    const { cluster, publisher, lines, settle, broker, part } = await started({ maxDeleted: 1 });
    for (const id of ['a', 'b']) cluster.setPhase(id, 'Running');
    await settle();
    publisher.holding = true;
    for (const id of ['a', 'b']) {
      cluster.delete(id);
      await settle();
    }
    cluster.setPhase('a', 'Pending');
    await settle();
    t.strictSame(publisher.summary.slice(2), ['a DELETED', 'b DELETED'], 'one event of a container at a time');
    publisher.holding = false;
    answerAll(publisher, { confirms: outcome === 'confirmed', arrives: false });
    await settle();
    await settle();
    t.strictSame(
      ['a', 'b'].map((id) => broker.last(id)?.status),
      ['PENDING', 'DELETED'],
    );
    t.equal(part.stats().unconfirmed, 0);
    t.notOk(lines.some(({ level }) => level === 'error'));
  });
}

await t.test('asks a bucket that refuses everything for one container at a time, less and less often', async (t) => {
  const { cluster, broker, clock, part, settle, lines } = await started({ hasBucket: true });
  cluster.setPhase('before', 'Running');
  await settle();
  broker.bucket.state = 'full';
  for (let id = 0; id < 1_000; id++) cluster.setPhase(`c${id}`, 'Running');
  await settle();
  t.match(part.stats(), { unconfirmed: 0, owedKeys: 1_000 }, 'events go out all the same');
  const { calls } = broker.bucket;
  t.ok(calls <= 251, `${calls} calls at first`);
  await clock.advance(10 * minute);
  const later = broker.bucket.calls - calls;
  t.ok(later >= 8 && later <= 40, `${later} calls in ten minutes`);
  t.equal(lines.filter(({ level, msg }) => level === 'warn' && msg.includes('key-value bucket')).length, 1);
  broker.bucket.state = 'ok';
  await clock.advance(2 * minute);
  t.match(part.stats(), { owedKeys: 0 });
  t.equal(Object.keys(broker.bucket.content).length, 1_001);
});

await t.test('counts no keys for failures of the bucket that the log does not tell', async (t) => {
  const { cluster, broker, settle } = await started({ hasBucket: true, level: 'info' });
  broker.bucket.state = 'full';
  const looks = t.capture(Deliveries.prototype, 'values', Deliveries.prototype.values);
  for (let id = 0; id < 100; id++) cluster.setPhase(`c${id}`, 'Running');
  await settle();
  t.ok(broker.bucket.calls >= 100);
  const { length } = looks();
  t.ok(length < 10, `looked at all of them ${length} times`);
});

await t.test('tells of changes at once while the bucket does not answer, and leaves no key in the end', async (t) => {
  const { cluster, broker, publisher, part, clock } = await started({ hasBucket: true });
  const answers: (() => void)[] = [];
  const put = broker.bucket.put.bind(broker.bucket);
  broker.bucket.put = async (key, value) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return put(key, value);
  };
  cluster.setPhase('a', 'Pending');
  await clock.advance(500);
  cluster.setPhase('a', 'Running');
  await clock.advance(500);
  cluster.delete('a');
  await clock.advance(500);
  t.strictSame(publisher.summary, ['a PENDING', 'a RUNNING', 'a DELETED']);
  t.equal(answers.length, 1, 'the bucket is asked once at a time for a container');
  answers[0]!();
  await clock.advance(500);
  t.strictSame(broker.bucket.content, {});
  t.match(part.stats(), { unconfirmed: 0, owedKeys: 0 });
});

await t.test('leaves no key of a container that came and went again while the bucket was not asked', async (t) => {
  const { cluster, broker, publisher, part, clock } = await started({ hasBucket: true });
  cluster.setPhase('a', 'Running');
  await clock.advance(500);
  broker.bucket.state = 'full';
  cluster.setPhase('b', 'Running');
  await clock.advance(500);
  cluster.delete('a');
  await clock.advance(500);
  t.match(part.stats(), { owedKeys: 2 }, 'the removal waits since the bucket has refused another key');
  cluster.setPhase('a', 'Pending');
  cluster.delete('a');
  publisher.newStream();
  await clock.advance(minute);
  broker.bucket.state = 'ok';
  await clock.advance(2 * minute);
  t.strictSame(Object.keys(broker.bucket.content), ['b']);
});

await t.test('sends no more at a time than a bound', async (t) => {
  const { cluster, publisher, part, settle } = await started();
  publisher.holding = true;
  for (let id = 0; id < 2_000; id++) cluster.setPhase(`c${id}`, 'Running');
  await settle();
  t.equal(publisher.sent.length, 250);
  t.equal(part.stats().outbox.inFlight, 250);
  publisher.holding = false;
  answerAll(publisher, { confirms: true, arrives: true });
  await settle();
  t.equal(publisher.sent.length, 2_000);
  t.equal(part.stats().unconfirmed, 0);
});

await t.test('keeps a DELETED that is refused until it is confirmed, however often it was repeated', async (t) => {
  const { cluster, publisher, clock, part, settle, summary } = await started();
  cluster.setPhase('a', 'Running');
  await settle();
  summary();
  const publish = publisher.publish.bind(publisher);
  publisher.publish = () => Promise.reject(new Error('maximum messages exceeded'));
  cluster.delete('a');
  await clock.advance(60 * minute);
  t.equal(part.stats().unconfirmed, 1);
  publisher.publish = publish;
  await clock.advance(minute);
  t.strictSame(summary(), ['a DELETED']);
});

await t.test('keeps a DELETED that waits when the Deployment goes that a finalizer held', async (t) => {
  const { source, publisher, leadership, clock, settle, summary } = await started({ leads: false });
  source.set('a', { deployment: deployment({ deletedAt: clock.now() }), pods: [] });
  await clock.advance(60 * minute);
  publisher.connected = false;
  leadership.set(true);
  await clock.advance(minute);
  source.delete('a');
  await settle();
  publisher.connect();
  await clock.advance(minute);
  t.strictSame(summary(), ['a DELETED']);
});

await t.test('tries a key again that the bucket refuses while it takes others', async (t) => {
  const { cluster, broker, clock, part, settle } = await started({ hasBucket: true });
  const { bucket } = broker;
  const put = bucket.put.bind(bucket);
  bucket.put = (key, value) =>
    key.endsWith('.a') ? Promise.reject(new Error('maximum bytes exceeded')) : put(key, value);
  for (const id of ['a', 'b']) cluster.setPhase(id, 'Running');
  await settle();
  t.match(part.stats(), { unconfirmed: 0, owedKeys: 1 });
  bucket.put = put;
  await clock.advance(2 * minute);
  t.match(part.stats(), { owedKeys: 0 });
});

await t.test('tries once more at the end what the bucket has refused', async (t) => {
  const { cluster, broker, clock, part } = await started({ hasBucket: true });
  broker.bucket.state = 'full';
  for (const id of ['a', 'b', 'c']) cluster.setPhase(id, 'Running');
  await clock.advance(5 * minute);
  t.match(part.stats(), { unconfirmed: 0, owedKeys: 3 });
  broker.bucket.state = 'ok';
  const stopped = part.stop(new AbortController().signal);
  await clock.advance(0);
  await stopped;
  t.strictSame(Object.keys(broker.bucket.content), ['a', 'b', 'c']);
});
