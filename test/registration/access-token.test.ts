import { test } from 'tap';

import { accessTokens } from '../../src/registration/access-token.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startTokenEndpoint } from '../../scripts/token-endpoint.ts';
import type { TokenEndpointOptions } from '../../scripts/token-endpoint.ts';
import { describeError } from '../../src/log/error.ts';

const { signal } = new AbortController();

async function start(options: TokenEndpointOptions = {}) {
  const endpoint = await startTokenEndpoint(options);
  const clock = new ManualClock();
  const credentials = { tokenEndpoint: endpoint.url, clientId: 'provider:1', clientSecret: 'p@ss word' };
  return { endpoint, clock, tokens: accessTokens(credentials, clock) };
}

test('gives the token that is configured, whatever the registry thinks of it', async (t) => {
  const tokens = accessTokens({ token: 'abc' }, new ManualClock());
  t.equal(await tokens.get(signal), 'abc');
  tokens.forget('abc');
  t.equal(await tokens.get(signal), 'abc');
});

test('asks for a token with the client credentials, encoded as RFC 6749 wants them', async (t) => {
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
  test(`keeps a token of ${expiresInSeconds} s for ${goodForMs / 1_000} s`, async (t) => {
    const { endpoint, tokens, clock } = await start({ expiresInSeconds });
    await using _ = endpoint;
    await tokens.get(signal);
    await clock.advance(goodForMs - 1);
    t.equal(await tokens.get(signal), 'token-1');
    await clock.advance(1);
    t.equal(await tokens.get(signal), 'token-2');
  });
}

test('uses a token once where it is not told how long it is good for', async (t) => {
  const { endpoint, tokens } = await start();
  await using _ = endpoint;
  await tokens.get(signal);
  t.equal(await tokens.get(signal), 'token-2');
});

test('gets another token in the place of one that was not taken', async (t) => {
  const { endpoint, tokens } = await start({ expiresInSeconds: 300 });
  await using _ = endpoint;
  tokens.forget(await tokens.get(signal));
  t.equal(await tokens.get(signal), 'token-2');
  tokens.forget('token-1');
  t.equal(await tokens.get(signal), 'token-2');
});

test('a refusal is an error with its code and nothing that was sent', async (t) => {
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
  test(`${what} is an error`, async (t) => {
    const { endpoint, tokens } = await start({ respond });
    await using _ = endpoint;
    const error = await tokens.get(signal).catch(describeError);
    t.match(error, { type: 'AccessTokenError', cause: { message: String } });
    t.notMatch(JSON.stringify(error), 'p@ss');
  });
}

test('ends at once with its signal', async (t) => {
  const ended = new AbortController();
  const { endpoint, tokens } = await start({ respond: () => ended.abort(new Error('stopping')) });
  await using _ = endpoint;
  await t.rejects(tokens.get(ended.signal), { message: 'stopping' });
});
