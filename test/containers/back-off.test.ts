import t from 'tap';
import { recoveryMs, rememberBackOff } from '../../src/containers/back-off.ts';
import type { ObservedContainer } from '../../src/containers/observed.ts';
import { container, terminated } from '../support/observed.ts';

const now = 100_000;
const crash = terminated(1);
const backingOff = container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 2, backOff: {} });
const up = (upSince: number): ObservedContainer =>
  container({ running: true }, { restartCount: 3, backOff: { upSince } });

const rows: [
  sentence: string,
  before: ObservedContainer | undefined,
  seen: ObservedContainer,
  backOff: ObservedContainer['backOff'],
][] = [
  ['remembers a back-off', undefined, container({ waiting: { reason: 'CrashLoopBackOff' } }), {}],
  ['knows no back-off that it has not seen', undefined, container({ running: true }, { restartCount: 7 }), undefined],
  [
    'takes a crash for no back-off',
    container({ running: true }),
    container(crash, { restartCount: 1, lastState: crash }),
    undefined,
  ],
  [
    'counts the time up from when it is first seen up',
    backingOff,
    container({ running: true }, { restartCount: 3 }),
    { upSince: now },
  ],
  [
    'keeps counting while it stays up',
    up(now - 4_000),
    container({ running: true }, { restartCount: 3 }),
    { upSince: now - 4_000 },
  ],
  [
    'counts anew where it was down in between, unseen',
    up(now - 4_000),
    container({ running: true }, { restartCount: 4 }),
    { upSince: now },
  ],
  ['remembers it through the next crash', up(now - 4_000), container(crash, { restartCount: 3 }), {}],
  [
    'remembers it while the container waits for something else',
    backingOff,
    container({ waiting: { reason: 'ErrImagePull' } }, { restartCount: 3 }),
    {},
  ],
  ['remembers it while the container has no state', backingOff, container({}, { restartCount: 3 }), {}],
  [
    'forgets it once the container has been up for long enough',
    up(now - recoveryMs),
    container({ running: true }, { restartCount: 3 }),
    undefined,
  ],
  [
    'forgets it for a container that ends after it has been up for long enough',
    up(now - recoveryMs),
    container(crash, { restartCount: 3 }),
    undefined,
  ],
];

for (const [sentence, before, seen, backOff] of rows) {
  t.test(sentence, (t) => {
    const { backOff: remembered, ...rest } = rememberBackOff(seen, before, now);
    t.strictSame(remembered, backOff);
    t.strictSame(rest, seen, 'and leaves the rest as it was seen');
    t.end();
  });
}
