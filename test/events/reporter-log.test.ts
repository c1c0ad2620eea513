/** What the log tells of containers' lives: a line where one comes to be, changes its status, and is gone. */
import t from 'tap';
import { createDelivery } from '../../src/events/status-events.ts';
import { alwaysLeads } from '../../src/leadership/leadership.ts';
import { MemorySource } from '../support/container-source.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { captureLog } from '../support/log-lines.ts';
import type { LogLine } from '../support/log-lines.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';
import { deployment, pod } from '../support/observed.ts';

async function started(prepare: (source: MemorySource) => void, { leads = true, hasPeers = false } = {}) {
  const clock = new ManualClock();
  const source = new MemorySource(clock);
  const { log, lines } = captureLog();
  const leadership = hasPeers ? new ManualLeadership(leads) : alwaysLeads;
  prepare(source);
  const part = createDelivery({
    source,
    publisher: new RecordingPublisher(),
    leadership,
    providerName: 'sp',
    namespace: 'containers',
    debounceMs: 500,
    resyncPeriodMs: 600_000,
    log,
    clock,
  });
  const reporter = { stop: () => void part.stop(AbortSignal.abort()) };
  await part.start();
  source.becomeReady();
  await clock.advance(1_000);
  const isConfirmation = ({ msg }: LogLine) => msg === 'status event confirmed';
  const confirmed: string[] = [];
  /** What was told since it was last asked for, but for the confirmations. */
  const told = () => {
    const fresh = lines.splice(0);
    for (const { containerId, status, level } of fresh.filter(isConfirmation))
      confirmed.push(`${String(containerId)} ${String(status)} ${level}`);
    return fresh.filter((line) => !isConfirmation(line)).map(({ level: _level, time: _time, ...line }) => line);
  };
  const end = (containerId: string, byRequest: boolean) => {
    const { uid, resourceVersion } = source.view(containerId)!;
    source.end({ containerId, uid, resourceVersion, ...(byRequest && { byRequest: true }) });
    source.delete(containerId);
  };
  return { source, clock, reporter, told, end, confirmed };
}

t.test('tells of a container from its beginning to its end', async (t) => {
  const { source, clock, reporter, told, end, confirmed } = await started(() => undefined);
  source.setPhase('web', 'Pending');
  await clock.advance(500);
  t.match(told(), [{ msg: 'container came to be', containerId: 'web', status: 'PENDING' }]);
  source.setPhase('web', 'Running');
  await clock.advance(500);
  t.match(told(), [{ msg: 'container changed', containerId: 'web', from: 'PENDING', status: 'RUNNING' }]);
  end('web', true);
  await clock.advance(500);
  t.match(told(), [{ msg: 'container is gone', containerId: 'web', cause: 'request' }]);
  await clock.advance(1_200_000);
  t.strictSame(told(), [], 'repeats are no news');
  const repeats = ['web DELETED debug', 'web DELETED debug'];
  t.strictSame(confirmed, ['web PENDING info', 'web RUNNING info', 'web DELETED info', ...repeats]);
  reporter.stop();
});

t.test('tells that one was not removed by a request, or that this replica cannot know', async (t) => {
  for (const [hasPeers, cause] of [
    [false, 'outside'],
    [true, 'outside, or a request to another replica'],
  ] as const) {
    const { clock, reporter, told, end } = await started((source) => source.setPhase('web', 'Running'), { hasPeers });
    end('web', false);
    await clock.advance(500);
    t.match(told(), [{ msg: 'container is gone', containerId: 'web', cause }]);
    reporter.stop();
  }
});

t.test('does not tell of what was there at the start, nor where another replica leads', async (t) => {
  const before = await started((source) => source.setPhase('old', 'Running'));
  t.strictSame(before.told(), []);
  before.source.setPhase('old', 'Failed');
  await before.clock.advance(500);
  t.match(before.told(), [{ msg: 'container changed', from: 'RUNNING', status: 'FAILED' }]);
  before.reporter.stop();

  const follower = await started(() => undefined, { leads: false, hasPeers: true });
  follower.source.setPhase('web', 'Running');
  await follower.clock.advance(500);
  t.strictSame(follower.told(), []);
  follower.reporter.stop();
});

t.test('tells of both where a container was made anew within one window', async (t) => {
  const { source, clock, reporter, told } = await started((source) => source.setPhase('web', 'Running'));
  source.set('web', {
    deployment: deployment({ containerId: 'web', uid: 'another' }),
    pods: [pod({ containerId: 'web', phase: 'Pending' })],
  });
  await clock.advance(500);
  t.match(told(), [
    { msg: 'container is gone', containerId: 'web' },
    { msg: 'container came to be', containerId: 'web', status: 'PENDING' },
  ]);
  reporter.stop();
});

t.test('a change of the message alone is no line', async (t) => {
  const { source, clock, reporter, told } = await started((source) => source.setPhase('web', 'Pending'));
  source.set('web', { deployment: deployment({ containerId: 'web', replicas: 1 }), pods: [] });
  await clock.advance(500);
  t.strictSame(told(), []);
  reporter.stop();
});
