import t from 'tap';

import { accessTokens } from '../../src/registration/access-token.ts';
import { failureOf } from '../support/cluster.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { stalls, startStalledServer } from '../support/stalled-server.ts';
import { until } from '../support/until.ts';
import { startTokenEndpoint } from '../../scripts/token-endpoint.ts';
import type { TokenEndpointOptions } from '../../scripts/token-endpoint.ts';
import { describeError } from '../../src/log/log.ts';

const { signal } = new AbortController();

/** Of a try that is waited for in vain. */
const limitMs = 300;
/** What a busy machine may add, in milliseconds. */
const slackMs = 450;

async function start(options: TokenEndpointOptions = {}) {
  const endpoint = await startTokenEndpoint(options);
  const clock = new ManualClock();
  const credentials = { tokenEndpoint: endpoint.url, clientId: 'provider:1', clientSecret: 'p@ss word' };
  return { endpoint, clock, tokens: accessTokens(credentials, clock) };
}

t.test('gives the token that is configured, whatever the registry thinks of it', async (t) => {
  const tokens = accessTokens({ token: 'abc' }, new ManualClock());
  t.equal(await tokens.get(signal), 'abc');
  tokens.forget('abc');
  t.equal(await tokens.get(signal), 'abc');
});

t.test('asks for a token with the client credentials, encoded as RFC 6749 wants them', async (t) => {
  const { endpoint, tokens } = await start();
  await using _ = endpoint;
  t.equal(await tokens.get(signal), 'token-1');
  const [request] = endpoint.requests;
  t.strictSame(request?.form, { grant_type: 'client_credentials' });
  t.equal(
    Buffer.from(request?.authorization?.slice('Basic '.length) ?? '', 'base64').toString(),
    'provider%3A1:p%40ss+word',
  );
});

for (const [expiresInSeconds, goodForMs] of [
  [300, 270_000],
  [60, 48_000],
] as const) {
  t.test(`keeps a token of ${expiresInSeconds} s for ${goodForMs / 1_000} s`, async (t) => {
    const { endpoint, tokens, clock } = await start({ expiresInSeconds });
    await using _ = endpoint;
    await tokens.get(signal);
    await clock.advance(goodForMs - 1);
    t.equal(await tokens.get(signal), 'token-1');
    await clock.advance(1);
    t.equal(await tokens.get(signal), 'token-2');
  });
}

t.test('uses a token once where it is not told how long it is good for', async (t) => {
  const { endpoint, tokens } = await start();
  await using _ = endpoint;
  await tokens.get(signal);
  t.equal(await tokens.get(signal), 'token-2');
});

t.test('gets another token in the place of one that was not taken', async (t) => {
  const { endpoint, tokens } = await start({ expiresInSeconds: 300 });
  await using _ = endpoint;
  tokens.forget(await tokens.get(signal));
  t.equal(await tokens.get(signal), 'token-2');
  tokens.forget('token-1');
  t.equal(await tokens.get(signal), 'token-2');
});

t.test('a refusal is an error with its code and nothing that was sent', async (t) => {
  const body = '{"error":"invalid_client","error_description":"p@ss word is wrong"}';
  const { endpoint, tokens } = await start({
    respond: (response) => response.writeHead(401, { 'content-type': 'application/json' }).end(body),
  });
  await using _ = endpoint;
  const error = await tokens.get(signal).catch(describeError);
  t.match(error, { type: 'AccessTokenError', message: 'the token endpoint gave no token: 401 invalid_client' });
  t.notMatch(JSON.stringify(error), 'p@ss');
});

for (const [what, respond] of [
  ['an answer that is not JSON', (response) => response.writeHead(200).end('<html>p@ss word</html>')],
  [
    'an answer without a token',
    (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  ],
  ['a redirection', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  ['a broken connection', (response) => response.destroy()],
] as [string, NonNullable<TokenEndpointOptions['respond']>][]) {
  t.test(`${what} is an error`, async (t) => {
    const { endpoint, tokens } = await start({ respond });
    await using _ = endpoint;
    const error = await tokens.get(signal).catch(describeError);
    t.match(error, { type: 'AccessTokenError', cause: { message: String } });
    t.notMatch(JSON.stringify(error), 'p@ss');
  });
}

t.test('ends at once with its signal', async (t) => {
  const ended = new AbortController();
  const { endpoint, tokens } = await start({ respond: () => ended.abort(new Error('stopping')) });
  await using _ = endpoint;
  await t.rejects(tokens.get(ended.signal), { message: 'stopping' });
});

for (const stall of stalls) {
  t.test(`where the ${stall} is waited for in vain, no try takes longer than until its signal`, async (t) => {
    await using server = await startStalledServer(stall);
    const credentials = { tokenEndpoint: server.url, clientId: 'provider', clientSecret: 'secret' };
    const startedAt = performance.now();
    const attempt = accessTokens(credentials, new ManualClock()).get(AbortSignal.timeout(limitMs));
    t.match(await failureOf(attempt), { name: 'TimeoutError' });
    t.ok(performance.now() - startedAt < limitMs + slackMs);
    if (server.connections) await until('all connections are closed', () => server.connections!() === 0);
  });
}

t.test('an answer of the token endpoint that is larger than any is not read to its end', async (t) => {
  await using server = await startStalledServer('flood');
  const credentials = { tokenEndpoint: server.url, clientId: 'provider', clientSecret: 'secret' };
  const error = await failureOf(accessTokens(credentials, new ManualClock()).get(AbortSignal.timeout(20_000)));
  t.match(error, { name: 'AccessTokenError', cause: { message: 'the answer has more than 1 MiB' } });
});
