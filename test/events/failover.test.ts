import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { MemorySource } from '../support/container-source.ts';
import { deliveryOf } from '../support/delivery.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';

const minute = 60_000;

/** A replica that stands by, with filled caches. */
async function replica() {
  const clock = new ManualClock();
  const source = new MemorySource(clock);
  const publisher = new RecordingPublisher();
  const leadership = new ManualLeadership(false);
  const part = deliveryOf({ source, publisher, leadership, log: pino({ level: 'silent' }), clock });
  await part.start();
  source.becomeReady();
  await clock.advance(0);
  /** What was sent since it was last asked for. */
  let seen = 0;
  const sent = () => {
    const fresh = publisher.summary.slice(seen);
    seen = publisher.sent.length;
    return fresh;
  };
  const unconfirmed = () => part.stats().unconfirmed;
  return { clock, source, publisher, leadership, part, unconfirmed, sent };
}

await t.test('a standby sends nothing and keeps nothing to send', async (t) => {
  const { clock, source, unconfirmed, sent } = await replica();
  source.setPhase('a', 'Running');
  await clock.advance(11 * minute);
  t.strictSame(sent(), []);
  t.equal(unconfirmed(), 0);
});

await t.test(
  'a new leader reports everything it knows, deletions too, and again one lease duration later',
  async (t) => {
    const { clock, source, leadership, sent } = await replica();
    source.setPhase('a', 'Running');
    source.setPhase('gone', 'Running');
    await clock.advance(minute);
    source.delete('gone');
    await clock.advance(19 * minute);
    leadership.set(true);
    await clock.advance(1_000);
    t.strictSame(sent().sort(), ['a RUNNING', 'gone DELETED']);
    await clock.advance(13_000);
    t.strictSame(sent(), []);
    await clock.advance(2_000);
    t.strictSame(sent().sort(), ['a RUNNING', 'gone DELETED']);
    await clock.advance(minute);
    t.strictSame(sent(), []);
  },
);

await t.test('forgets deletions after some resync periods, standing by too', async (t) => {
  const { clock, source, leadership, sent } = await replica();
  source.setPhase('gone', 'Running');
  await clock.advance(minute);
  source.delete('gone');
  await clock.advance(31 * minute);
  leadership.set(true);
  await clock.advance(minute);
  t.strictSame(sent(), []);
});

await t.test(
  'remembers deletions through an outage of NATS in which one leader after the other stands back',
  async (t) => {
    const { clock, source, publisher, leadership, sent } = await replica();
    source.setPhase('gone', 'Running');
    leadership.set(true);
    await clock.advance(minute);
    t.strictSame(sent(), ['gone RUNNING', 'gone RUNNING']);
    publisher.connected = false;
    source.delete('gone');
    await clock.advance(2 * minute);
    t.strictSame(leadership.asked, ['standBack']);
    leadership.set(false);
    await clock.advance(60 * minute);
    leadership.set(true);
    await clock.advance(minute / 2);
    publisher.connect();
    await clock.advance(1_000);
    t.strictSame(sent(), ['gone DELETED']);
    leadership.set(false);
    await clock.advance(11 * minute);
    leadership.set(true);
    await clock.advance(minute);
    t.strictSame(sent(), [], 'once events arrive, they are forgotten at a resync');
  },
);

await t.test('a new leader whose caches are cut off reports everything once they can be believed', async (t) => {
  const { clock, source, leadership, sent } = await replica();
  source.setPhase('a', 'Running');
  await clock.advance(minute);
  source.isLive = false;
  leadership.set(true);
  await clock.advance(minute);
  t.strictSame(sent(), []);
  source.isLive = true;
  await clock.advance(2_000);
  t.strictSame(sent(), ['a RUNNING']);
});

await t.test('who leads no more forgets what waits, and says so only where it may have sent late', async (t) => {
  const { clock, source, publisher, leadership, unconfirmed, sent } = await replica();
  leadership.set(true);
  publisher.connected = false;
  source.setPhase('a', 'Running');
  await clock.advance(minute / 2);
  t.equal(unconfirmed(), 1);
  leadership.set(false);
  t.equal(unconfirmed(), 0);
  t.strictSame(leadership.asked, [], 'nothing was ever sent');
  publisher.connect();
  await clock.advance(minute);
  t.strictSame(sent(), []);

  leadership.set(true);
  await clock.advance(minute);
  t.strictSame(sent(), ['a RUNNING', 'a RUNNING']);
  publisher.holding = true;
  source.setPhase('a', 'Failed');
  await clock.advance(1_000);
  leadership.set(false);
  t.strictSame(leadership.asked, ['reportSentLate'], 'one was on its way');
  publisher.sent.at(-1)!.fail(new Error('too late'));
  await clock.advance(minute);
  t.strictSame(sent(), ['a FAILED'], 'and is not sent again');
});

await t.test('a leader that was frozen sends nothing more, before it is even told that it was deposed', async (t) => {
  const { clock, source, publisher, leadership, unconfirmed, sent } = await replica();
  leadership.set(true);
  publisher.holding = true;
  for (let id = 0; id < 1_500; id++) source.setPhase(`c${id}`, 'Running');
  await clock.advance(1_000);
  t.equal(sent().length, 250);
  leadership.set(false, { silently: true });
  for (const { confirm } of publisher.sent) confirm();
  await nextTurn();
  t.strictSame(sent(), []);
  leadership.set(false);
  t.equal(unconfirmed(), 0);
  t.strictSame(leadership.asked, ['reportSentLate'], 'what was confirmed only now may have arrived now');
  leadership.set(false);
  t.strictSame(leadership.asked, ['reportSentLate']);
});

await t.test('repeats everything when the former leader says that it may have sent late', async (t) => {
  const { clock, source, leadership, sent } = await replica();
  source.setPhase('a', 'Running');
  leadership.set(true);
  await clock.advance(minute);
  sent();
  leadership.sentLate();
  await clock.advance(1_000);
  t.strictSame(sent(), ['a RUNNING']);
});

await t.test('a leader without NATS for a minute stands back, and one with it does not', async (t) => {
  const { clock, publisher, leadership } = await replica();
  leadership.set(true);
  await clock.advance(10 * minute);
  t.equal(leadership.asked.length, 0);
  publisher.connected = false;
  await clock.advance(minute - 2_000);
  publisher.connected = true;
  await clock.advance(2_000);
  publisher.connected = false;
  await clock.advance(minute - 2_000);
  t.equal(leadership.asked.length, 0);
  await clock.advance(4_000);
  t.strictSame(leadership.asked, ['standBack']);
  leadership.set(false);
  await clock.advance(10 * minute);
  t.equal(leadership.asked.length, 1, 'only while it leads');
  leadership.set(true);
  await clock.advance(minute - 2_000);
  t.equal(leadership.asked.length, 1, 'who just took over has as long');
  await clock.advance(4_000);
  t.equal(leadership.asked.length, 2);
});

await t.test('leaves no timer behind', async (t) => {
  const { clock, leadership, part } = await replica();
  leadership.set(true);
  await part.stop(AbortSignal.abort());
  await clock.advance(0);
  t.equal(clock.pending, 0);
});

await t.test('tells the leader what ended while its watch missed it, and reports what it is told', async (t) => {
  const { clock, source, leadership, sent } = await replica();
  source.missed({ after: '10', to: '20' });
  t.strictSame(leadership.missed, [{ after: '10', to: '20' }]);
  source.end({ containerId: 'seen', uid: 'uid-1', resourceVersion: '15' });
  source.delete('seen');
  await clock.advance(1_000);
  t.strictSame([...leadership.endedWithin({ after: '10', to: '20' })], [['seen', 'uid-1']]);
  leadership.set(true);
  await clock.advance(minute);
  t.strictSame(sent(), ['seen DELETED', 'seen DELETED']);
  leadership.ended('seen', 'uid-1');
  leadership.ended('missed', 'uid-2');
  await clock.advance(1_000);
  t.strictSame(sent(), ['missed DELETED'], 'what is known is told already');
});
