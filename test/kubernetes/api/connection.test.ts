import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { parse } from 'yaml';

import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { openConnection } from '../../../src/kubernetes/api/connection.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { openSandbox } from '../../support/cluster.ts';
import { eventually, openCluster } from '../../support/kubernetes.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'connection-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A server that lets in whoever `admits` says, and keeps what each request had for authorization. */
async function startServer(admits: (request: IncomingMessage) => boolean) {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    const admitted = admits(request);
    response.writeHead(admitted ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(admitted ? {} : { kind: 'Status', reason: 'Unauthorized', code: 401 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, [Symbol.asyncDispose]: close };
}

function kubeconfig(server: string, user: object, cluster: object = {}): string {
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

t.test('a kubeconfig that cannot be used is named, with what is wrong', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'config');
  t.throws(() => openConnection(file), { message: /kubeconfig .*config cannot be used: ENOENT/ });
  const broken = [
    '',
    '{',
    '[]',
    'a: [',
    'clusters: []',
    kubeconfig('not a url', {}),
    kubeconfig('https://a', {}, { 'proxy-url': 'socks5://b' }),
    kubeconfig('https://a', {}, { 'proxy-url': 'b:3128' }),
    kubeconfig('https://a', {}, { 'proxy-url': 'not a url' }),
    kubeconfig('https://a', {}, { 'proxy-url': 'ftp://b' }),
    kubeconfig('https://a', { tokenFile: 'missing' }),
    kubeconfig('https://a', { as: 'b', 'as-groups': ['c'] }),
    kubeconfig('https://a', { as: 'b', 'as-uid': 'd' }),
    kubeconfig('https://a', { as: 'b', 'as-user-extra': { e: ['f'] } }),
  ];
  for (const text of broken) {
    await writeFile(file, text);
    t.throws(() => openConnection(file), { message: /kubeconfig .*config cannot be used: / }, text);
  }
});

t.test(
  'what acts as somebody else in a way that is not supported is named, and its user acts as it says',
  async (t) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'config');
    await writeFile(file, kubeconfig('https://a', { as: 'b', 'as-groups': ['c'], 'as-uid': 'd' }));
    t.throws(() => openConnection(file), { message: /its user has as-groups, as-uid, which is not supported/ });
    await writeFile(file, kubeconfig('https://a', { token: 'x', as: 'b' }));
    const connection = openConnection(file);
    t.match((await connection.access()).headers, { authorization: 'Bearer x', 'impersonate-user': 'b' });
    await connection.close();
  },
);

/** Sets variables of the environment until the test is over. */
function setEnvironment(t: Test, values: Record<string, string>): void {
  const before = { ...process.env };
  Object.assign(process.env, values);
  t.teardown(() => {
    for (const name of Object.keys(values)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
    }
  });
}

t.test('without a kubeconfig it says when it does not run in a cluster', (t) => {
  setEnvironment(t, { KUBERNETES_SERVICE_HOST: '', KUBERNETES_SERVICE_PORT: '' });
  t.throws(() => openConnection(undefined), { message: /does not run in a cluster/ });
  t.end();
});

t.test('in a cluster it says when its service account is not there', (t) => {
  setEnvironment(t, { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' });
  t.throws(() => openConnection(undefined), { message: /serviceaccount/ });
  t.end();
});

t.test('connections are shared and used again, over TLS as well', async (t) => {
  await using cluster = await openSandbox({ tls: true });
  const connection = openConnection(cluster.kubeconfig);
  const client = new KubernetesClient(connection, cluster.namespace);
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 100 }, () => client.version({})));
  }
  const { dispatcher } = await connection.access();
  const { stats } = dispatcher as unknown as { stats: Record<string, { connected: number }> };
  const [pool] = Object.values(stats);
  t.ok(pool!.connected >= 1 && pool!.connected <= 16, `${pool!.connected} connections`);
  await connection.close();
});

t.test('a hundred creates, deletes and lists, ten at a time, share a few connections', async (t) => {
  await using folder = await temporaryFolder();
  await using cluster = await openCluster({ tls: true, controllers: false });
  const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as { clusters: { cluster: { server: string } }[] };
  await using proxy = await startTcpProxy(config.clusters[0]!.cluster.server);
  for (const entry of config.clusters) entry.cluster.server = `https://127.0.0.1:${proxy.port}`;
  const file = join(folder.path, 'config');
  await writeFile(file, JSON.stringify(config));
  const connection = openConnection(file);
  const client = new KubernetesClient(connection, cluster.namespace);
  const spec = { ports: [{ port: 80 }] };
  await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      for (let turn = 0; turn < 10; turn++) {
        const name = `s-${lane}-${turn}`;
        const metadata = { name, labels: { lane: `${lane}` } };
        const { metadata: created } = await client.create(
          'services',
          { apiVersion: 'v1', kind: 'Service', metadata, spec },
          {},
        );
        const found = await client.listAll('services', `lane=${lane}`, {});
        t.equal(found.length, 1);
        await client.delete('services', { name, uid: created!.uid! }, {});
      }
    }),
  );
  t.ok(proxy.accepted <= 20, `${proxy.accepted} connections`);
  await connection.close();
});

t.test('a credentials plugin runs once for callers at the same time, and again once it is refused', async (t) => {
  await using folder = await temporaryFolder();
  const runs = join(folder.path, 'runs');
  const plugin = join(folder.path, 'plugin');
  const answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}';
  await writeFile(plugin, `#!/bin/sh\necho run >> ${runs}\nprintf '${answer}' "token-$(grep -c run ${runs})"\n`);
  await chmod(plugin, 0o755);
  let accepted = 'Bearer token-1';
  await using server = await startServer(({ headers }) => headers.authorization === accepted);
  const file = join(folder.path, 'config');
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin };
  await writeFile(file, kubeconfig(server.url, { exec }));
  const connection = openConnection(file, { lifetimeMs: 10_000, minAgeMs: 0, pluginMs: 30_000 });
  const client = new KubernetesClient(connection, 'a');
  const countRuns = async () => (await readFile(runs, 'utf8')).split('\n').length - 1;

  await Promise.all(Array.from({ length: 20 }, () => client.version({})));
  t.equal(await countRuns(), 1);

  accepted = 'Bearer token-2';
  await Promise.all(Array.from({ length: 20 }, () => client.version({})));
  t.equal(await countRuns(), 2);
  await connection.close();
});

t.test(
  'the token file of a kubeconfig lies beside it, wins over a token, and is read again once it is refused',
  async (t) => {
    await using folder = await temporaryFolder();
    let accepted = 'Bearer token-1';
    await using server = await startServer(({ headers }) => headers.authorization === accepted);
    const file = join(folder.path, 'config');
    await writeFile(file, kubeconfig(server.url, { token: 'old', tokenFile: 'token' }));
    await writeFile(join(folder.path, 'token'), 'token-1\n');
    const connection = openConnection(file, { lifetimeMs: 10_000, minAgeMs: 0, pluginMs: 30_000 });
    const client = new KubernetesClient(connection, 'a');
    await client.version({});

    accepted = 'Bearer token-2';
    await writeFile(join(folder.path, 'token'), 'token-2\n');
    await client.version({});
    t.same(server.seen, ['Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
    await connection.close();
  },
);

t.test('a token file that was rotated is read again before its token is refused', async (t) => {
  await using folder = await temporaryFolder();
  await using server = await startServer(() => true);
  const file = join(folder.path, 'config');
  await writeFile(file, kubeconfig(server.url, { tokenFile: 'token' }));
  await writeFile(join(folder.path, 'token'), 'token-1\n');
  // No credentials are younger than their lifetime.
  const connection = openConnection(file, { lifetimeMs: 0, minAgeMs: 1_000, pluginMs: 30_000 });
  t.teardown(() => connection.close());
  const client = new KubernetesClient(connection, 'a');
  await client.version({});
  await writeFile(join(folder.path, 'token'), 'token-2\n');
  await client.version({});
  t.same(server.seen, ['Bearer token-1', 'Bearer token-2']);
});

t.test('the authority of the API server is read again, for one whose certificate was replaced', async (t) => {
  await using folder = await temporaryFolder();
  await using former = await makeCertificate();
  await using renewed = await makeCertificate();
  const pairOf = async ({ certFile, keyFile }: typeof former) => ({
    cert: await readFile(certFile),
    key: await readFile(keyFile),
  });
  const server = createTlsServer(await pairOf(former), (_, response) => response.end('{}'));
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [file, authority] = ['config', 'authority'].map((name) => join(folder.path, name));
  await writeFile(file!, kubeconfig(url, { token: 'x' }, { 'certificate-authority': 'authority' }));
  await copyFile(former.certFile, authority!);
  const connection = openConnection(file, { lifetimeMs: 0, minAgeMs: 1_000, pluginMs: 30_000 });
  t.teardown(() => connection.close());
  const client = new KubernetesClient(connection, 'a');
  await client.version({});
  server.setSecureContext(await pairOf(renewed));
  server.closeAllConnections();
  await t.rejects(client.version({}));
  await copyFile(renewed.certFile, authority!);
  await client.version({});
});

t.test('connections are given up for new ones only when all credentials could be read', async (t) => {
  await using folder = await temporaryFolder();
  await using server = await startServer(() => true);
  const [file, token, authority] = ['config', 'token', 'authority'].map((name) => join(folder.path, name));
  await writeFile(file!, kubeconfig(server.url, { tokenFile: 'token' }, { 'certificate-authority': 'authority' }));
  await writeFile(token!, 'token-1\n');
  await writeFile(authority!, 'old');
  const connection = openConnection(file, { lifetimeMs: 0, minAgeMs: 1_000, pluginMs: 30_000 });
  t.teardown(() => connection.close());
  const client = new KubernetesClient(connection, 'a');
  await client.version({});
  const before = await connection.access();

  await rm(token!);
  await writeFile(authority!, 'new');
  for (let attempt = 1; attempt <= 3; attempt++) await t.rejects(client.version({}), { cause: { code: 'ENOENT' } });
  await writeFile(authority!, 'old');
  await writeFile(token!, 'token-2\n');
  await client.version({});
  t.equal((await connection.access()).dispatcher, before.dispatcher);
  await writeFile(authority!, 'new');
  await client.version({});
  t.not((await connection.access()).dispatcher, before.dispatcher);
  t.same(server.seen, ['Bearer token-1', 'Bearer token-2', 'Bearer token-2']);
});

t.test('connections are not replaced once they are closed', async (t) => {
  await using folder = await temporaryFolder();
  await using server = await startServer(() => true);
  const [file, authority] = ['config', 'authority'].map((name) => join(folder.path, name));
  await writeFile(file!, kubeconfig(server.url, { token: 'x' }, { 'certificate-authority': 'authority' }));
  await writeFile(authority!, 'old');
  const connection = openConnection(file, { lifetimeMs: 0, minAgeMs: 1_000, pluginMs: 30_000 });
  await new KubernetesClient(connection, 'a').version({});
  await writeFile(authority!, 'new');
  const refused = t.rejects(connection.access(), { message: 'the connections to the cluster are closed' });
  await connection.close();
  await refused;
});

/** A plugin of this shell script, which finds its own folder in `$HERE`. */
async function writePlugin(folder: string, script: string) {
  const command = join(folder, 'plugin');
  await writeFile(command, `#!/bin/sh\nHERE=${folder}\n${script}\n`);
  await chmod(command, 0o755);
  return { apiVersion: 'client.authentication.k8s.io/v1', command };
}

function credential(token: string): string {
  const status = `{"token":"${token}"}`;
  return `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}`;
}

t.test('credentials that are refused after a quiet time are renewed', async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'credential'), credential('old'));
  const exec = await writePlugin(folder.path, 'cat $HERE/credential');
  let accepted = 'Bearer old';
  await using server = await startServer(({ headers }) => headers.authorization === accepted);
  const file = join(folder.path, 'config');
  await writeFile(file, kubeconfig(server.url, { exec }));
  // No credentials are younger than their lifetime: each call comes after a quiet time.
  const connection = openConnection(file, { lifetimeMs: 0, minAgeMs: 1_000, pluginMs: 30_000 });
  t.teardown(() => connection.close());
  const client = new KubernetesClient(connection, 'a');
  await client.version({});
  accepted = 'Bearer new';
  await writeFile(join(folder.path, 'credential'), credential('new'));
  const isLetIn = () =>
    client.version({}).then(
      () => true,
      () => false,
    );
  t.ok(await eventually(isLetIn, Boolean, 10_000));
});

t.test('a kubeconfig that leads to another server now has its credentials sent to neither', async (t) => {
  await using folder = await temporaryFolder();
  await using former = await startServer(() => false);
  await using other = await startServer(() => true);
  const file = join(folder.path, 'config');
  await writeFile(file, kubeconfig(former.url, { token: 'old' }));
  const connection = openConnection(file, { lifetimeMs: 10_000, minAgeMs: 0, pluginMs: 10_000 });
  t.teardown(() => connection.close());
  const client = new KubernetesClient(connection, 'default');
  await writeFile(file, kubeconfig(other.url, { token: 'new' }));
  const failure = (await client.version({}).catch((error: unknown) => error)) as Error;
  t.match(failure.cause, { message: /another server/ });
  t.same([former.seen, other.seen], [['Bearer old'], []]);
});

t.test('a plugin that hangs is ended with its deadline, and with the connection', async (t) => {
  for (const end of ['deadline', 'close'] as const) {
    await using folder = await temporaryFolder();
    const exec = await writePlugin(folder.path, 'sleep 1000 & echo $$ $! > $HERE/new; mv $HERE/new $HERE/pids; wait');
    const file = join(folder.path, 'config');
    await writeFile(file, kubeconfig('http://127.0.0.1:1', { exec }));
    const bounds = { lifetimeMs: 10_000, minAgeMs: 0, pluginMs: end === 'deadline' ? 500 : 30_000 };
    const connection = openConnection(file, bounds);
    const access = connection.access();
    access.catch(() => undefined);
    const pids = await eventually(() => readFile(join(folder.path, 'pids'), 'utf8').catch(() => ''), Boolean);
    if (end === 'close') await connection.close();
    else await t.rejects(access, { message: 'obtaining credentials took too long' });
    const gone = () => pids.trim().split(' ').every(hasEnded);
    t.ok(await eventually(gone, Boolean, 10_000), `${end}: ${pids}`);
    await connection.close();
  }
});

/** Ended, though nobody may have asked for its end yet. */
function hasEnded(pid: string): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

t.test('the proxy of the kubeconfig is used, and those of the environment are not', async (t) => {
  await using folder = await temporaryFolder();
  await using cluster = await openSandbox({ tls: true });
  const refusing = 'http://127.0.0.1:1';
  setEnvironment(t, { HTTPS_PROXY: refusing, https_proxy: refusing, HTTP_PROXY: refusing, http_proxy: refusing });
  await using proxy = await startProxy();
  const file = join(folder.path, 'config');
  for (const [proxyUrl, tunnels] of [
    [undefined, 0],
    [proxy.url, 1],
  ] as const) {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as { clusters: { cluster: object }[] };
    for (const entry of config.clusters) Object.assign(entry.cluster, proxyUrl && { 'proxy-url': proxyUrl });
    await writeFile(file, JSON.stringify(config));
    const connection = openConnection(file);
    await new KubernetesClient(connection, 'a').version({});
    t.equal(proxy.tunnels(), tunnels);
    await connection.close();
  }
});

/** An HTTP proxy that tunnels, and counts what it does. */
async function startProxy() {
  let tunnels = 0;
  const sockets = new Set<Socket>();
  const server = createServer().on('connect', ({ url = '' }, client: Socket) => {
    tunnels++;
    const [host, port] = url.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, tunnels: () => tunnels, [Symbol.asyncDispose]: close };
}
