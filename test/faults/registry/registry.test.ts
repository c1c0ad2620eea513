import t from 'tap';

import { createContainer, readContainer } from '../../support/containers.ts';
import { healed, healthOf, onlyWithAll } from '../../support/faults.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { absentRegistry, answer, silence, startRegistry } from '../../../scripts/registry.ts';
import { startSystem } from '../../support/system.ts';
import { startTokenEndpoint } from '../../../scripts/token-endpoint.ts';

t.test('a registry that is down is tried until it is up', async (t) => {
  const { url, port } = await absentRegistry();
  await using system = await startSystem({ env: { DCM_REGISTRATION_URL: url } });
  const { client, provider } = system;
  await createContainer(client, 'unregistered');
  const failure = await provider.logged(isFailure(2));
  t.equal(failure.level, 'warn');
  t.match(JSON.stringify(failure['err']), 'ECONNREFUSED');
  t.equal(await healthOf(provider), 'healthy');

  await using registry = await startRegistry({ port });
  t.match(await provider.logged(isEnd), { level: 'info', msg: 'registered' });
  t.equal(registry.requests.length, 1);
  await healed(system);
});

t.test('a registry that answers 429, 503 and 500 is tried again, and not before it wants to be', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(429, { 'retry-after': '3' }), answer(503), answer(500));
  await using system = await startSystem({ env: { DCM_REGISTRATION_URL: registry.url } });
  const { provider } = system;
  t.match(await provider.logged(isEnd), { msg: 'registered', attempt: 4 });
  const failures = provider.log.filter(isFailure(1));
  t.match(failures, [
    { level: 'warn', status: 429, attempt: 1 },
    { level: 'warn', status: 503, attempt: 2 },
    { level: 'warn', status: 500, attempt: 3 },
  ]);
  const [first, second] = failures.map(({ time }) => Date.parse(time));
  t.ok(second! - first! >= 3_000, 'the second try is later than Retry-After asks for');
  await healed(system);
});

for (const status of [400, 409]) {
  t.test(`a registry that answers ${status} is an error that delays nothing`, async (t) => {
    await using registry = await startRegistry();
    registry.behave(answer(status, { 'content-type': 'application/problem+json' }, '{"detail":"no, thank you"}'));
    await using system = await startSystem({ env: { DCM_REGISTRATION_URL: registry.url } });
    const { provider } = system;
    t.match(await provider.logged(isRefusal), { level: 'error', status, answer: /no, thank you/, delayMs: 60_000 });
    await healed(system);
    t.equal(await provider.stop(), 0);
    t.strictSame(provider.log.filter(isFailure(1)), []);
  });
}

t.test('a registry whose database was locked is asked again after a minute', onlyWithAll, async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(400, {}, '{"type":"create-error"}'));
  await using system = await startSystem({ env: { DCM_REGISTRATION_URL: registry.url } });
  const { provider } = system;
  await provider.logged(isRefusal);
  await registry.received(2);
  t.match(await provider.logged(({ msg }) => msg === 'registered'), { attempt: 2 });
});

t.test('a registry that lost its data knows the provider again after the refresh period', async (t) => {
  await using registry = await startRegistry();
  await using system = await startSystem({
    env: { DCM_REGISTRATION_URL: registry.url, SP_REGISTRATION_REFRESH: '1s' },
  });
  await registry.received(3);
  t.equal(new Set(registry.requests.map(({ body }) => JSON.stringify(body))).size, 1, 'the same each time');
  await healed(system);
});

t.test('a registry that wants a token gets the one of the token endpoint, and no log shows it', async (t) => {
  await using registry = await startRegistry();
  await using tokens = await startTokenEndpoint();
  await using system = await startSystem({
    env: {
      DCM_REGISTRATION_URL: registry.url,
      SP_REGISTRATION_REFRESH: '1s',
      DCM_AUTH_TOKEN_ENDPOINT: tokens.url,
      DCM_AUTH_CLIENT_ID: 'provider',
      DCM_AUTH_CLIENT_SECRET: 'p@ss word',
    },
  });
  await registry.received(2);
  t.equal(registry.requests[0]?.authorization, 'Bearer token-1');
  t.notMatch(JSON.stringify(system.provider.log), /token-1|p@ss word/);
});

t.test('a registry that hangs delays neither the start nor a request nor the end', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  await using system = await startSystem({ env: { DCM_REGISTRATION_URL: registry.url } });
  const { client, events, provider } = system;
  await registry.received(1);
  await createContainer(client, 'web');
  await events.waitFor('web', 'RUNNING');
  t.equal((await readContainer(client, 'web')).status, 'RUNNING');
  await healed(system);
  t.strictSame(provider.log.filter(isAboutRegistration), [], 'the try is still under way');
  const start = performance.now();
  t.equal(await provider.stop(), 0);
  const tookMs = performance.now() - start;
  t.ok(tookMs < 5_000, `${Math.round(tookMs)} ms`);
  t.strictSame(provider.log.filter(isAboutRegistration), []);
});

t.test('a registry that hangs is given up after half a minute, and asked again', onlyWithAll, async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  await using system = await startSystem({ env: { DCM_REGISTRATION_URL: registry.url } });
  const { provider } = system;
  t.match(await provider.logged(isFailure(1)), { err: { message: 'the registry did not answer in time' } });
  t.match(await provider.logged(isEnd), { msg: 'registered', attempt: 2 });
  await healed(system);
});

function isFailure(attempt: number): (line: LogLine) => boolean {
  return (line) => line.msg === 'registration failed, will retry' && Number(line['attempt']) >= attempt;
}

/** Of the tries, one way or the other. */
function isEnd({ msg }: LogLine): boolean {
  return msg === 'registered' || isRefusal({ msg });
}

function isRefusal({ msg }: Pick<LogLine, 'msg'>): boolean {
  return msg === 'registration refused, will retry';
}

function isAboutRegistration(line: LogLine): boolean {
  return isFailure(1)(line) || isEnd(line);
}
