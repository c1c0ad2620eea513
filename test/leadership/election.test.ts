import fc from 'fast-check';
import t from 'tap';

import {
  callTimeoutMs,
  decide,
  isHeld,
  leaseDurationMs,
  lookAgainAfterMs,
  observe,
  renewDeadlineMs,
  renewPeriodMs,
} from '../../src/leadership/election.ts';
import type { Situation, Lease, LeaseRecord } from '../../src/leadership/election.ts';

const base: LeaseRecord = {
  holder: 'other',
  durationSeconds: 15,
  acquireTime: '2026-01-21T09:00:00.000000Z',
  renewTime: '2026-01-21T09:59:59.000000Z',
  transitions: 3,
};

function lease(record: Partial<LeaseRecord> = {}, more: Partial<Lease> = {}): Lease {
  return { record: { ...base, ...record }, metadata: { resourceVersion: '7' }, ...more };
}

function situation(more: Partial<Situation>): Situation {
  const time = new Date('2026-01-21T10:00:00.123Z');
  return { identity: 'self', exists: true, observed: undefined, now: 100_000, time, ...more };
}

const now = '2026-01-21T10:00:00.123000Z';
const taken = { holder: 'self', durationSeconds: 15, acquireTime: now, renewTime: now, transitions: 4 };
const released = { holder: '', durationSeconds: 1, acquireTime: now, renewTime: now, transitions: 3 };

const table: { what: string; given: Partial<Situation>; action: string; record?: LeaseRecord; sentLate?: string }[] = [
  {
    what: 'creates the Lease where there was none',
    given: { exists: false },
    action: 'create',
    record: { ...taken, transitions: 0 },
  },
  {
    what: 'creates none while it stands back',
    given: { exists: false, standsBackUntil: 100_001 },
    action: 'wait',
  },
  {
    what: 'creates none in the place of one that was deleted, as long as its holder may not know',
    given: { exists: false, observed: { lease: lease(), since: 85_001 } },
    action: 'wait',
  },
  {
    what: 'creates one in the place of one that was deleted, once its holder must know',
    given: { exists: false, observed: { lease: lease(), since: 85_000 } },
    action: 'create',
    record: taken,
  },
  {
    what: 'creates its own anew when it was deleted',
    given: { exists: false, observed: { lease: lease({ holder: 'self' }), since: 99_000 } },
    action: 'create',
    record: { ...taken, acquireTime: base.acquireTime, transitions: 3 },
  },
  {
    what: 'waits while another holds the Lease',
    given: { observed: { lease: lease(), since: 85_001 } },
    action: 'wait',
  },
  {
    what: 'waits longer where the Lease itself lasts longer',
    given: { observed: { lease: lease({ durationSeconds: 60 }), since: 40_001 } },
    action: 'wait',
  },
  {
    what: 'waits less where the Lease itself lasts less',
    given: { observed: { lease: lease({ durationSeconds: 1 }), since: 99_000 } },
    action: 'claim',
    record: taken,
  },
  {
    what: 'takes the Lease over when nothing changed for its duration',
    given: { observed: { lease: lease(), since: 85_000 } },
    action: 'claim',
    record: taken,
  },
  {
    what: 'goes by its own clock alone, however old or new the times in the record are',
    given: { observed: { lease: lease({ renewTime: '1999-01-01T00:00:00.000000Z' }), since: 99_000 } },
    action: 'wait',
  },
  {
    what: 'leaves a Lease that was released to those that know what happens in the cluster',
    given: { observed: { lease: lease({ holder: '', durationSeconds: 1 }), since: 85_001 }, blindMs: 1 },
    action: 'wait',
  },
  {
    what: 'takes it all the same when none of them has in the time',
    given: { observed: { lease: lease({ holder: '', durationSeconds: 1 }), since: 85_000 }, blindMs: 1 },
    action: 'claim',
    record: taken,
  },
  {
    what: 'keeps its own, however little it knows',
    given: { observed: { lease: lease({ holder: 'self' }), since: 99_000 }, blindMs: 60_000 },
    action: 'claim',
    record: { ...taken, acquireTime: base.acquireTime, transitions: 3 },
  },
  {
    what: 'takes a Lease that was released at once',
    given: { observed: { lease: lease({ holder: '', durationSeconds: 1 }), since: 100_000 } },
    action: 'claim',
    record: taken,
  },
  {
    what: 'renews its own, which is no transition',
    given: { observed: { lease: lease({ holder: 'self' }), since: 99_000 } },
    action: 'claim',
    record: { ...taken, acquireTime: base.acquireTime, transitions: 3 },
  },
  {
    what: 'releases its own when it stands back',
    given: { observed: { lease: lease({ holder: 'self' }), since: 99_000 }, standsBackUntil: 100_001 },
    action: 'release',
    record: released,
  },
  {
    what: 'leaves a free Lease alone while it stands back',
    given: { observed: { lease: lease({ holder: '' }), since: 99_000 }, standsBackUntil: 100_001 },
    action: 'wait',
  },
  {
    what: 'takes part again once it stood back for long enough',
    given: { observed: { lease: lease({ holder: '' }), since: 99_000 }, standsBackUntil: 100_000 },
    action: 'claim',
    record: taken,
  },
  {
    what: 'tells the leader that it may have sent late, and leaves the record as it is',
    given: { observed: { lease: lease(), since: 99_000 }, sentLate: 'self/1' },
    action: 'tell',
    record: base,
    sentLate: 'self/1',
  },
  {
    what: 'has nothing to tell when it takes the Lease itself',
    given: { observed: { lease: lease({}, { sentLate: 'third/1' }), since: 85_000 }, sentLate: 'self/1' },
    action: 'claim',
    record: taken,
    sentLate: 'third/1',
  },
];

for (const { what, given, action, record, sentLate } of table) {
  t.test(what, (t) => {
    const decision = decide(situation(given));
    t.equal(decision.action, action);
    if (decision.action !== 'wait') {
      t.strictSame(decision.lease.record, record);
      t.equal(decision.lease.sentLate, sentLate);
    }
    t.end();
  });
}

t.test('writes on top of what it saw, with the metadata that others made', (t) => {
  const metadata = { resourceVersion: '9', annotations: { 'example.com/note': 'kept' } };
  const decision = decide(situation({ observed: { lease: lease({ holder: '' }, { metadata }), since: 0 } }));
  t.match(decision, { action: 'claim', lease: { metadata } });
  t.end();
});

t.test('counts the time of a record from when it was first seen', (t) => {
  const first = observe(undefined, lease(), 1_000);
  const same = observe(first, lease({}, { metadata: { resourceVersion: '8' }, sentLate: 'x/1' }), 2_000);
  t.match(same, { since: 1_000, lease: { sentLate: 'x/1', metadata: { resourceVersion: '8' } } });
  for (const change of [
    { renewTime: now },
    { acquireTime: now },
    { holder: '' },
    { transitions: 4 },
    { durationSeconds: 1 },
  ]) {
    t.equal(observe(same, lease(change), 3_000).since, 3_000, JSON.stringify(change));
  }
  t.end();
});

t.test('no clock of another machine decides whether a Lease is held', (t) => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true }),
      fc.date({ noInvalidDate: true }),
      fc.integer({ min: 0, max: 40_000 }),
      (acquire, renew, age) => {
        const record = { acquireTime: acquire.toJSON(), renewTime: renew.toJSON() };
        return isHeld({ lease: lease(record), since: 0 }, age) === age < 15_000;
      },
    ),
  );
  t.end();
});

t.test('a leader stops well before others may take its Lease, and has the time to try more than once', (t) => {
  t.equal(leaseDurationMs - renewDeadlineMs, 5_000);
  t.equal(renewDeadlineMs - renewPeriodMs - callTimeoutMs, 3_000);
  t.equal(lookAgainAfterMs(0), 1_000);
  t.equal(lookAgainAfterMs(1), 1_800);
  t.end();
});

t.test('a leader that knows nothing of the cluster says so, and who knows answers', (t) => {
  const own = { lease: lease({ holder: 'self' }), since: 99_000 };
  t.match(decide(situation({ observed: own, blindMs: 15_001 })), { action: 'claim', lease: { isBlind: true } });
  const { lease: seeing } = decide(situation({ observed: own, blindMs: 15_000 })) as { lease: Lease };
  t.equal(seeing.isBlind, undefined);

  const blind = { lease: lease({}, { isBlind: true }), since: 99_000 };
  t.match(decide(situation({ observed: blind })), { action: 'tell', lease: { seer: 'self', isBlind: true } });
  t.match(decide(situation({ observed: blind, blindMs: 1 })), { action: 'wait' });
  const answered = { lease: lease({}, { isBlind: true, seer: 'third' }), since: 99_000 };
  t.match(decide(situation({ observed: answered })), { action: 'wait' });
  const released = decide(
    situation({ observed: { ...own, lease: { ...own.lease, isBlind: true, seer: 'b' } }, standsBackUntil: Infinity }),
  );
  t.equal(released.action, 'release');
  t.notOk('isBlind' in (released as { lease: Lease }).lease || 'seer' in (released as { lease: Lease }).lease);
  t.end();
});

t.test(
  'what ended while the holder missed it is told in the Lease, a bounded number at a time, and goes as it is taken',
  (t) => {
    const missed = { after: '7', to: '9' };
    t.match(decide(situation({ observed: { lease: lease({ holder: 'self' }), since: 99_000 }, missed })), {
      action: 'claim',
      lease: { missed },
    });
    const observed = { lease: lease({}, { missed, ended: { known: 'uid-0' } }), since: 99_000 };
    const ended = new Map(Array.from({ length: 600 }, (_, index) => [`c${index}`, `uid-${index}`]));
    const { action, lease: told } = decide(situation({ observed, ended })) as { action: string; lease: Lease };
    t.equal(action, 'tell');
    t.strictSame(told.missed, missed);
    t.equal(Object.keys(told.ended!).length, 500);
    t.equal(told.ended!['known'], 'uid-0');
    t.match(decide(situation({ observed: { lease: told, since: 99_000 }, ended })), { action: 'wait' });
    const claimed = decide(
      situation({ observed: { lease: { ...told, record: { ...base, holder: 'self' } }, since: 99_000 } }),
    );
    t.notOk('ended' in (claimed as { lease: Lease }).lease);
    const { lease: left } = decide(
      situation({
        observed: { lease: { ...told, record: { ...base, holder: 'self' } }, since: 99_000 },
        standsBackUntil: Infinity,
      }),
    ) as { lease: Lease };
    t.equal(Object.keys(left.ended!).length, 500, 'a release leaves it to the next holder');
    t.end();
  },
);
