/** What holds of the status events of any provider, whatever the cluster, the broker and the bucket do: seen from outside. */
import fc from 'fast-check';
import t from 'tap';
import { deletedMessage } from '../../src/containers/status.ts';
import { createDelivery } from '../../src/events/status-events.ts';
import { soakSeed } from '../faults/soak/soak.ts';
import { MemorySource } from '../support/container-source.ts';
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
}

function startReplica({ clock, broker, leads = true, hasBucket = false, maxDeleted }: ReplicaOptions) {
  const source = new MemorySource(clock);
  const publisher = new BrokerPublisher(broker);
  const leadership = new ManualLeadership(leads);
  const { log, lines } = captureLog();
  const part = createDelivery({
    source,
    publisher,
    leadership,
    providerName: 'sp',
    namespace: 'containers',
    debounceMs: 500,
    resyncPeriodMs: 10 * minute,
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

await t.test('has a key of each container that exists in the end, whatever becomes of the bucket', async (t) => {
  await holds(fc.oneof(...changes, ...faults, bucketFaults), { hasBucket: true });
  await holds(fc.oneof(...changes, ...faults, bucketFaults, changeOfLeader), { hasBucket: true, hasPeers: true });
  t.pass();
});

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
