/**
 * What decision 23 says of Fastify, Node and jose, at the pinned versions: a test that fails is a reason to look at the
 * decision again, not a fault of the service.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { fastify } from 'fastify';
import { createRemoteJWKSet, exportJWK, generateKeyPair } from 'jose';
import t from 'tap';
import { until } from '../support/until.ts';

/** A connection, with what was received on it. */
async function open(port: number) {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  return { socket, received: () => received };
}

function portOf({ server }: { server: { address(): unknown } }): number {
  return (server.address() as AddressInfo).port;
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

t.test('23: requests that follow each other on a connection are handled at the same time', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  const end = Promise.withResolvers<string>();
  let handled = 0;
  app.get('/', () => (handled++, end.promise));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { socket } = await open(portOf(app));
  t.teardown(() => socket.destroy());
  socket.write(get + get);
  await until('both are at work', () => handled === 2);
  end.resolve('');
});

t.test('23: a connection on which a request was in flight outlasts close() by the time for keep-alive', async (t) => {
  const keepAliveTimeout = 1_500;
  const app = fastify({ keepAliveTimeout, forceCloseConnections: 'idle' });
  const end = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<undefined>();
  app.get('/', () => (begun.resolve(undefined), end.promise));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { socket, received } = await open(portOf(app));
  socket.write(get);
  await begun.promise;
  const closed = app.close();
  await until('it takes no more connections', () => !app.server.listening);
  end.resolve('done');
  await until('it is answered', () => received().endsWith('done'));
  const answeredAt = performance.now();
  await closed;
  t.ok(performance.now() - answeredAt > keepAliveTimeout / 2);
});

t.test('23: what arrives meanwhile is refused with JSON of its own, past all hooks', async (t) => {
  const app = fastify();
  const begun = Promise.withResolvers<undefined>();
  const end = Promise.withResolvers<string>();
  let hooks = 0;
  const sockets: Socket[] = [];
  app.server.on('connection', (socket) => sockets.push(socket));
  app.addHook('onRequest', (_request, _reply, done) => {
    hooks++;
    done();
  });
  app.get('/', () => (begun.resolve(undefined), end.promise));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const [busy, other] = [await open(portOf(app)), await open(portOf(app))];
  busy.socket.write(get);
  await begun.promise;
  const begin = get.slice(0, -'\r\n'.length);
  other.socket.write(begin);
  await until('its beginning has arrived', () => sockets.some(({ bytesRead }) => bytesRead === begin.length));
  const closed = app.close();
  other.socket.write('\r\n');
  await until('it is answered', () => other.received() !== '');
  t.match(other.received(), /^HTTP\/1\.1 503 [^]*application\/json/);
  t.equal(hooks, 1);
  end.resolve('');
  for (const { socket } of [busy, other]) socket.destroy();
  await closed;
});

t.test('23: a tunnel is closed without an answer', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { socket, received } = await open(portOf(app));
  socket.write('CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n');
  await once(socket, 'close');
  t.equal(received(), '');
});

t.test('23: keys that are old are of no use to jose while their issuer is away', async (t) => {
  const { publicKey } = await generateKeyPair('ES256');
  const keys = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  const issuer = createServer((_request, response) => response.end(keys)).listen(0);
  await once(issuer, 'listening');
  const set = createRemoteJWKSet(new URL(`http://127.0.0.1:${portOf({ server: issuer })}`), { cacheMaxAge: 0 });
  const token = { payload: '', signature: '' };
  t.ok(await set({ alg: 'ES256' }, token));
  issuer.close();
  issuer.closeAllConnections();
  await t.rejects(set({ alg: 'ES256' }, token));
  t.ok(set.jwks(), 'though it has them');
});
