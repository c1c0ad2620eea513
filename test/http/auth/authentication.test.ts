/** Tokens on the API, against an OpenID provider that we did not write. */
import { webcrypto } from 'node:crypto';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import t from 'tap';
import type { TokenRules } from '../../../src/http/auth/authentication.ts';
import { conformingFetch } from '../../../scripts/contract/conformance.ts';
import { containerSpec, sendRaw, startHttpServer } from '../../support/http.ts';
import type { HttpServer } from '../../support/http.ts';
import { serveKeys, startOpenIdProvider } from '../../support/openid-provider.ts';
import type { OpenIdProvider } from '../../support/openid-provider.ts';
import { until } from '../../support/until.ts';

const base = '/api/v1alpha1/containers';

function rulesOf({ issuer }: OpenIdProvider, more: Partial<TokenRules> = {}): TokenRules {
  return { issuer, audience: 'containers', ...more };
}

async function list(server: HttpServer, token?: string): Promise<Response> {
  return await conformingFetch(`${server.url}${base}`, {
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
}

t.test('a token of the issuer for the audience opens every operation', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const headers = { authorization: `bearer ${await issuer.token()}` };
  const body = { spec: containerSpec() };
  const params = { path: { container_id: 'web' } };
  const created = await server.client.POST('/containers', { params: { query: { id: 'web' } }, body, headers });
  t.equal(created.response.status, 201);
  t.equal((await server.client.GET('/containers/{container_id}', { params, headers })).response.status, 200);
  t.equal((await server.client.DELETE('/containers/{container_id}', { params, headers })).response.status, 204);
  t.equal(issuer.keyRequests, 1, 'the keys are kept');
});

t.test('what is no valid token is answered 401, always with the same words', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const { privateKey } = await generateKeyPair('ES256');
  const kid = JSON.parse(Buffer.from((await issuer.token()).split('.')[0]!, 'base64url').toString()) as { kid: string };
  const forged = () => new SignJWT({ iss: issuer.issuer, aud: 'containers', exp: Math.floor(Date.now() / 1_000) + 60 });
  const secret = Buffer.alloc(32, 'k');
  const valid = await issuer.token();
  const tokens: Record<string, string | undefined> = {
    none: undefined,
    'an empty one': '',
    // Not three hexadecimal digits, which any request id may have.
    'no JWT': 'no-jwt',
    'one for another audience': await issuer.token({ audience: 'others' }),
    'one of another key by the same name': await forged()
      .setProtectedHeader({ alg: 'ES256', kid: kid.kid })
      .sign(privateKey),
    'one of an unknown key': await forged().setProtectedHeader({ alg: 'ES256', kid: 'other' }).sign(privateKey),
    'one that is signed with a shared secret': await forged()
      .setProtectedHeader({ alg: 'HS256', kid: kid.kid })
      .sign(secret),
    'one that is not signed': new UnsecuredJWT({ iss: issuer.issuer, aud: 'containers' })
      .setExpirationTime('1m')
      .encode(),
    'one with a bit that was changed': `${valid.slice(0, -6)}${valid.at(-6) === 'A' ? 'B' : 'A'}${valid.slice(-5)}`,
  };
  for (const [name, token] of Object.entries(tokens)) {
    const response = await list(server, token);
    t.equal(response.status, 401, name);
    t.equal(response.headers.get('www-authenticate'), 'Bearer', name);
    t.match(
      await response.json(),
      { type: 'UNAUTHENTICATED', detail: 'A valid bearer token is required.', instance: base },
      name,
    );
  }
  t.equal(server.repository.calls, 0);
  t.ok(issuer.keyRequests <= 2, 'unknown keys do not make us ask again and again');
  const lines = JSON.stringify(server.logLines);
  for (const token of Object.values(tokens)) if (token) t.notOk(lines.includes(token), 'no token is logged');
});

t.test('a valid token is refused beside another one, which a server on the way may have looked at', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const valid = `Authorization: Bearer ${await issuer.token()}\r\n`;
  const other = 'authorization: Bearer abc\r\n';
  const send = (request: string, ...lines: string[]) =>
    sendRaw(server.port, `${request} HTTP/1.1\r\nHost: x\r\n${lines.join('')}Connection: close\r\n\r\n`);
  t.equal((await send(`GET ${base}`, valid)).status, 200);
  for (const lines of [
    [valid, other],
    [other, valid],
    [valid, valid],
  ]) {
    const { status, headers, problem } = await send(`GET ${base}`, ...lines);
    t.equal(status, 401);
    t.equal(headers.get('www-authenticate'), 'Bearer');
    t.equal(problem.detail, 'A valid bearer token is required.');
    t.equal((await send('CONNECT x:1', ...lines)).status, 401);
  }
  t.equal((await send(`GET ${base}/health`, valid, other)).status, 200, 'where none is needed none is looked at');
});

t.test('a token must have an end, which may have passed by as much as clocks differ', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys(publicKey);
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
  const sign = (expires?: string) => {
    const token = new SignJWT({ iss: issuer.issuer, aud: ['x', 'containers'] }).setProtectedHeader({ alg: 'ES256' });
    return (expires === undefined ? token : token.setExpirationTime(expires)).sign(privateKey);
  };
  t.equal((await list(server, await sign('1m'))).status, 200);
  t.equal((await list(server, await sign('10s ago'))).status, 200);
  t.equal((await list(server, await sign('40s ago'))).status, 401);
  t.equal((await list(server, await sign())).status, 401);
});

t.test('a token of the issuer that says that it is another kind of token is none', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys(publicKey);
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
  const sign = (typ: unknown) =>
    new SignJWT({ iss: issuer.issuer, aud: 'containers' })
      .setProtectedHeader({ alg: 'ES256', ...(typ !== undefined && { typ: typ as string }) })
      .setExpirationTime('1m')
      .sign(privateKey);
  for (const typ of [undefined, 'at+jwt', 'application/at+jwt', 'JWT', 'jwt', 'AT+JWT'])
    t.equal((await list(server, await sign(typ))).status, 200, String(typ));
  const others = [
    'logout+jwt',
    'secevent+jwt',
    'dpop+jwt',
    'oauth-authz-req+jwt',
    'application/logout+jwt',
    'x/at+jwt',
    '',
  ];
  for (const typ of [...others, 'at+jwt ', null, 7, ['JWT']])
    t.equal((await list(server, await sign(typ))).status, 401, String(typ));
});

t.test('a token that does not name its key is checked with each key that fits', async (t) => {
  await using issuer = await startOpenIdProvider();
  const pairs = await Promise.all([1, 2, 3].map(() => generateKeyPair('ES256')));
  await using keys = await serveKeys(pairs[0]!.publicKey, pairs[1]!.publicKey);
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
  const sign = (index: number, audience = 'containers') =>
    new SignJWT({ iss: issuer.issuer, aud: audience })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1m')
      .sign(pairs[index]!.privateKey);
  t.equal((await list(server, await sign(0))).status, 200);
  t.equal((await list(server, await sign(1))).status, 200);
  t.equal((await list(server, await sign(1, 'others'))).status, 401);
  t.equal((await list(server, await sign(2))).status, 401);
});

t.test('a key that is too short to be used does not keep a token from the one that it was signed with', async (t) => {
  await using issuer = await startOpenIdProvider();
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
  const generate = (modulusLength: number) =>
    webcrypto.subtle.generateKey({ ...rsa, modulusLength }, true, ['sign', 'verify']);
  const [short, good] = await Promise.all([generate(1_024), generate(2_048)]);
  await using keys = await serveKeys(short.publicKey, good.publicKey);
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
  const token = await new SignJWT({ iss: issuer.issuer, aud: 'containers' })
    .setProtectedHeader({ alg: 'RS256' })
    .setExpirationTime('1m')
    .sign(good.privateKey);
  t.equal((await list(server, token)).status, 200);
});

t.test(
  'rotated keys are found by tokens that do not name them, and nobody can make us ask again and again',
  async (t) => {
    await using issuer = await startOpenIdProvider();
    const [first, second] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
    await using keys = await serveKeys(first.publicKey);
    await using next = await serveKeys(second.publicKey);
    await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
    const sign = ({ privateKey }: typeof first) =>
      new SignJWT({ iss: issuer.issuer, aud: 'containers' })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('1m')
        .sign(privateKey);
    t.equal((await list(server, await sign(first))).status, 200);
    keys.answer = next.answer;
    t.equal((await list(server, await sign(second))).status, 401, 'they were asked for a moment ago');
    t.equal(keys.requests, 1);
    await server.passTime(11_000);
    const token = await sign(second);
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await list(server, token)).status));
    t.strictSame(statuses, Array(10).fill(200));
    t.equal((await list(server, await sign(first))).status, 401);
    t.equal(keys.requests, 2);

    await server.passTime(11_000);
    keys.answer = 'nothing';
    t.equal((await list(server, await sign(first))).status, 401, 'and not 503');
    t.equal((await list(server, token)).status, 200);
  },
);

t.test('where a scope is asked for, a token without it is answered 403', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { scope: 'containers' }) });
  t.equal((await list(server, await issuer.token({ scope: 'other containers' }))).status, 200);
  for (const scope of ['', 'other']) {
    const response = await list(server, await issuer.token({ scope }));
    t.equal(response.status, 403);
    t.equal(response.headers.get('www-authenticate'), 'Bearer error="insufficient_scope", scope="containers"');
    t.match(await response.json(), { type: 'PERMISSION_DENIED' });
  }
});

t.test('nothing about a request is judged before its token, and its body is not asked for', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const message = (line: string, headers = '') => `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
  const json = 'Content-Type: application/json\r\n';
  const refused = [
    message('GET /nope'),
    message(`PUT ${base}`),
    message(`OPTIONS ${base}`),
    message(`DELETE ${base}/health`),
    message('POST /openapi.json'),
    message(`GET ${base}/%zz`),
    message(`GET ${base}/Web`),
    message(`GET ${base}`, 'host: other\r\n'),
    message(`POST ${base}`, `${json}Content-Length: 999999\r\n`),
    message(`POST ${base}`, `${json}Content-Length: 2\r\nExpect: 100-continue\r\n`),
    message(`POST ${base}`, 'Expect: the-impossible\r\n'),
    message('CONNECT localhost:80'),
  ];
  for (const sent of refused) t.equal((await sendRaw(server.port, sent)).status, 401, sent.split('\r\n')[0]!);
  t.equal((await sendRaw(server.port, 'BREW / HTTP/1.1\r\n\r\n')).status, 400, 'but what the parser refuses');

  const authorization = `Authorization: Bearer ${await issuer.token()}\r\n`;
  t.equal((await sendRaw(server.port, message('GET /nope', authorization))).status, 404);
  t.equal((await sendRaw(server.port, message(`PUT ${base}`, authorization))).status, 405);
  t.equal((await sendRaw(server.port, message(`GET ${base}/%zz`, authorization))).status, 400);
  t.equal((await sendRaw(server.port, message('CONNECT localhost:80', authorization))).status, 405);
});

t.test('health, the document and its page are open', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  for (const path of [`${base}/health`, '/openapi.json', '/openapi.yaml', '/docs/', '/docs/static/index.css']) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await conformingFetch(`${server.url}${path}`, { method })).status, 200, `${method} ${path}`);
    }
  }
  const document = (await (await conformingFetch(`${server.url}/openapi.json`)).json()) as never;
  t.match(document, { components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } } });
});

t.test('keys that were rotated are found by the first token that is signed with them', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const old = await issuer.token();
  t.equal((await list(server, old)).status, 200);
  await issuer.rotateKeys();
  t.equal((await list(server, old)).status, 200, 'as long as nobody asks for new ones the old ones count');
  await server.passTime(11_000);
  t.equal((await list(server, await issuer.token())).status, 200);
  t.equal((await list(server, old)).status, 401, 'what the issuer has withdrawn is gone');
  t.equal(issuer.keyRequests, 2);
});

t.test('old keys are fetched again, though no unknown one is seen', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const old = await issuer.token({ lifetimeSeconds: 3_600 });
  t.equal((await list(server, old)).status, 200);
  await issuer.rotateKeys();
  await server.passTime(11 * 60_000);
  t.equal((await list(server, old)).status, 200, 'used while the new ones are fetched');
  while ((await list(server, old)).status !== 401) await new Promise(setImmediate);
  t.equal(issuer.keyRequests, 2);
});

t.test('while no keys can be had: 503, unless some are cached', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const token = await issuer.token();
  issuer.isReachable = false;
  const refused = await list(server, token);
  t.equal(refused.status, 503);
  t.match(await refused.json(), { type: 'INTERNAL', detail: 'The keys that tokens are checked with cannot be had.' });
  t.equal((await list(server)).status, 401, 'no token needs no keys');
  t.equal((await conformingFetch(`${server.url}${base}/health`)).status, 200);
  t.ok(server.logLines.some(({ msg }) => /keys of the token issuer/.test(String(msg))));

  issuer.isReachable = true;
  await server.passTime(2_000);
  t.equal((await list(server, token)).status, 200);
  issuer.isReachable = false;
  await server.passTime(20 * 60_000);
  t.equal((await list(server, token)).status, 200, 'keys that are old serve on');
});

t.test('where the keys lie is told without the query, which may hold a secret', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys();
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: `${keys.url}?code=secret-1` }) });
  const token = await issuer.token();
  for (const [answer, status] of [
    ['{}', 200],
    ['', 500],
  ] as const) {
    Object.assign(keys, { answer, status });
    await server.passTime(2_000);
    t.equal((await list(server, token)).status, 503);
  }
  keys.isEndless = true;
  await server.passTime(2_000);
  t.equal((await list(server, token)).status, 503);
  t.equal(server.logLines.filter(({ msg }) => /keys of the token issuer/.test(String(msg))).length, 3);
  t.match(JSON.stringify(server.logLines), keys.url);
  t.notMatch(JSON.stringify(server.logLines), 'secret-1');
});

t.test('a token of an unknown key is 401 as well while the issuer is away, as some keys are known', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer) });
  const token = await issuer.token();
  t.equal((await list(server, token)).status, 200);
  issuer.isReachable = false;
  await server.passTime(11_000);
  const { privateKey } = await generateKeyPair('ES256');
  const forged = await new SignJWT({ iss: issuer.issuer, aud: 'containers' })
    .setProtectedHeader({ alg: 'ES256', kid: 'unknown' })
    .setExpirationTime('1m')
    .sign(privateKey);
  t.equal((await list(server, forged)).status, 401);
  t.equal((await list(server, token)).status, 200);
});

t.test('a request whose time is up while keys are waited for is answered once', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys();
  keys.isSilent = true;
  const tokens = rulesOf(issuer, { jwksUrl: keys.url });
  await using server = await startHttpServer({ tokens, timeouts: { requestMs: 300 } });
  const authorization = `Authorization: Bearer ${await issuer.token()}`;
  for (const path of [base, `${base}/%zz`, '/nope']) {
    const { status } = await sendRaw(server.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n${authorization}\r\n\r\n`);
    t.equal(status, 503, path);
  }
  await until('the keys are given up', () =>
    server.logLines.some(({ msg }) => /keys of the token issuer/.test(String(msg))),
  );
  await new Promise(setImmediate);
  t.notMatch(JSON.stringify(server.logLines), 'already sent');
});

t.test('an answer without keys leaves those that are known in place', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys(publicKey);
  const tokens = rulesOf(issuer, { jwksUrl: keys.url });
  const token = await new SignJWT({ iss: issuer.issuer, aud: 'containers' })
    .setProtectedHeader({ alg: 'ES256' })
    .setExpirationTime('1h')
    .sign(privateKey);
  const unusable = [
    '{"keys":[]}',
    '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
    '{"keys":[{}]}',
    '{"keys":{}}',
    '{}',
    'null',
    '<html>',
    '',
    `{"keys":[]${' '.repeat(2 * 1024 * 1024)}}`,
  ];
  await using server = await startHttpServer({ tokens });
  t.equal((await list(server, token)).status, 200);
  const warnings = () => server.logLines.filter(({ level }) => level === 40).length;
  for (const answer of unusable) {
    keys.answer = answer;
    const before = warnings();
    await server.passTime(11 * 60_000);
    t.equal((await list(server, token)).status, 200);
    await until('the answer was not understood', () => warnings() > before);
    t.equal((await list(server, token)).status, 200, answer.slice(0, 40));
  }

  keys.answer = '{"keys":[]}';
  await using fresh = await startHttpServer({ tokens });
  t.equal((await list(fresh, token)).status, 503);
});

t.test('an answer that is larger than any set of keys is not read to its end', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using keys = await serveKeys();
  keys.isEndless = true;
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { jwksUrl: keys.url }) });
  t.equal((await list(server, await issuer.token())).status, 503);
  t.match(JSON.stringify(server.logLines), /more than 1 MiB/);
});

t.test('a discovery document of another issuer is not believed', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: rulesOf(issuer, { issuer: `${issuer.issuer}/` }) });
  t.equal((await list(server, await issuer.token())).status, 503);
});
