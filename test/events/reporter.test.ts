import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import type { ContainerEndpoint } from '../../src/containers/container.ts';
import { deletedMessage } from '../../src/containers/status.ts';
import type { ObservedContainer, ObservedContainerObjects } from '../../src/containers/observed.ts';
import type { StatusChange } from '../../src/events/cloud-event.ts';
import { Deliveries } from '../../src/events/deliveries.ts';
import type { Delivery } from '../../src/events/deliveries.ts';
import { alwaysLeads } from '../../src/leadership/leadership.ts';
import { Reporter } from '../../src/events/reporter.ts';
import { Resync } from '../../src/events/resync.ts';
import { createDelivery } from '../../src/events/status-events.ts';
import { WorkQueue } from '../../src/events/work-queue.ts';
import { MemorySource } from '../support/container-source.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { container, deployment, pod, run, running } from '../support/observed.ts';

const minute = 60_000;

const endpoints: [ContainerEndpoint, ContainerEndpoint] = [
  { address: '10.96.45.12', port: 8080, scope: 'internal' },
  { address: '203.0.113.1', port: 8443, scope: 'external' },
];

/** A reporter of which `changes` holds each report and `reported` its `id status`, with the time of it in milliseconds since the start. */
function reporterOf({ debounceMs = 500, resyncPeriodMs = 10 * minute, maxDeletedKept = 100_000 } = {}) {
  const clock = new ManualClock();
  const startedAt = clock.now();
  const source = new MemorySource(clock);
  const reported: string[] = [];
  const changes: StatusChange[] = [];
  const times: number[] = [];
  const warnings: string[] = [];
  const deliveries = new Deliveries({ maxDeleted: maxDeletedKept });
  const queue = new WorkQueue({ clock, maxRunning: 1 });
  const parts = {
    source,
    deliveries,
    queue,
    leadership: alwaysLeads,
    publisher: { connected: true, onConnect: () => undefined },
    log: pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) }),
    clock,
  };
  const looks = new Reporter({ ...parts, debounceMs });
  const resync = new Resync({ ...parts, reporter: looks, periodMs: resyncPeriodMs });
  /** What is wanted counts as confirmed at once. */
  const take = (delivery: Delivery) => {
    if (delivery.wanted === undefined) return;
    const { event } = delivery.wanted;
    changes.push(event);
    reported.push(`${event.containerId} ${event.status}`);
    times.push(clock.now() - startedAt);
    delivery.wanted = undefined;
    deliveries.noteConfirmation(delivery);
  };
  const reporter = {
    start() {
      queue.start((containerId) => {
        const delivery = deliveries.get(containerId);
        if (delivery === undefined) return undefined;
        looks.reportIfDue(delivery);
        take(delivery);
        return undefined;
      });
      looks.start();
      resync.start();
    },
    stop() {
      resync.stop();
      looks.stop();
      for (const delivery of [...deliveries.unconfirmed]) take(delivery);
      void queue.shutDownWithDrain(AbortSignal.abort());
    },
    repeatEverything: resync.repeatEverything.bind(resync),
    knows: deliveries.knows.bind(deliveries),
    endedWithin: deliveries.endedWithin.bind(deliveries),
    stored: (containerId: string) => (deliveries.get(containerId)!.seen!.isStored = true),
  };
  return { clock, source, reported, changes, times, warnings, reporter, queue };
}

async function started(options?: Parameters<typeof reporterOf>[0]) {
  const parts = reporterOf(options);
  parts.reporter.start();
  parts.source.becomeReady();
  await parts.clock.advance(0);
  return parts;
}

await t.test('reports every container once after the caches are filled', async (t) => {
  const { clock, source, reported, reporter } = reporterOf();
  for (let id = 0; id < 1_200; id++) source.setPhase(`c${id}`, 'Running');
  reporter.start();
  await clock.advance(5_000);
  t.strictSame(reported, []);
  source.becomeReady();
  await clock.advance(5_000);
  t.equal(reported.length, 1_200);
  t.equal(new Set(reported).size, 1_200);
  reporter.stop();
});

await t.test('reports the last state of a window at its end', async (t) => {
  const { clock, source, reported, times, reporter } = await started();
  source.setPhase('a', 'Pending');
  await clock.advance(400);
  source.setPhase('a', 'Running');
  await clock.advance(10_000);
  t.strictSame(reported, ['a RUNNING']);
  t.strictSame(times, [500]);
  reporter.stop();
});

await t.test('does not report a state that did not change, or came back within the window', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Running');
  await clock.advance(500);
  source.setPhase('a', 'Running');
  await clock.advance(500);
  source.setPhase('a', 'Pending');
  await clock.advance(100);
  source.setPhase('a', 'Running');
  await clock.advance(5_000);
  t.strictSame(reported, ['a RUNNING']);
  reporter.stop();
});

await t.test('reports another Deployment of the same id, though its status is that of the one before', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.set('a', { deployment: deployment({ uid: 'uid-1' }), pods: [pod()] });
  await clock.advance(500);
  source.delete('a');
  source.set('a', { deployment: deployment({ uid: 'uid-2' }), pods: [pod()] });
  await clock.advance(5_000);
  t.strictSame(reported, ['a RUNNING', 'a RUNNING']);
  source.delete('a');
  await clock.advance(500);
  source.set('a', { deployment: deployment({ uid: 'uid-3' }), pods: [pod()] });
  source.delete('a');
  await clock.advance(5_000);
  t.strictSame(reported.slice(2), ['a DELETED'], 'of one that came and went within a window there is nothing to tell');
  reporter.stop();
});

await t.test('reports a change of the message alone', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Pending');
  await clock.advance(500);
  const waiting = container({ waiting: { reason: 'ErrImagePull' } });
  source.set('a', { deployment: deployment(), pods: [pod({ phase: 'Pending', container: waiting })] });
  await clock.advance(500);
  t.strictSame(reported, ['a PENDING', 'a PENDING']);
  reporter.stop();
});

await t.test('reports a change of the endpoints alone, and no other endpoints that say the same', async (t) => {
  const { clock, source, changes, reporter } = await started();
  const [internal, external] = endpoints;
  source.setPhase('a', 'Running');
  await clock.advance(500);
  for (const each of [[internal], [internal, external], [internal, { ...external }], [external], []]) {
    source.setEndpoints('a', each);
    await clock.advance(500);
  }
  t.strictSame(
    changes.map((change) => change.endpoints),
    [[], [internal], [internal, external], [external], []],
  );
  t.ok(changes.every(({ status, message }) => status === 'RUNNING' && message === 'Container is running.'));
  reporter.stop();
});

await t.test('reports no endpoints that came and went within a window', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Running');
  await clock.advance(500);
  source.setEndpoints('a', endpoints);
  await clock.advance(100);
  source.setEndpoints('a', []);
  await clock.advance(5_000);
  t.strictSame(reported, ['a RUNNING']);
  reporter.stop();
});

await t.test('repeats the endpoints as they are, and of a container that is deleted none', async (t) => {
  const { clock, source, changes, reporter } = await started();
  source.setPhase('a', 'Running');
  source.setEndpoints('a', endpoints);
  await clock.advance(11 * minute);
  source.set('a', { deployment: deployment({ deletedAt: clock.now() }), pods: [] });
  await clock.advance(minute);
  t.strictSame(
    changes.map((change) => [change.status, change.endpoints]),
    [
      ['RUNNING', endpoints],
      ['RUNNING', endpoints],
      ['DELETED', []],
    ],
  );
  reporter.stop();
});

await t.test('reports a container that flaps forever once a window', async (t) => {
  const { clock, source, reported, reporter } = await started();
  for (let change = 0; change < 100; change++) {
    source.setPhase('a', ['Pending', 'Running', 'Failed'][change % 3]!);
    await clock.advance(70);
  }
  t.ok(reported.length >= 9 && reported.length <= 14, `${reported.length} reports in 7 s`);
  reporter.stop();
});

await t.test('does not let a container that flaps delay another', async (t) => {
  const { clock, source, reported, times, reporter } = await started();
  for (let change = 0; change < 20; change++) {
    source.setPhase('flapping', change % 2 ? 'Pending' : 'Running');
    if (change === 3) source.setPhase('calm', 'Running');
    await clock.advance(50);
  }
  t.equal(times[reported.indexOf('calm RUNNING')], 650);
  reporter.stop();
});

await t.test(
  'reports the new state alone of a container that is deleted and created again within a window',
  async (t) => {
    const { clock, source, reported, reporter } = await started();
    source.setPhase('a', 'Running');
    await clock.advance(500);
    source.delete('a');
    await clock.advance(100);
    source.setPhase('a', 'Pending');
    await clock.advance(5_000);
    t.strictSame(reported, ['a RUNNING', 'a PENDING']);
    reporter.stop();
  },
);

await t.test('reports a container that is created and deleted within a window as deleted', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Pending');
  source.delete('a');
  await clock.advance(5_000);
  t.strictSame(reported, ['a DELETED']);
  reporter.stop();
});

await t.test('says nothing of Pods whose Deployment it never saw', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.set('a', { pods: [pod()] });
  await clock.advance(5_000);
  t.strictSame(reported, []);
  reporter.stop();
});

await t.test('does not take a container for recovered while the caches are cut off', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.set('a', { deployment: deployment(), pods: [pod({ container: backUp(clock.elapsed()) })] });
  await clock.advance(2_000);
  t.strictSame(reported, ['a FAILED']);
  source.isLive = false;
  await clock.advance(5 * minute);
  t.strictSame(reported, ['a FAILED']);
  source.isLive = true;
  await clock.advance(2_000);
  t.strictSame(reported, ['a FAILED', 'a RUNNING']);
  reporter.stop();
});

await t.test('reports a container that is back up after a crash as running when it stayed up', async (t) => {
  const { clock, source, reported, times, reporter } = await started();
  const back = pod({ container: backUp(clock.elapsed()) });
  source.set('a', { deployment: deployment(), pods: [back] });
  await clock.advance(1_000);
  const timers = clock.pending;
  for (let hint = 0; hint < 10; hint++) source.set('a', { deployment: deployment(), pods: [back] });
  t.equal(clock.pending, timers, 'one look ahead, however often it is looked at');
  await clock.advance(60_000);
  t.strictSame(reported, ['a FAILED', 'a RUNNING']);
  t.strictSame(times, [500, 10_500]);
  reporter.stop();
});

await t.test('compares and repeats every container each period', async (t) => {
  const { clock, source, reported, times, reporter } = await started({ resyncPeriodMs: 10 * minute });
  for (let id = 0; id < 2_000; id++) source.setPhase(`c${id}`, 'Running');
  source.setSilently('missed', { deployment: deployment(), pods: [pod()] });
  await clock.advance(10 * minute - 1);
  t.equal(reported.length, 2_000);
  t.equal(source.resyncs, 0);
  await clock.advance(10 * minute);
  t.equal(source.resyncs, 1);
  t.equal(reported.length, 4_001);
  t.ok(reported.includes('missed RUNNING'));
  const repeats = times.slice(2_000);
  t.ok(repeats.at(-1)! - repeats[0]! > 9_000, 'spread over time');
  const perSecond = Map.groupBy(repeats, (time) => Math.floor(time / 1_000));
  t.ok(
    [...perSecond.values()].every(({ length }) => length <= 220),
    'evenly',
  );
  await clock.advance(10 * minute);
  t.equal(reported.length, 6_002);
  reporter.stop();
  t.equal(clock.pending, 0);
});

await t.test('repeats many containers within a short period', async (t) => {
  const { clock, source, reported, times, reporter } = await started({ debounceMs: 0, resyncPeriodMs: 1_000 });
  for (let id = 0; id < 3_000; id++) source.setPhase(`c${id}`, 'Running');
  await clock.advance(999);
  t.equal(reported.length, 3_000);
  await clock.advance(1_000);
  t.equal(reported.length, 6_000);
  t.ok(times.at(-1)! < 2_000);
  reporter.stop();
});

await t.test(
  'compares no more than once a second, and never twice at a time, however short the period is',
  async (t) => {
    const { clock, source, reporter } = await started({ debounceMs: 0, resyncPeriodMs: 1 });
    source.setPhase('a', 'Running');
    await clock.advance(10_000);
    t.equal(source.resyncs, 10);
    let underWay = 0;
    let most = 0;
    source.onResync = async () => {
      most = Math.max(most, ++underWay);
      await new Promise<void>((resolve) => void clock.after(5_000, resolve));
      underWay--;
    };
    await clock.advance(30_000);
    t.equal(most, 1);
    reporter.stop();
  },
);

await t.test('repeats nothing when the cluster cannot be asked, and gives up asking at the end', async (t) => {
  const { clock, source, reported, warnings, reporter } = await started();
  source.setPhase('a', 'Running');
  source.onResync = () => Promise.reject(new Error('connection refused'));
  await clock.advance(11 * minute);
  t.strictSame(reported, ['a RUNNING']);
  t.equal(warnings.length, 1);
  let asked: AbortSignal | undefined;
  source.onResync = (signal) => {
    asked = signal;
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  };
  await clock.advance(10 * minute);
  t.notOk(asked?.aborted);
  await clock.advance(10 * minute);
  t.equal(warnings.length, 2, 'a resync that hangs ends with its period');
  t.strictSame(reported, ['a RUNNING']);
  reporter.stop();
  t.ok(asked?.aborted);
  await clock.advance(0);
  t.equal(warnings.length, 2, 'stopping is no failure');
});

await t.test('repeats nothing while the caches are cut off, and everything with the next resync after', async (t) => {
  const { clock, source, reported, reporter } = await started();
  for (let id = 0; id < 1_000; id++) source.setPhase(`c${id}`, 'Running');
  source.setPhase('gone', 'Running');
  await clock.advance(minute);
  source.delete('gone');
  await clock.advance(10 * minute - minute + 2_000);
  const before = reported.length;
  t.ok(before > 1_002 && before < 2_000, 'in the middle of repeating');
  source.isLive = false;
  await clock.advance(15 * minute);
  t.equal(reported.length, before);
  source.isLive = true;
  await clock.advance(30 * minute);
  t.equal(reported.length, before + 3 * 1_001 - 1, 'DELETED was repeated twice, the rest three times');
  t.equal(reported.filter((report) => report === 'gone DELETED').length, 3);
  reporter.stop();
});

await t.test('repeats DELETED at the next two resyncs, and then forgets the container', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Running');
  await clock.advance(minute);
  source.delete('a');
  await clock.advance(60 * minute);
  t.strictSame(reported, ['a RUNNING', 'a DELETED', 'a DELETED', 'a DELETED']);
  source.set('a', { pods: [pod()] });
  await clock.advance(60 * minute);
  t.equal(reported.length, 4);
  source.setPhase('a', 'Pending');
  await clock.advance(minute);
  t.equal(reported.at(-1), 'a PENDING', 'a container of the same id is a new one');
  reporter.stop();
});

await t.test('does not repeat at a resync the DELETED that a stream has acknowledged', async (t) => {
  const { clock, source, reported, reporter } = await started();
  for (const id of ['stored', 'told']) source.setPhase(id, 'Running');
  await clock.advance(minute);
  for (const id of ['stored', 'told']) source.delete(id);
  await clock.advance(minute);
  t.strictSame(reported.slice(2), ['stored DELETED', 'told DELETED']);
  await clock.advance(10 * minute);
  t.strictSame(reported.slice(4), ['stored DELETED', 'told DELETED']);
  reporter.stored('stored');
  await clock.advance(10 * minute);
  t.strictSame(reported.slice(6), ['told DELETED']);
  t.ok(reporter.knows('stored'), 'it is remembered for as long as it would be repeated');
  await clock.advance(10 * minute);
  t.notOk(reporter.knows('stored'));
  t.notOk(reporter.knows('told'));
  reporter.stop();
});

await t.test(
  'repeats at a change of leader also what a stream has acknowledged, and for a new stream not',
  async (t) => {
    const { clock, source, reported, reporter } = await started();
    for (const id of ['stored', 'told', 'a']) source.setPhase(id, 'Running');
    await clock.advance(minute);
    for (const id of ['stored', 'told']) source.delete(id);
    await clock.advance(minute);
    reporter.stored('stored');
    reporter.repeatEverything({ evenStored: false });
    await clock.advance(minute);
    t.strictSame(reported.splice(0).slice(5).sort(), ['a RUNNING', 'told DELETED']);
    reporter.repeatEverything();
    await clock.advance(minute);
    t.strictSame(reported.splice(0).sort(), ['a RUNNING', 'stored DELETED', 'told DELETED']);
    source.isLive = false;
    reporter.repeatEverything({ evenStored: false });
    reporter.repeatEverything();
    await clock.advance(minute);
    source.isLive = true;
    await clock.advance(2_000);
    t.strictSame(
      reported.splice(0).sort(),
      ['a RUNNING', 'stored DELETED', 'told DELETED'],
      'the wider of two requests',
    );
    source.setPhase('stored', 'Running');
    await clock.advance(minute);
    source.delete('stored');
    await clock.advance(10 * minute);
    t.equal(
      reported.filter((report) => report === 'stored DELETED').length,
      2,
      'a new container of the id is repeated',
    );
    reporter.stop();
  },
);

await t.test('reports a Deployment that a finalizer holds as deleted, and repeats that no more often', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.set('a', { deployment: deployment({ deletedAt: clock.now() }), pods: [] });
  await clock.advance(100 * minute);
  t.strictSame(reported, ['a DELETED', 'a DELETED', 'a DELETED']);
  source.delete('a');
  await clock.advance(100 * minute);
  t.equal(reported.length, 3);
  reporter.stop();
});

await t.test('reports a Deployment as deleted that was being deleted before the start', async (t) => {
  const { clock, source, reported, reporter } = reporterOf();
  source.set('a', { deployment: deployment({ deletedAt: clock.now() }), pods: [pod()] });
  reporter.start();
  source.becomeReady();
  await clock.advance(minute);
  t.strictSame(reported, ['a DELETED']);
  t.ok(reporter.knows('a'));
  reporter.stop();
});

await t.test('repeats no more deletions than its bound, though a finalizer holds the oldest ones', async (t) => {
  const { clock, source, reported, reporter } = await started({ maxDeletedKept: 3 });
  const held = ['held-1', 'held-2'];
  for (const id of held) source.set(id, { deployment: deployment({ deletedAt: clock.now() }), pods: [] });
  for (let id = 0; id < 10; id++) {
    source.setPhase(`c${id}`, 'Running');
    await clock.advance(1_000);
    source.delete(`c${id}`);
    await clock.advance(1_000);
  }
  for (const id of held) source.set(id, { deployment: deployment({ deletedAt: clock.now() }), pods: [pod()] });
  await clock.advance(minute);
  const before = reported.length;
  t.equal(reported.filter((report) => report === 'held-1 DELETED').length, 1, 'no new container');
  await clock.advance(10 * minute);
  t.strictSame(reported.slice(before).sort(), ['c7 DELETED', 'c8 DELETED', 'c9 DELETED']);
  t.ok(held.every((id) => reporter.knows(id)));
  for (const id of held) source.delete(id);
  t.notOk(
    held.some((id) => reporter.knows(id)),
    'nothing is kept of them once they are gone',
  );
  reporter.stop();
});

await t.test('leaves no count of failures behind of what goes past its bound', async (t) => {
  const { clock, source, queue, reporter } = await started({ maxDeletedKept: 1 });
  for (const id of ['a', 'b']) {
    source.setPhase(id, 'Running');
    await clock.advance(1_000);
    source.delete(id);
    await clock.advance(1_000);
    if (id === 'a') queue.addRateLimited('a', { firstMs: 10_000, maxMs: 10_000 });
  }
  t.notOk(reporter.knows('a'));
  t.equal(queue.failures('a'), 0);
  reporter.stop();
});

await t.test('reports what waits for the end of its window when it stops, and nothing after', async (t) => {
  const { clock, source, reported, reporter } = await started();
  source.setPhase('a', 'Running');
  const back = pod({ container: backUp(clock.elapsed()) });
  source.set('b', { deployment: deployment(), pods: [back] });
  reporter.stop();
  t.strictSame(reported, ['a RUNNING', 'b FAILED']);
  source.setPhase('a', 'Failed');
  await clock.advance(100 * minute);
  t.equal(reported.length, 2);
  t.equal(clock.pending, 0);
});

await t.test('ends with the last status published, whatever changes, fails and is cut off meanwhile', async (t) => {
  const id = fc.constantFrom('a', 'b', 'c');
  const phase = fc.constantFrom('Pending', 'Running', 'Failed', 'Unknown', 'Succeeded');
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), id, phase }) },
    fc.record({ kind: fc.constant('missed' as const), id, phase }),
    fc.record({ kind: fc.constant('crash' as const), id }),
    fc.record({ kind: fc.constant('reach' as const), id, reached: fc.subarray(endpoints) }),
    fc.record({ kind: fc.constant('delete' as const), id }),
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 2_000 }) }) },
    fc.record({
      kind: fc.constantFrom('disconnect' as const, 'connect' as const, 'fail' as const, 'recover' as const),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new ManualClock();
      const source = new MemorySource(clock);
      const publisher = new RecordingPublisher();
      const log = pino({ level: 'silent' });
      const part = createDelivery({
        source,
        publisher,
        providerName: 'sp',
        namespace: 'containers',
        debounceMs: 500,
        resyncPeriodMs: 5_000,
        log,
        clock,
      });
      void part.start();
      source.becomeReady();
      const touched = new Set<string>();
      for (const step of steps) {
        if ('id' in step) touched.add(step.id);
        if (step.kind === 'change') source.setPhase(step.id, step.phase);
        else if (step.kind === 'missed') source.setSilently(step.id, objectsOf(step.id, { phase: step.phase }));
        else if (step.kind === 'crash') source.set(step.id, objectsOf(step.id, { container: backUp(clock.elapsed()) }));
        else if (step.kind === 'reach') source.setEndpoints(step.id, step.reached);
        else if (step.kind === 'delete') source.delete(step.id);
        else if (step.kind === 'wait') await clock.advance(step.ms);
        else if (step.kind === 'disconnect') publisher.connected = false;
        else if (step.kind === 'connect') publisher.connect();
        else {
          publisher.holding = step.kind === 'fail';
          for (const { fail } of publisher.sent.slice()) fail(new Error('not confirmed'));
        }
      }
      publisher.holding = false;
      for (const { fail } of publisher.sent.slice()) fail(new Error('not confirmed'));
      publisher.connect();
      await clock.advance(30_000);
      void part.stop(AbortSignal.timeout(10_000));
      await clock.advance(0);
      for (const containerId of touched) {
        const last = publisher.sent.findLast(({ data }) => data.id === containerId)?.data;
        const {
          status,
          message,
          endpoints: reached,
        } = source.view(containerId) ?? { status: 'DELETED', message: deletedMessage, endpoints: [] };
        if (last === undefined && status === 'DELETED') continue;
        if (last?.status !== status || last.message !== message) return false;
        const told = status === 'DELETED' ? undefined : reached.length > 0 ? reached : null;
        if (!isDeepStrictEqual(last.output_spec?.endpoints, told)) return false;
      }
      return part.stats().unconfirmed === 0;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

function objectsOf(containerId: string, changes: Parameters<typeof pod>[0]): ObservedContainerObjects {
  return { deployment: deployment({ containerId }), pods: [pod({ containerId, ...changes })] };
}

/** A container that is up again after two crashes. */
function backUp(upSince: number): ObservedContainer {
  return container(running(upSince), { restartCount: 2, lastRun: run(1) });
}

await t.test('reports the end of what nothing else was heard of, before the caches are filled too', async (t) => {
  const { clock, source, reported, changes, reporter } = reporterOf();
  reporter.start();
  source.end({ containerId: 'early', uid: 'uid-1', resourceVersion: '5' });
  await clock.advance(5_000);
  t.strictSame(reported, []);
  source.becomeReady();
  await clock.advance(5_000);
  t.strictSame(reported, ['early DELETED']);
  source.end({ containerId: 'late', uid: 'uid-2', resourceVersion: '7' });
  source.delete('late');
  await clock.advance(5_000);
  t.strictSame(reported, ['early DELETED', 'late DELETED']);
  t.equal(changes[1]?.deploymentUid, 'uid-2');
  source.end({ containerId: 'late', uid: 'uid-2', resourceVersion: '7' });
  source.delete('late');
  await clock.advance(5_000);
  t.equal(reported.length, 2, 'and once');
  reporter.stop();
});

await t.test('knows what can have come and gone within a part of the history', async (t) => {
  const { clock, source, reporter } = await started();
  for (const [id, resourceVersion] of [
    ['before', '10'],
    ['within', '11'],
    ['last', '20'],
    ['after', '21'],
    ['there', '15'],
  ] as const) {
    source.set(id, { deployment: deployment({ uid: `uid-${id}`, resourceVersion }), pods: [] });
    await clock.advance(1_000);
    source.set(id, { deployment: deployment({ uid: `uid-${id}`, resourceVersion: '100' }), pods: [] });
    if (id !== 'there') source.delete(id);
  }
  source.end({ containerId: 'unseen', uid: 'uid-unseen', resourceVersion: '12' });
  await clock.advance(1_000);
  const ended = reporter.endedWithin({ after: '10', to: '20' });
  t.strictSame([...ended].sort(), [
    ['last', 'uid-last'],
    ['unseen', 'uid-unseen'],
    ['within', 'uid-within'],
  ]);
  reporter.stop();
});

await t.test('remembers deletions for two minutes, however short the period of resyncs', async (t) => {
  const { clock, source, reporter } = await started({ resyncPeriodMs: 1_000 });
  source.set('a', { deployment: deployment({ uid: 'uid-a', resourceVersion: '5' }), pods: [] });
  await clock.advance(1_000);
  source.delete('a');
  await clock.advance(110_000);
  t.ok(reporter.endedWithin({ after: '4', to: '5' }).has('a'));
  await clock.advance(20_000);
  t.notOk(reporter.endedWithin({ after: '4', to: '5' }).has('a'));
  reporter.stop();
});
