/** TLS: who gets a connection, and certificates that are renewed while the server runs. */
import { once } from 'node:events';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { AgentOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import t from 'tap';
import { makeCertificate } from '../../support/certificate.ts';
import type { TestCertificate } from '../../support/certificate.ts';
import { openRaw, startHttpServer } from '../../support/http.ts';
import type { HttpServer } from '../../support/http.ts';
import { until } from '../../support/until.ts';

const health = '/api/v1alpha1/containers/health';

interface Seen {
  status: number;
  /** The client's port: the same for requests on one connection. */
  port: number;
}

/** Rejects where there is no connection. */
async function get(server: HttpServer, agent: Agent): Promise<Seen> {
  const sent = request({ host: '127.0.0.1', port: server.port, path: health, agent });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const port = answer.socket.localPort!;
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode!, port };
}

async function once200(server: HttpServer, options: AgentOptions): Promise<Seen> {
  const agent = new Agent(options);
  try {
    return await get(server, agent);
  } finally {
    agent.destroy();
  }
}

async function agentOptions(server: TestCertificate, client?: TestCertificate): Promise<AgentOptions> {
  return {
    ca: await readFile(server.certFile),
    ...(client && { cert: await readFile(client.certFile), key: await readFile(client.keyFile) }),
  };
}

t.test('serves over TLS 1.2 and later', async (t) => {
  await using certificate = await makeCertificate();
  await using server = await startHttpServer({ tls: certificate });
  const options = await agentOptions(certificate);
  t.equal((await once200(server, options)).status, 200);
  t.equal((await once200(server, { ...options, maxVersion: 'TLSv1.2' })).status, 200);
  const old: AgentOptions = { ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  await t.rejects(once200(server, old));
});

t.test('takes files with line ends of another system, and without one at their end', async (t) => {
  await using certificate = await makeCertificate();
  const { certFile, keyFile } = certificate;
  const options = await agentOptions(certificate, certificate);
  for (const file of [certFile, keyFile]) {
    await writeFile(file, (await readFile(file, 'utf8')).trimEnd().replaceAll('\n', '\r\n'));
  }
  await using server = await startHttpServer({ tls: { certFile, keyFile, clientCaFile: certFile } });
  t.equal((await once200(server, options)).status, 200);
});

t.test('who speaks something else gets no connection, and the server serves on', async (t) => {
  await using certificate = await makeCertificate();
  await using server = await startHttpServer({ tls: certificate });
  for (const text of [`GET ${health} HTTP/1.1\r\nHost: a\r\n\r\n`, '\x16\x03\x01\x00\x02\x01\x00', 'x']) {
    using connection = await openRaw(server.port);
    connection.write(text);
    connection.socket.end();
    t.notMatch(await connection.closed(), /HTTP/);
  }
  t.equal((await once200(server, await agentOptions(certificate))).status, 200);
});

t.test('with authorities of clients, only their certificates get a connection', async (t) => {
  await using certificate = await makeCertificate();
  await using client = await makeCertificate();
  await using stranger = await makeCertificate();
  await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: client.certFile } });
  t.equal((await once200(server, await agentOptions(certificate, client))).status, 200);
  for (const other of [undefined, stranger]) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      await t.rejects(once200(server, { ...(await agentOptions(certificate, other)), maxVersion }));
    }
  }
  t.equal(server.logLines.filter(({ msg }) => msg === 'request').length, 1);
});

t.test('a new pair takes over without dropping a connection, and clients are verified as before', async (t) => {
  await using certificate = await makeCertificate();
  await using client = await makeCertificate();
  await using renewed = await makeCertificate();
  await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: client.certFile } });
  const keepAlive = new Agent({ ...(await agentOptions(certificate, client)), keepAlive: true });
  t.teardown(() => keepAlive.destroy());
  const before = await get(server, keepAlive);

  await copyFile(renewed.certFile, certificate.certFile);
  await copyFile(renewed.keyFile, certificate.keyFile);
  await server.passTime(10_000);
  await until('the certificate is renewed', () =>
    server.logLines.some(({ msg }) => msg === 'the certificate was renewed'),
  );
  t.equal((await get(server, keepAlive)).port, before.port);
  t.equal((await once200(server, await agentOptions(renewed, client))).status, 200);
  await t.rejects(once200(server, await agentOptions(renewed)));
});

t.test('new authorities of clients count, and those that were withdrawn no longer do', async (t) => {
  await using certificate = await makeCertificate();
  await using first = await makeCertificate();
  await using second = await makeCertificate();
  await using authorities = await makeCertificate();
  await copyFile(first.certFile, authorities.certFile);
  await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: authorities.certFile } });
  t.equal((await once200(server, await agentOptions(certificate, first))).status, 200);
  await copyFile(second.certFile, authorities.certFile);
  await server.passTime(10_000);
  await until('they are read', () => server.logLines.some(({ msg }) => msg === 'the certificate was renewed'));
  t.equal((await once200(server, await agentOptions(certificate, second))).status, 200);
  await t.rejects(once200(server, await agentOptions(certificate, first)));
});

/** A handshake with a request after it, of a session where one is given; resolves to the session that the server gave. */
async function converse(
  server: HttpServer,
  options: ConnectionOptions,
): Promise<{ session: Buffer; resumed: boolean }> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ...options });
  try {
    const sessions: Buffer[] = [];
    socket.on('session', (session) => sessions.push(session));
    await once(socket, 'secureConnect');
    socket.write(`GET ${health} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const closed = once(socket, 'close').then(() => [Buffer.alloc(0)]);
    const [answer] = (await Promise.race([once(socket, 'data'), closed])) as [Buffer];
    if (!answer.includes('HTTP/1.1 200')) throw new Error('there was no answer');
    return { session: sessions.at(-1)!, resumed: socket.isSessionReused() };
  } finally {
    socket.destroy();
  }
}

t.test('a session of a client whose authority was withdrawn is not resumed', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await using certificate = await makeCertificate();
    await using first = await makeCertificate();
    await using second = await makeCertificate();
    await using authorities = await makeCertificate();
    await copyFile(first.certFile, authorities.certFile);
    await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: authorities.certFile } });
    const trusting = { ca: await readFile(certificate.certFile), maxVersion };
    const options: ConnectionOptions = { ...(await agentOptions(certificate, first)), ...trusting };
    const { session } = await converse(server, options);
    t.ok((await converse(server, { ...options, session })).resumed, `${maxVersion} resumes`);

    await copyFile(second.certFile, authorities.certFile);
    await server.passTime(10_000);
    await until('they are read', () => server.logLines.some(({ msg }) => msg === 'the certificate was renewed'));
    for (const former of [options, trusting]) await t.rejects(converse(server, { ...former, session }), maxVersion);
    t.equal(server.logLines.filter(({ msg }) => msg === 'request').length, 2);
  }
});

t.test('a pair that cannot be used leaves the old one, is an ERROR once, and is taken once it is whole', async (t) => {
  await using certificate = await makeCertificate();
  await using renewed = await makeCertificate();
  await using server = await startHttpServer({ tls: certificate });
  const options = await agentOptions(certificate);
  const errors = () => server.logLines.filter(({ level }) => level === 50).length;

  await copyFile(renewed.certFile, certificate.certFile);
  await server.passTime(10_000);
  await until('it is told', () => errors() === 1);
  t.equal((await once200(server, options)).status, 200, 'half of the new pair');
  await writeFile(certificate.keyFile, 'nonsense');
  await server.passTime(10_000);
  await until('it is told', () => errors() === 2);
  await rm(certificate.keyFile);
  await server.passTime(10_000);
  await until('it is told', () => errors() === 3);
  await server.passTime(30_000);
  t.equal((await once200(server, options)).status, 200, 'no key at all');
  t.notMatch(JSON.stringify(server.logLines), 'PRIVATE KEY');

  await copyFile(renewed.keyFile, certificate.keyFile);
  await until('the pair is taken', async () => {
    await server.passTime(10_000);
    return server.logLines.some(({ msg }) => msg === 'the certificate was renewed');
  });
  t.equal((await once200(server, await agentOptions(renewed))).status, 200);
  t.equal(errors(), 3);
});

t.test('files that cannot be used stop the start', async (t) => {
  await using certificate = await makeCertificate();
  await using other = await makeCertificate();
  await t.rejects(startHttpServer({ tls: { ...certificate, keyFile: other.keyFile } }), /key/i);
  await t.rejects(startHttpServer({ tls: { ...certificate, certFile: '/nowhere/tls.crt' } }), /\/nowhere\/tls\.crt/);
});

t.test('files without anything in them stop the start, and leave the old ones in place', async (t) => {
  await using certificate = await makeCertificate();
  await using authorities = await makeCertificate();
  await using empty = await makeCertificate();
  for (const content of ['', '\n']) {
    await writeFile(empty.certFile, content);
    await writeFile(empty.keyFile, content);
    await t.rejects(startHttpServer({ tls: empty }), /cert\.pem cannot be used/);
    await t.rejects(startHttpServer({ tls: { ...certificate, keyFile: empty.keyFile } }), /key\.pem cannot be used/);
    const lacksAuthorities = { ...certificate, clientCaFile: empty.certFile };
    await t.rejects(startHttpServer({ tls: lacksAuthorities }), /cert\.pem cannot be used/);
  }

  await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: authorities.certFile } });
  const client = await agentOptions(certificate, authorities);
  const known = { cert: client.cert, key: client.key };
  await writeFile(authorities.certFile, '');
  await server.passTime(10_000);
  await until('it is told', () => server.logLines.some(({ level }) => level === 50));
  t.equal((await once200(server, { ...client, ...known })).status, 200);
});

t.test('authorities that are cut off stop the start, and leave all of the old ones in place', async (t) => {
  await using certificate = await makeCertificate();
  await using first = await makeCertificate();
  await using second = await makeCertificate();
  await using authorities = await makeCertificate();
  const [one, other] = [await readFile(first.certFile, 'utf8'), await readFile(second.certFile, 'utf8')];
  const tls = { ...certificate, clientCaFile: authorities.certFile };
  const broken = [other.slice(0, 200), '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n'];
  for (const rest of broken) {
    await writeFile(authorities.certFile, `${one}${rest}`);
    await t.rejects(startHttpServer({ tls }), /cert\.pem cannot be used/);
  }
  await writeFile(authorities.certFile, `# the first\n${one}# and another one\n${other}`);
  await using server = await startHttpServer({ tls });
  await writeFile(authorities.certFile, `${one}${broken[0]}`);
  await server.passTime(10_000);
  await until('it is told', () => server.logLines.some(({ level }) => level === 50));
  for (const client of [first, second]) {
    t.equal((await once200(server, await agentOptions(certificate, client))).status, 200);
  }
});

t.test('close() ends with connections that are idle, silent or in their handshake', async (t) => {
  await using certificate = await makeCertificate();
  await using server = await startHttpServer({ tls: certificate });
  const keepAlive = new Agent({ ...(await agentOptions(certificate)), keepAlive: true });
  t.teardown(() => keepAlive.destroy());
  await get(server, keepAlive);
  using silent = await openRaw(server.port);
  await until('both are connected', () => server.connections().length === 2);
  const startedAt = performance.now();
  await server.app.close();
  t.ok(performance.now() - startedAt < 30_000);
  t.equal(await silent.closed(), '');
});
