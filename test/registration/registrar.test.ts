import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { test } from 'tap';

import { buildRegistration } from '../../src/registration/payload.ts';
import { keepRegistered, tryTimeoutMs } from '../../src/registration/registrar.ts';
import type { RegistrarOptions } from '../../src/registration/registrar.ts';
import { captureLog } from '../support/log-lines.ts';
import { until } from '../support/until.ts';
import { absentRegistry, answer, endlessBody, hangUp, silence, startRegistry } from '../../scripts/registry.ts';

const registration = buildRegistration({ name: 'provider-1', endpoint: 'http://provider:8080' });
const refreshMs = 600_000;

/**
 * Time for the registrar: delays between tries are over at once and kept in `delays`, but for those of `held`, which the
 * test ends; a try times out when the test says so.
 */
function fakeTime() {
  const delays: number[] = [];
  const held = new Set([refreshMs]);
  const holding = new Set<() => void>();
  let expire: (() => void) | undefined;
  return {
    delays,
    held,
    /** Ends the try that is under way as its timeout would. */
    expireTry: () => expire?.(),
    /** Resolves once the registrar waits out a delay that is held. */
    idle: () => until('the registrar waits', () => holding.size > 0),
    /** Ends the delay that is held. */
    goOn() {
      for (const callback of holding) callback();
      holding.clear();
    },
    clock: {
      now: () => Date.now(),
      elapsed: () => 0,
      after(ms: number, callback: () => void) {
        if (ms === tryTimeoutMs) {
          expire = callback;
          return () => (expire = undefined);
        }
        delays.push(ms);
        if (held.has(ms)) {
          holding.add(callback);
          return () => void holding.delete(callback);
        }
        const soon = setImmediate(callback);
        return () => clearImmediate(soon);
      },
    },
  };
}

function start(url: string, more: Partial<RegistrarOptions> = {}) {
  const time = fakeTime();
  const captured = captureLog();
  const stop = new AbortController();
  const ended = keepRegistered(
    { registry: { url, refreshMs }, registration, log: captured.log, clock: time.clock, chance: () => 0, ...more },
    stop.signal,
  );
  return {
    ...captured,
    time,
    ended,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

const levels = (lines: { level: string }[]) => lines.map(({ level }) => level);

for (const status of [200, 201]) {
  test(`is registered once the registry answers ${status}`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status));
    const { time, stop, lines } = start(registry.url);
    await time.idle();
    t.match(registry.requests, [{ method: 'POST', path: '/api/v1alpha1/providers', contentType: 'application/json' }]);
    t.strictSame(registry.requests[0]?.body, registration);
    t.match(lines, [{ level: 'info', msg: 'registered', status, attempt: 1 }]);
    await stop();
  });
}

test('registers again after each refresh period, and says so aloud only where the registry had forgotten', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(201), answer(200), answer(201));
  const { time, stop, lines } = start(registry.url);
  for (const count of [1, 2, 3]) {
    await time.idle();
    t.equal(registry.requests.length, count);
    time.goOn();
  }
  await time.idle();
  await stop();
  t.strictSame(time.delays, [refreshMs, refreshMs, refreshMs, refreshMs]);
  t.match(lines, [
    { level: 'info', msg: 'registered', status: 201 },
    { level: 'debug', msg: 'registration refreshed', status: 200 },
    { level: 'info', msg: 'registered', status: 201 },
    { level: 'info', msg: 'registered', status: 201 },
  ]);
});

test('registers once where no refresh is wanted', async (t) => {
  await using registry = await startRegistry();
  const { ended, time } = start(registry.url, { registry: { url: registry.url, refreshMs: 0 } });
  await ended;
  t.equal(registry.requests.length, 1);
  t.strictSame(time.delays, []);
});

test('a refresh that fails is retried as the first registration is', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(201), answer(503), answer(503), answer(200));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  time.goOn();
  await registry.received(4);
  await time.idle();
  await stop();
  t.strictSame(time.delays, [refreshMs, 1_000, 2_000, refreshMs]);
  t.strictSame(levels(lines), ['info', 'warn', 'warn', 'info']);
});

for (const status of [202, 204, 307, 401, 403, 404, 408, 429, 500, 502, 503, 504]) {
  test(`tries again after ${status}, with a longer delay each time`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status), answer(status), answer(status));
    const { time, stop, lines } = start(registry.url);
    await time.idle();
    await stop();
    t.equal(registry.requests.length, 4);
    t.strictSame(time.delays, [1_000, 2_000, 4_000, refreshMs]);
    t.strictSame(levels(lines), ['warn', 'warn', 'warn', 'info']);
    t.match(lines[1], { msg: 'registration failed, will retry', status, attempt: 2, delayMs: 2_000 });
  });
}

for (const status of [400, 409, 422]) {
  test(`tries a refusal (${status}) again each minute, and says the same answer once`, async (t) => {
    await using registry = await startRegistry();
    const refusal = answer(status, {}, '{"detail":"database is locked"}');
    registry.behave(refusal, refusal, refusal, answer(status, {}, '{"detail":"no such operation"}'));
    const { time, stop, lines } = start(registry.url);
    await time.idle();
    await stop();
    t.equal(registry.requests.length, 5);
    t.strictSame(time.delays, [60_000, 60_000, 60_000, 60_000, refreshMs]);
    t.match(lines, [
      { level: 'error', msg: 'registration refused, will retry', status, answer: '{"detail":"database is locked"}' },
      { level: 'debug', msg: 'registration refused as before, will retry', status, attempt: 2 },
      { level: 'debug', msg: 'registration refused as before, will retry', status, attempt: 3 },
      { level: 'error', msg: 'registration refused, will retry', status, answer: '{"detail":"no such operation"}' },
      { level: 'info', msg: 'registered', attempt: 5 },
    ]);
  });
}

test('says a refusal again that comes after a success', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(400), answer(201), answer(400));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  time.goOn();
  await registry.received(4);
  await time.idle();
  await stop();
  t.strictSame(levels(lines), ['error', 'info', 'error', 'info']);
});

test('shows no more than the beginning of what the registry answered', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(400, {}, 'no '.repeat(100_000)));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  await stop();
  t.equal((lines[0]?.['answer'] as string).length, 1_000);
});

for (const status of [429, 503]) {
  test(`waits as long as Retry-After of a ${status} asks`, async (t) => {
    await using registry = await startRegistry();
    const date = new Date(Date.now() + 90_000).toUTCString();
    registry.behave(answer(status, { 'retry-after': '7' }), answer(status, { 'retry-after': date }), answer(status));
    const { time, stop } = start(registry.url);
    await time.idle();
    await stop();
    const [seconds, untilDate, without] = time.delays;
    t.equal(seconds, 7_000);
    t.ok(untilDate! > 60_000 && untilDate! <= 90_000, `${untilDate} ms`);
    t.equal(without, 4_000);
  });
}

test('registers when a registry that was down comes up', async (t) => {
  const { url, port } = await absentRegistry();
  const { time, stop, lines } = start(url);
  t.teardown(stop);
  await until('two tries failed', () => time.delays.length >= 2);
  await using registry = await startRegistry({ port });
  await time.idle();
  t.equal(registry.requests.length, 1);
  t.match(lines[0], { level: 'warn', err: { code: 'ECONNREFUSED' } });
  t.equal(lines.at(-1)?.msg, 'registered');
});

test('gives up a try that the registry does not answer, and makes another', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { time, stop, lines } = start(registry.url);
  await registry.received(1);
  t.strictSame(time.delays, []);
  time.expireTry();
  await time.idle();
  await stop();
  t.equal(registry.requests.length, 2);
  t.match(lines[0], { level: 'warn', err: { message: 'the registry did not answer in time' } });
});

test('gives up a try whose answer never ends', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(503));
  const { time, stop, lines } = start(registry.url);
  await registry.received(1);
  const expiry = setInterval(() => time.expireTry(), 20);
  t.teardown(() => clearInterval(expiry));
  await time.idle();
  await stop();
  t.equal(registry.requests.length, 2);
  t.strictSame(levels(lines), ['warn', 'info']);
});

test('is registered as soon as the status says so, whatever the body does', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(201));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  await stop();
  t.strictSame(levels(lines), ['info']);
});

test('tries again when the connection breaks', async (t) => {
  await using registry = await startRegistry();
  registry.behave(hangUp, hangUp);
  const { time, stop } = start(registry.url);
  await time.idle();
  await stop();
  t.strictSame(time.delays, [1_000, 2_000, refreshMs]);
});

test('tries again when what answers does not speak HTTP', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('-ERR unknown command\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { time, stop, lines } = start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await until('two tries failed', () => time.delays.length >= 2);
  await stop();
  t.equal(lines[0]?.level, 'warn');
});

for (const [state, status, delayMs] of [
  ['for the next try', 500, 1_000],
  ['for the next try after a refusal', 400, 60_000],
  ['for the next refresh', 201, refreshMs],
] as const) {
  test(`ends at once while it waits ${state}`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status));
    const { time, stop, lines } = start(registry.url);
    time.held.add(delayMs);
    await time.idle();
    await stop();
    t.equal(registry.requests.length, 1);
    t.equal(lines.length, 1);
  });
}

test('ends at once while the registry keeps it waiting', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { stop, lines } = start(registry.url);
  await registry.received(1);
  await stop();
  t.strictSame(lines, []);
});

test('sends its access token, gets another after a 401, and shows it in no log', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(401), answer(400, {}, 'not with Bearer secret-2'));
  const forgotten: string[] = [];
  let made = 0;
  const tokens = {
    get: () => Promise.resolve(`secret-${forgotten.length === made ? (made += 1) : made}`),
    forget: (token: string) => void forgotten.push(token),
  };
  const { time, stop, lines } = start(registry.url, { tokens });
  await time.idle();
  await stop();
  t.strictSame(
    registry.requests.map(({ authorization }) => authorization),
    ['Bearer secret-1', 'Bearer secret-2', 'Bearer secret-2'],
  );
  t.strictSame(forgotten, ['secret-1']);
  t.notMatch(JSON.stringify(lines), 'secret-');
});

test('retries a try for which there is no access token', async (t) => {
  await using registry = await startRegistry();
  const answers = [Promise.reject(new Error('the token endpoint is away')), Promise.resolve('abc')];
  const tokens = { get: () => answers.shift()!, forget: () => undefined };
  const { time, stop, lines } = start(registry.url, { tokens });
  await time.idle();
  await stop();
  t.match(lines, [{ level: 'warn', err: { message: 'the token endpoint is away' } }, { level: 'info' }]);
  t.equal(registry.requests.length, 1);
});
