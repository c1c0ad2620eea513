import t from 'tap';

import type { Write } from '../../support/audit-log.ts';
import { judgeWrites } from './writes.ts';
import type { Writer } from './writes.ts';

const first: Writer = { name: 'first', clusterAddress: '127.0.0.2', asked: new Set(['create web-1', 'delete web-1']) };
const second: Writer = { name: 'second', clusterAddress: '127.0.0.3', asked: new Set(['create web-2']) };

/** So many seconds after the start. */
function write(seconds: number, writer: Writer, verb: string, object: string, more: Partial<Write> = {}): Write {
  const [resource, name] = object.split(' ') as [string, string];
  return { at: seconds * 1_000, from: writer.clusterAddress, verb, resource, name, code: 200, ...more };
}

function lease(seconds: number, writer: Writer, holder: string, code = 200): Write {
  const object = { spec: { holderIdentity: holder, leaseDurationSeconds: 15, renewTime: String(seconds) } };
  return write(seconds, writer, 'update', 'leases provider', { object, code });
}

const cases: { title: string; writes: Write[]; faults: number; counts?: object }[] = [
  {
    title: 'what clients asked for has its reason, a rollback too',
    writes: [
      write(1, first, 'create', 'deployments dcm-web-1'),
      write(1, first, 'create', 'services dcm-web-1-bcd'),
      write(2, second, 'create', 'deployments dcm-web-2'),
      write(2, second, 'delete', 'deployments dcm-web-2'),
      write(3, first, 'delete', 'deployments dcm-web-1'),
      write(3, first, 'delete', 'services dcm-web-1-bcd'),
    ],
    faults: 0,
    counts: { first: { asked: 4, repairs: 0, lease: 0 }, second: { asked: 2, repairs: 0, lease: 0 } },
  },
  {
    title: 'the holder of the Lease repairs',
    writes: [lease(1, first, 'one'), write(2, first, 'create', 'services dcm-web-2-bcd')],
    faults: 0,
    counts: { first: { asked: 0, repairs: 1, lease: 1 }, second: { asked: 0, repairs: 0, lease: 0 } },
  },
  {
    title: 'a standby that repairs has no reason',
    writes: [lease(1, second, 'two'), write(2, first, 'create', 'services dcm-web-2-bcd')],
    faults: 1,
  },
  {
    title: 'a standby that deletes has none',
    writes: [write(1, second, 'delete', 'deployments dcm-web-1')],
    faults: 1,
  },
  {
    title: 'even the holder of the Lease deletes nothing',
    writes: [lease(1, second, 'two'), write(2, second, 'delete', 'deployments dcm-web-1')],
    faults: 1,
  },
  {
    title: 'the same object is not made twice, unless it was deleted between',
    writes: [
      write(1, first, 'create', 'services dcm-web-1-bcd'),
      write(2, { ...first, clusterAddress: '127.0.0.1' }, 'delete', 'services dcm-web-1-bcd'),
      write(3, first, 'create', 'services dcm-web-1-bcd'),
      write(4, first, 'create', 'services dcm-web-1-bcd', { code: 409 }),
      write(5, first, 'create', 'services dcm-web-1-bcd'),
    ],
    faults: 1,
  },
  { title: 'no other object is written', writes: [write(1, first, 'patch', 'pods dcm-web-1')], faults: 1 },
  {
    title: 'a Lease that has run out is taken over, or one that was released',
    writes: [lease(1, first, 'one'), lease(16, second, 'two'), lease(17, second, ''), lease(18, first, 'one')],
    faults: 0,
  },
  {
    title: 'a Lease that has not run out is not',
    writes: [lease(1, first, 'one'), lease(3, first, 'one'), lease(17, second, 'two')],
    faults: 1,
  },
  {
    title: 'a conflict changes nothing, and neither does what a standby says beside the record',
    writes: [
      lease(1, first, 'one'),
      lease(2, second, 'two', 409),
      { ...lease(1, second, 'one'), at: 2_500 },
      write(3, first, 'create', 'services dcm-web-2-bcd'),
    ],
    faults: 0,
  },
];

for (const { title, writes, faults, counts } of cases) {
  t.test(title, (t) => {
    const report = judgeWrites(writes, [first, second]);
    t.equal(report.faults.length, faults, report.faults.join('\n'));
    if (counts) t.strictSame(Object.fromEntries(report.counts), counts);
    t.end();
  });
}
