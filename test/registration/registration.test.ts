import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

import t from 'tap';
import { systemClock } from '../../src/clock.ts';

import { buildRegistration } from '../../src/registration/registry-client.ts';
import { ProviderRegistration, keepRegistered } from '../../src/registration/registration.ts';
import type { RegistrarOptions } from '../../src/registration/registration.ts';
import { makeCertificate } from '../support/certificate.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';
import { until } from '../support/until.ts';
import { absentRegistry, answer, endlessBody, hangUp, silence, startRegistry } from '../../scripts/registry.ts';

const registration = buildRegistration({ name: 'provider-1', endpoint: 'http://provider:8080' });
const refreshMs = 600_000;
/** What a try may take. */
const tryMs = 30_000;

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
        if (ms === tryMs) {
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
    { registry: { url, refreshMs }, registration, log: captured.log, clock: time.clock, random: () => 1, ...more },
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

const pairOf = async ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
  cert: await readFile(certFile),
  key: await readFile(keyFile),
});

const levels = (lines: { level: string }[]) => lines.map(({ level }) => level);

for (const status of [200, 201]) {
  t.test(`is registered once the registry answers ${status}`, async (t) => {
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

t.test(
  'registers again after each refresh period, and says so aloud only where the registry had forgotten',
  async (t) => {
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
  },
);

t.test('registers once where no refresh is wanted', async (t) => {
  await using registry = await startRegistry();
  const { ended, time } = start(registry.url, { registry: { url: registry.url, refreshMs: 0 } });
  await ended;
  t.equal(registry.requests.length, 1);
  t.strictSame(time.delays, []);
});

t.test('a refresh that fails is retried as the first registration is', async (t) => {
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

for (const status of [202, 204, 401, 403, 404, 408, 429, 500, 502, 503, 504]) {
  t.test(`tries again after ${status}, with a longer delay each time`, async (t) => {
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
  t.test(`tries a refusal (${status}) again each minute, and says the same answer once`, async (t) => {
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

for (const status of [307, 308]) {
  t.test(`follows a redirect (${status}) on the same host with all that it sends`, async (t) => {
    await using registry = await startRegistry();
    await using moved = await startRegistry();
    registry.behave(answer(status, { location: '/v2/providers?from=v1' }), answer(status, { location: moved.url }));
    const tokens = { get: () => Promise.resolve('secret'), forget: () => undefined };
    const { time, stop, lines } = start(registry.url, { tokens });
    await time.idle();
    await stop();
    const sent = {
      method: 'POST',
      contentType: 'application/json',
      authorization: 'Bearer secret',
      body: registration,
    };
    t.strictSame(registry.requests, [
      { ...sent, path: '/api/v1alpha1/providers' },
      { ...sent, path: '/v2/providers?from=v1' },
    ]);
    t.strictSame(moved.requests, [{ ...sent, path: '/api/v1alpha1' }]);
    t.match(lines, [{ level: 'info', msg: 'registered', status: 201, attempt: 1 }]);
  });
}

t.test('follows a redirect to https on the same host, and not one from there to http', async (t) => {
  await using registry = await startRegistry();
  await using certificate = await makeCertificate();
  const paths: string[] = [];
  const secure = createTlsServer(await pairOf(certificate), (request, response) => {
    paths.push(request.url!);
    if (paths.length === 1) response.writeHead(201).end();
    else response.writeHead(307, { location: registry.url }).end();
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  t.teardown(() => secure.close());
  const secureUrl = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  const authorities = getCACertificates();
  t.teardown(() => setDefaultCACertificates(authorities));
  setDefaultCACertificates([...authorities, await readFile(certificate.certFile, 'utf8')]);

  registry.behave(answer(308, { location: `${secureUrl}/moved` }), answer(308, { location: `${secureUrl}/back` }));
  const { time, stop, lines } = start(registry.url);
  time.held.add(60_000);
  await time.idle();
  time.goOn();
  await registry.received(2);
  await time.idle();
  await stop();
  t.strictSame(paths, ['/moved', '/back']);
  t.equal(registry.requests.length, 2);
  t.match(lines, [
    { level: 'info', msg: 'registered', status: 201 },
    { level: 'error', msg: 'registration refused, will retry', status: 307, location: registry.url },
  ]);
});

t.test('follows five redirects of a try and no more, and says where the next one led', async (t) => {
  await using registry = await startRegistry();
  registry.behave(...Array.from({ length: 6 }, (_, turn) => answer(307, { location: `/turn-${turn}` })));
  const { time, stop, lines } = start(registry.url);
  time.held.add(60_000);
  await time.idle();
  await stop();
  t.equal(registry.requests.length, 6);
  t.match(lines, [{ level: 'error', status: 307, location: '/turn-5', delayMs: 60_000 }]);
});

for (const [what, status, location] of [
  ['to another host', 307, 'http://localhost:1/api'],
  ['to what is no web address', 308, 'ftp://127.0.0.1/'],
  ['to what is no URL', 308, 'http://:99999'],
  ['to nowhere', 307, undefined],
  ['that makes a GET of it', 301, '/moved'],
  ['that makes a GET of it', 302, '/moved'],
  ['that makes a GET of it', 303, '/moved'],
] as const) {
  t.test(`takes a redirect (${status}) ${what} for a refusal, and says once where it leads`, async (t) => {
    await using registry = await startRegistry();
    const redirect = answer(status, location === undefined ? {} : { location });
    registry.behave(redirect, redirect, answer(status, { location: 'https://secret.example' }));
    const tokens = { get: () => Promise.resolve('secret'), forget: () => undefined };
    const { time, stop, lines } = start(registry.url, { tokens });
    await time.idle();
    await stop();
    t.equal(registry.requests.length, 4);
    t.strictSame(time.delays, [60_000, 60_000, 60_000, refreshMs]);
    t.match(lines, [
      { level: 'error', msg: 'registration refused, will retry', status, location },
      { level: 'debug', msg: 'registration refused as before, will retry', status },
      { level: 'error', status, location: 'https://[token].example' },
      { level: 'info', msg: 'registered' },
    ]);
  });
}

t.test('says a refusal again that comes after a success', async (t) => {
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

t.test('shows no more than the beginning of what the registry answered', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(400, {}, 'no '.repeat(100_000)));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  await stop();
  t.equal((lines[0]?.['answer'] as string).length, 1_000);
});

for (const status of [429, 503]) {
  t.test(`waits as long as Retry-After of a ${status} asks`, async (t) => {
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

t.test('registers when a registry that was down comes up', async (t) => {
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

t.test('gives up a try that the registry does not answer, and makes another', async (t) => {
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

t.test('gives up a try whose answer never ends', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(503));
  const { time, stop, lines } = start(registry.url);
  await registry.received(1);
  // Of the first try alone: a busy machine may take as long for the second.
  const expiry = setInterval(() => lines.length === 0 && time.expireTry(), 20);
  t.teardown(() => clearInterval(expiry));
  await time.idle();
  await stop();
  t.equal(registry.requests.length, 2);
  t.strictSame(levels(lines), ['warn', 'info']);
});

t.test('is registered as soon as the status says so, whatever the body does', async (t) => {
  await using registry = await startRegistry();
  registry.behave(endlessBody(201));
  const { time, stop, lines } = start(registry.url);
  await time.idle();
  await stop();
  t.strictSame(levels(lines), ['info']);
});

t.test('tries again when the connection breaks', async (t) => {
  await using registry = await startRegistry();
  registry.behave(hangUp, hangUp);
  const { time, stop } = start(registry.url);
  await time.idle();
  await stop();
  t.strictSame(time.delays, [1_000, 2_000, refreshMs]);
});

t.test('tries again when what answers does not speak HTTP', async (t) => {
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
  t.test(`ends at once while it waits ${state}`, async (t) => {
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

t.test('ends at once while the registry keeps it waiting', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { stop, lines } = start(registry.url);
  await registry.received(1);
  await stop();
  t.strictSame(lines, []);
});

t.test('sends its access token, gets another after a 401, and shows it in no log', async (t) => {
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

t.test('retries a try for which there is no access token', async (t) => {
  await using registry = await startRegistry();
  const answers = [Promise.reject(new Error('the token endpoint is away')), Promise.resolve('abc')];
  const tokens = { get: () => answers.shift()!, forget: () => undefined };
  const { time, stop, lines } = start(registry.url, { tokens });
  await time.idle();
  await stop();
  t.match(lines, [{ level: 'warn', err: { message: 'the token endpoint is away' } }, { level: 'info' }]);
  t.equal(registry.requests.length, 1);
});

function createPart(url: string, { leadership = new ManualLeadership(), refreshMs = 10 } = {}) {
  const { log, lines } = captureLog();
  const part = new ProviderRegistration({
    registry: { url, refreshMs },
    registration,
    leadership,
    log,
    clock: systemClock,
  });
  return { part, leadership, lines };
}

t.test('registers from its start to its end', async (t) => {
  await using registry = await startRegistry();
  const { part, lines } = createPart(registry.url);
  await turn();
  t.equal(registry.requests.length, 0);
  part.start();
  await registry.received(3);
  part.stop();
  const { length } = lines;
  await turn();
  t.equal(lines.length, length);
  t.match(lines[0], { msg: 'registered' });
});

t.test('only registers while it leads, and again each time it becomes the leader', async (t) => {
  await using registry = await startRegistry();
  const leadership = new ManualLeadership(false);
  const { part, lines } = createPart(registry.url, { leadership, refreshMs: 0 });
  const registered = (times: number) => until(`it is registered ${times} times`, () => lines.length === times);
  part.start();
  t.teardown(() => part.stop());
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
  const { part, lines } = createPart(registry.url);
  part.start();
  await registry.received(1);
  part.stop();
  await turn();
  t.strictSame(lines, []);
});

t.test('makes no more tries once it is stopped', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(500));
  const { part, lines } = createPart(registry.url);
  part.start();
  await until('the first try failed', () => lines.length > 0);
  part.stop();
  await turn();
  t.equal(registry.requests.length, 1);
  t.equal(lines.length, 1);
});
