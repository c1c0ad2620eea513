import { setImmediate as turn } from 'node:timers/promises';

import t from 'tap';

import { systemClock } from '../../src/clock.ts';
import { buildRegistration } from '../../src/registration/registry-client.ts';
import { ProviderRegistration } from '../../src/registration/registration.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';
import { until } from '../support/until.ts';
import { answer, silence, startRegistry } from '../../scripts/registry.ts';

function create(url: string, { leadership = new ManualLeadership(), refreshMs = 10 } = {}) {
  const { log, lines } = captureLog();
  const registration = new ProviderRegistration({
    registry: { url, refreshMs },
    registration: buildRegistration({ name: 'provider-1', endpoint: 'http://provider:8080' }),
    leadership,
    log,
    clock: systemClock,
  });
  return { registration, leadership, lines };
}

t.test('registers from its start to its end', async (t) => {
  await using registry = await startRegistry();
  const { registration, lines } = create(registry.url);
  await turn();
  t.equal(registry.requests.length, 0);
  registration.start();
  await registry.received(3);
  registration.stop();
  const { length } = lines;
  await turn();
  t.equal(lines.length, length);
  t.match(lines[0], { msg: 'registered' });
});

t.test('only registers while it leads, and again each time it becomes the leader', async (t) => {
  await using registry = await startRegistry();
  const leadership = new ManualLeadership(false);
  const { registration, lines } = create(registry.url, { leadership, refreshMs: 0 });
  const registered = (times: number) => until(`it is registered ${times} times`, () => lines.length === times);
  registration.start();
  t.teardown(() => registration.stop());
  await turn();
  t.equal(registry.requests.length, 0);
  for (const times of [1, 2]) {
    leadership.set(true);
    await registered(times);
    leadership.set(false);
    await turn();
    t.equal(registry.requests.length, times);
  }
});

t.test('a registry that never answers does not keep it from stopping', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { registration, lines } = create(registry.url);
  registration.start();
  await registry.received(1);
  registration.stop();
  await turn();
  t.strictSame(lines, []);
});

t.test('makes no more tries once it is stopped', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(500));
  const { registration, lines } = create(registry.url);
  registration.start();
  await until('the first try failed', () => lines.length > 0);
  registration.stop();
  await turn();
  t.equal(registry.requests.length, 1);
  t.equal(lines.length, 1);
});
