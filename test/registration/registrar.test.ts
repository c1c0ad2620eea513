import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { test } from 'tap';

import { buildRegistration } from '../../src/registration/payload.ts';
import { register, TRY_TIMEOUT_MS } from '../../src/registration/registrar.ts';
import { captureLog } from '../support/log-lines.ts';
import { absentRegistry, answer, endlessBody, hangUp, silence, startRegistry } from '../support/registry.ts';

const registration = buildRegistration({ name: 'provider-1', endpoint: 'http://provider:8080' });

/**
 * Time for the registrar: delays between tries are over at once and kept in `delays`, or never when `hold` is set; a try
 * times out when the test says so.
 */
function fakeTime() {
  const delays: number[] = [];
  let expire: (() => void) | undefined;
  const time = {
    delays,
    hold: false,
    /** Ends the try that is under way as its timeout would. */
    expireTry: () => expire?.(),
    wait: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        if (ms === TRY_TIMEOUT_MS) {
          expire = resolve;
          return;
        }
        delays.push(ms);
        if (!time.hold) resolve();
      }),
  };
  return time;
}

function start(registrationUrl: string) {
  const time = fakeTime();
  const captured = captureLog();
  const stop = new AbortController();
  const ended = register(
    { registrationUrl, registration, log: captured.log, wait: time.wait, chance: () => 0 },
    stop.signal,
  );
  return { ...captured, time, ended, stop: () => stop.abort() };
}

const levels = (lines: { level: string }[]) => lines.map(({ level }) => level);

for (const status of [200, 201]) {
  test(`registers once where the registry answers ${status}`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status));
    const { ended, lines } = start(registry.url);
    await ended;
    t.strictSame(registry.requests, [
      { method: 'POST', path: '/api/v1alpha1/providers', contentType: 'application/json', body: registration },
    ]);
    t.match(lines, [{ level: 'info', msg: 'registered', status, attempt: 1 }]);
  });
}

for (const status of [202, 204, 307, 401, 403, 404, 408, 429, 500, 502, 503, 504]) {
  test(`tries again after ${status}, with a longer delay each time`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status), answer(status), answer(status));
    const { ended, lines, time } = start(registry.url);
    await ended;
    t.equal(registry.requests.length, 4);
    t.strictSame(time.delays, [1_000, 2_000, 4_000]);
    t.strictSame(levels(lines), ['warn', 'warn', 'warn', 'info']);
    t.match(lines[1], { msg: 'registration failed, will retry', status, attempt: 2, delayMs: 2_000 });
  });
}

for (const status of [400, 409, 422]) {
  test(`takes ${status} for the registry's verdict`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status, {}, '{"detail":"no such operation"}'));
    const { ended, lines } = start(registry.url);
    await ended;
    t.equal(registry.requests.length, 1);
    t.equal(lines.length, 1);
    t.match(lines[0], {
      level: 'error',
      msg: 'registration refused, will not retry',
      status,
      answer: '{"detail":"no such operation"}',
    });
  });
}

test('shows no more than the beginning of what the registry answered', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(400, {}, 'no '.repeat(100_000)));
  const { ended, lines } = start(registry.url);
  await ended;
  t.equal((lines[0]?.answer as string).length, 1_000);
});

for (const status of [429, 503]) {
  test(`waits as long as Retry-After of a ${status} asks`, async (t) => {
    await using registry = await startRegistry();
    const date = new Date(Date.now() + 90_000).toUTCString();
    registry.behave(answer(status, { 'retry-after': '7' }), answer(status, { 'retry-after': date }), answer(status));
    const { ended, time } = start(registry.url);
    await ended;
    const [seconds, untilDate, without] = time.delays;
    t.equal(seconds, 7_000);
    t.ok(untilDate! > 60_000 && untilDate! <= 90_000, `${untilDate} ms`);
    t.equal(without, 4_000);
  });
}

test('registers when a registry that was down comes up', async (t) => {
  const { url, port } = await absentRegistry();
  const { ended, lines, time, stop } = start(url);
  t.teardown(stop);
  while (time.delays.length < 2) await new Promise(setImmediate);
  await using registry = await startRegistry({ port });
  await ended;
  t.equal(registry.requests.length, 1);
  t.match(lines[0], { level: 'warn', err: { code: 'ECONNREFUSED' } });
  t.equal(lines.at(-1)?.msg, 'registered');
});

test('gives up a try that the registry does not answer, and makes another', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { ended, lines, time } = start(registry.url);
  await registry.received(1);
  t.strictSame(time.delays, []);
  time.expireTry();
  await ended;
  t.equal(registry.requests.length, 2);
  t.match(lines[0], { level: 'warn', err: { message: 'the registry did not answer in time' } });
});

test('gives up a try whose answer never ends', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(503));
  const { ended, lines, time } = start(registry.url);
  await registry.received(1);
  const expiry = setInterval(() => time.expireTry(), 20);
  t.teardown(() => clearInterval(expiry));
  await ended;
  t.equal(registry.requests.length, 2);
  t.strictSame(levels(lines), ['warn', 'info']);
});

test('is registered as soon as the status says so, whatever the body does', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(201));
  const { ended, lines } = start(registry.url);
  await ended;
  t.strictSame(levels(lines), ['info']);
});

test('tries again when the connection breaks', async (t) => {
  await using registry = await startRegistry();
  registry.behave(hangUp, hangUp);
  const { ended, time } = start(registry.url);
  await ended;
  t.strictSame(time.delays, [1_000, 2_000]);
});

test('tries again when what answers does not speak HTTP', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('-ERR unknown command\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { ended, time, stop, lines } = start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  while (time.delays.length < 2) await new Promise(setImmediate);
  stop();
  await ended;
  t.equal(lines[0]?.level, 'warn');
});

test('ends at once while it waits for the next try', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(500));
  const { ended, time, stop, lines } = start(registry.url);
  time.hold = true;
  while (time.delays.length < 1) await new Promise(setImmediate);
  stop();
  await ended;
  t.equal(registry.requests.length, 1);
  t.strictSame(levels(lines), ['warn']);
});

test('ends at once while the registry keeps it waiting', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { ended, stop, lines } = start(registry.url);
  await registry.received(1);
  stop();
  await ended;
  t.strictSame(lines, []);
});
