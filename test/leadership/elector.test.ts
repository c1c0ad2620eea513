import fc from 'fast-check';
import t from 'tap';

import { Elector } from '../../src/leadership/elector.ts';
import { leaseDurationMs, renewDeadlineMs, LeasePermissionError } from '../../src/leadership/election.ts';
import { LeaseServer } from '../support/lease-server.ts';
import type { Line } from '../support/lease-server.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualClock } from '../support/manual-clock.ts';

const never = new AbortController().signal;

/** A replica whose clock may stand still, as that of a process that is frozen does. */
function startReplica(server: LeaseServer, name: string, { clock = new ManualClock(), chance = 0.5 } = {}) {
  let blindMs = 0;
  const client = server.connect(name);
  const { log, lines } = captureLog();
  const elector = new Elector({ client, identity: name, log, clock, chance: () => chance, blindMs: () => blindMs });
  const ended: string[] = [];
  elector.onEnded((containerId, uid) => ended.push(`${containerId} ${uid}`));
  const setBlind = (ms: number): void => void (blindMs = ms);
  const changes: boolean[] = [];
  let toldLate = 0;
  elector.onChange((leads) => changes.push(leads));
  elector.onSentLate(() => (toldLate += 1));
  elector.start();
  return { name, client, clock, elector, changes, lines, ended, setBlind, toldLate: () => toldLate };
}

type Replica = ReturnType<typeof startReplica>;

/** Moves the clocks together, in steps small enough for calls to cross. */
async function pass(ms: number, ...replicas: Replica[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 200) {
    for (const { clock } of replicas) await clock.advance(200);
  }
}

async function startPair(): Promise<{ server: LeaseServer; leader: Replica; standby: Replica }> {
  const server = new LeaseServer();
  const leader = startReplica(server, 'a');
  await pass(200, leader);
  const standby = startReplica(server, 'b');
  await pass(2_000, leader, standby);
  return { server, leader, standby };
}

t.test('one of two leads, renews every two seconds, and the other writes nothing', async (t) => {
  const { server, leader, standby } = await startPair();
  t.ok(leader.elector.leads);
  t.notOk(standby.elector.leads);
  t.equal(standby.elector.leader, 'other');
  const before = server.writes.length;
  await pass(20_000, leader, standby);
  t.equal(server.writes.length - before, 10);
  t.ok(server.writes.every(({ by }) => by === 'a'));
  t.strictSame(leader.changes, [true]);
  t.strictSame(standby.changes, []);
});

t.test('a standby leads within its look after a release, with one more transition', async (t) => {
  const { server, leader, standby } = await startPair();
  await leader.elector.stop(never);
  t.match(server.lease?.record, { holder: '', durationSeconds: 1, transitions: 0 });
  t.notOk(leader.elector.leads);
  await pass(2_000, standby);
  t.ok(standby.elector.leads);
  t.match(server.lease?.record, { holder: 'b', durationSeconds: 15, transitions: 1 });
  t.strictSame(leader.changes, [true, false]);
});

t.test('a standby that stops leaves the Lease alone', async (t) => {
  const { server, standby } = await startPair();
  const before = server.writes.length;
  await standby.elector.stop(never);
  t.equal(server.writes.length, before);
});

t.test('takes over from a leader that is gone, but not before its Lease is over', async (t) => {
  const { leader, standby } = await startPair();
  leader.client.line = 'silent';
  await pass(leaseDurationMs - 2_200, standby);
  t.notOk(standby.elector.leads);
  await pass(4_400, standby);
  t.ok(standby.elector.leads);
});

for (const line of ['refused', 'silent', 'deaf'] as const) {
  t.test(`a leader whose line is ${line} leads no more when it could not renew within the deadline`, async (t) => {
    const { leader, standby } = await startPair();
    leader.client.line = line;
    await pass(renewDeadlineMs - 2_200, leader, standby);
    t.ok(leader.elector.leads);
    await pass(2_400, leader, standby);
    t.notOk(leader.elector.leads);
    t.strictSame(leader.changes, [true, false]);
    await pass(20_000, leader, standby);
    if (line !== 'deaf') t.ok(standby.elector.leads);
    leader.client.line = 'up';
    await pass(20_000, leader, standby);
    t.equal(Number(leader.elector.leads) + Number(standby.elector.leads), 1);
  });
}

t.test('a leader whose time is over says so before any timer has told it', async (t) => {
  const server = new LeaseServer();
  const clock = new ManualClock();
  let skipped = 0;
  const elapsed = clock.elapsed.bind(clock);
  clock.elapsed = () => elapsed() + skipped;
  const leader = startReplica(server, 'a', { clock });
  await pass(200, leader);
  t.ok(leader.elector.leads);
  skipped = renewDeadlineMs;
  t.notOk(leader.elector.leads);
  t.strictSame(leader.changes, [true]);
});

t.test('a leader that was frozen learns that another leads, and says when it did not', async (t) => {
  const { server, leader, standby } = await startPair();
  await pass(20_000, standby);
  t.ok(standby.elector.leads);
  await pass(20_000, leader, standby);
  t.strictSame(leader.changes, [true, false]);
  t.equal(leader.elector.leader, 'other');
  t.equal(server.lease?.record.holder, 'b');
});

t.test('a leader that comes back before others took its Lease is deposed and leads anew', async (t) => {
  const server = new LeaseServer();
  const leader = startReplica(server, 'a');
  await pass(1_000, leader);
  leader.client.line = 'refused';
  await pass(renewDeadlineMs + 1_000, leader);
  t.equal(leader.elector.leader, 'nobody');
  leader.client.line = 'up';
  await pass(3_000, leader);
  t.strictSame(leader.changes, [true, false, true]);
  t.equal(server.lease?.record.transitions, 0);
});

t.test('an answer that comes after the deadline does not make the leadership go on unnoticed', async (t) => {
  const server = new LeaseServer();
  const clock = new ManualClock();
  const leader = startReplica(server, 'a', { clock });
  await pass(200, leader);
  const update = leader.client.update.bind(leader.client);
  let skipped = 0;
  const elapsed = clock.elapsed.bind(clock);
  clock.elapsed = () => elapsed() + skipped;
  leader.client.update = async (lease, signal) => {
    const written = await update(lease, signal);
    skipped = renewDeadlineMs - 1_000;
    return written;
  };
  await pass(4_000, leader);
  t.strictSame(leader.changes, [true, false, true], 'deposed first, as its time had passed, and then leading anew');
});

t.test('a deposed replica tells the leader that it may have sent late', async (t) => {
  const { server, leader, standby } = await startPair();
  await pass(20_000, standby);
  await pass(2_000, leader, standby);
  leader.elector.reportSentLate();
  await pass(4_000, leader, standby);
  t.equal(server.lease?.sentLate, 'a/1');
  t.equal(standby.toldLate(), 1);
  leader.elector.reportSentLate();
  await pass(4_000, leader, standby);
  t.equal(standby.toldLate(), 2);
  t.equal(leader.toldLate(), 0);
  t.strictSame(standby.changes, [true], 'the leader goes on leading');
  const before = server.writes.filter(({ by }) => by === 'a').length;
  await pass(10_000, leader, standby);
  t.equal(server.writes.filter(({ by }) => by === 'a').length, before, 'said once');
});

t.test('what was sent late before it led does not concern a new leader', async (t) => {
  const { server, leader, standby } = await startPair();
  standby.elector.reportSentLate();
  await pass(4_000, leader, standby);
  t.equal(leader.toldLate(), 1);
  await leader.elector.stop(never);
  await pass(4_000, standby);
  t.ok(standby.elector.leads);
  t.equal(standby.toldLate(), 0);
  t.equal(server.lease?.sentLate, 'b/1');
});

t.test('a leader that stands back lets another lead, and takes part again after one lease duration', async (t) => {
  const { leader, standby } = await startPair();
  leader.elector.standBack();
  t.notOk(leader.elector.leads);
  await pass(4_000, leader, standby);
  t.ok(standby.elector.leads);
  await standby.elector.stop(never);
  await pass(leaseDurationMs - 5_000, leader);
  t.notOk(leader.elector.leads);
  await pass(4_000, leader);
  t.ok(leader.elector.leads);
});

t.test('a Lease that is deleted has the same leader again', async (t) => {
  const { server, leader, standby } = await startPair();
  server.remove();
  await pass(10_000, leader, standby);
  t.equal(server.lease?.record.holder, 'a');
  t.strictSame(leader.changes, [true]);
});

t.test('a Lease that others changed under the leader is renewed on top of it', async (t) => {
  const { server, leader, standby } = await startPair();
  server.lease = { ...server.lease!, metadata: { resourceVersion: 'changed' } };
  const before = server.writes.length;
  await pass(2_000, leader, standby);
  t.equal(server.writes.length, before + 1);
  t.strictSame(leader.changes, [true]);
});

t.test('a write that is always too late is tried three times at once, and then at the next look', async (t) => {
  const { leader } = await startPair();
  let tries = 0;
  leader.client.update = () => {
    tries += 1;
    return tries > 100 ? Promise.reject(new Error('there is no end to it')) : Promise.resolve(undefined);
  };
  await pass(2_000, leader);
  t.equal(tries, 3);
  t.ok(leader.elector.leads);
  await pass(renewDeadlineMs, leader);
  t.notOk(leader.elector.leads);
});

t.test('a leader whose Lease another took stops at its next look', async (t) => {
  const { server, leader } = await startPair();
  server.lease = { record: { ...server.lease!.record, holder: 'c' }, metadata: { resourceVersion: 'changed' } };
  await pass(2_000, leader);
  t.notOk(leader.elector.leads);
  t.strictSame(leader.changes, [true, false]);
});

t.test('a missing permission is an ERROR with verb, resource and namespace, said once, and tried again', async (t) => {
  const server = new LeaseServer();
  const replica = startReplica(server, 'a');
  replica.client.fails = new LeasePermissionError('get', 'containers');
  const told = () => replica.lines.filter(({ level }) => level !== 'debug');
  await pass(9_000, replica);
  t.strictSame(told(), [], 'an API server that has just started may not have loaded its permissions yet');
  await pass(10_000, replica);
  t.match(told(), [{ level: 'error', verb: 'get', resource: 'leases', namespace: 'containers' }]);
  t.equal(replica.elector.leader, 'nobody');
  replica.client.fails = undefined;
  await pass(2_000, replica);
  t.ok(replica.elector.leads);
});

t.test('stops at once in the middle of a call, and releases what it may have taken', async (t) => {
  const { server, leader } = await startPair();
  leader.client.line = 'deaf';
  await pass(2_200, leader);
  const stopped = leader.elector.stop(never);
  leader.client.line = 'up';
  await stopped;
  t.equal(server.lease?.record.holder, '');
});

t.test('gives the release up at the deadline', async (t) => {
  const { leader } = await startPair();
  leader.client.line = 'silent';
  const deadline = new AbortController();
  setImmediate(() => deadline.abort(new Error('the time is up')));
  await leader.elector.stop(deadline.signal);
  t.match(leader.lines.at(-1), { level: 'warn', msg: 'the Lease was not released' });
});

t.test('never do two lead at once, whatever becomes of their lines, their processes and their Lease', async (t) => {
  const step = fc.record({
    replica: fc.integer({ min: 0, max: 2 }),
    line: fc.constantFrom<Line>('up', 'up', 'refused', 'silent', 'deaf'),
    frozen: fc.boolean(),
    standBack: fc.boolean(),
    ms: fc.integer({ min: 1, max: 100 }).map((tenths) => tenths * 200),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const server = new LeaseServer();
      const replicas = ['a', 'b', 'c'].map((name, index) =>
        startReplica(server, name, { chance: index / 2, clock: new ManualClock() }),
      );
      const frozen = new Set<Replica>();
      const behindMs = new Map(replicas.map((replica) => [replica, 0]));
      for (const replica of replicas) {
        const elapsed = replica.clock.elapsed.bind(replica.clock);
        // Its monotonic clock goes on while a process is frozen; its timers and the answers it gets wait.
        replica.clock.elapsed = () => elapsed() + behindMs.get(replica)!;
      }
      for (const { replica: index, line, frozen: freeze, standBack, ms } of steps) {
        const replica = replicas[index]!;
        replica.client.line = line;
        if (standBack) replica.elector.standBack();
        if (freeze) frozen.add(replica);
        else frozen.delete(replica);
        for (let passed = 0; passed < ms; passed += 200) {
          for (const each of replicas) {
            if (frozen.has(each)) behindMs.set(each, behindMs.get(each)! + 200);
            else await each.clock.advance(200);
          }
          if (replicas.filter(({ elector }) => elector.leads).length > 1) return false;
        }
      }
      for (const replica of replicas) replica.client.line = 'up';
      await pass(40_000, ...replicas);
      const leaders = replicas.filter(({ elector }) => elector.leads);
      for (const { elector } of replicas) await elector.stop(never);
      return (
        leaders.length === 1 && replicas.every(({ changes }) => changes.every((leads, at) => leads === (at % 2 === 0)))
      );
    }),
    { numRuns: 60 },
  );
  t.end();
});

t.test('a process whose timers stand still while it leads is not alive, and a standby is', async (t) => {
  const timersStand = { stand: false };
  class StoppedClock extends ManualClock {
    override after(ms: number, callback: () => void): () => void {
      return super.after(ms, () => {
        if (!timersStand.stand) callback();
      });
    }
  }
  const server = new LeaseServer();
  const leader = startReplica(server, 'a', { clock: new StoppedClock() });
  await pass(200, leader);
  const standby = startReplica(server, 'b');
  await pass(2_000, leader, standby);
  timersStand.stand = true;
  await pass(renewDeadlineMs + leaseDurationMs - 4_000, leader, standby);
  t.strictSame(leader.elector.health().livez, { ok: true });
  await pass(6_000, leader, standby);
  t.match(leader.elector.health(), { livez: { ok: false, reason: /given up the leadership/ } });
  t.strictSame(standby.elector.health().livez, { ok: true });
});

t.test('says who leads, and that nobody does, to who asks whether it is ready', async (t) => {
  const server = new LeaseServer();
  const leader = startReplica(server, 'a');
  t.strictSame(leader.elector.health().readyz, { ok: true, note: 'nobody leads' });
  await pass(200, leader);
  const standby = startReplica(server, 'b');
  await pass(2_000, leader, standby);
  t.strictSame(leader.elector.health().readyz, { ok: true, note: 'this replica leads' });
  t.strictSame(standby.elector.health().readyz, { ok: true, note: 'another replica leads' });
});

t.test('a leader that has long known nothing of the cluster hands over to a replica that does', async (t) => {
  const { server, leader, standby } = await startPair();
  leader.setBlind(leaseDurationMs);
  await pass(6_000, leader, standby);
  t.ok(leader.elector.leads, 'not yet');
  leader.setBlind(leaseDurationMs + 1);
  standby.setBlind(1);
  await pass(30_000, leader, standby);
  t.ok(leader.elector.leads, 'there is none that does');
  standby.setBlind(0);
  await pass(8_000, leader, standby);
  t.notOk(leader.elector.leads);
  t.ok(standby.elector.leads);
  t.match(leader.lines, [{}, { msg: 'stopped leading', reason: 'another replica sees what happens in the cluster' }]);
  await pass(60_000, leader, standby);
  t.ok(standby.elector.leads, 'and it stays there');
  t.notOk('isBlind' in server.lease! || 'seer' in server.lease!);
});

t.test(
  'what ended while the leader missed it is told it once by each replica, and each next leader anew',
  async (t) => {
    const { server, leader, standby } = await startPair();
    let ended = new Map([['web', 'uid-1']]);
    standby.elector.answerMissed(({ after }) => (after === '7' ? ended : new Map()));
    await pass(6_000, leader, standby);
    t.strictSame(leader.ended, []);
    leader.elector.reportMissed({ after: '8', to: '9' });
    leader.elector.reportMissed({ after: '7', to: '8' });
    await pass(6_000, leader, standby);
    t.match(server.lease, { missed: { after: '7', to: '9' } });
    t.strictSame(leader.ended, ['web uid-1']);
    t.notOk('ended' in server.lease!);
    ended = new Map([...ended, ['late', 'uid-2']]);
    await pass(6_000, leader, standby);
    t.strictSame(leader.ended, ['web uid-1', 'late uid-2'], 'also what is learnt later');
    const third = startReplica(server, 'c');
    third.elector.reportMissed({ after: '7', to: '9' });
    await pass(1_000, leader, standby, third);
    standby.client.line = 'refused';
    await leader.elector.stop(never);
    await pass(4_000, third);
    t.ok(third.elector.leads);
    standby.client.line = 'up';
    await pass(6_000, standby, third);
    t.strictSame(third.ended, ['web uid-1', 'late uid-2']);
    await pass(10 * 60_000, standby, third);
    t.notOk('missed' in server.lease!, 'after some minutes nobody is asked any more');
  },
);

t.test('what is told a leader that is deposed is taken by the next', async (t) => {
  const { server, leader, standby } = await startPair();
  leader.elector.reportMissed({ after: '7', to: '9' });
  await pass(4_000, leader, standby);
  leader.client.line = 'refused';
  standby.elector.answerMissed(() => new Map([['web', 'uid-1']]));
  await pass(4_000, standby);
  t.match(server.lease, { ended: { web: 'uid-1' } });
  await pass(20_000, leader, standby);
  t.ok(standby.elector.leads);
  t.strictSame(standby.ended, ['web uid-1']);
  t.notOk('ended' in server.lease!);
});
