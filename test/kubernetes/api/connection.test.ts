import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';

import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { openConnection } from '../../../src/kubernetes/api/connection.ts';
import { openSandbox } from '../../support/cluster.ts';

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
    kubeconfig('https://a', { tokenFile: 'missing' }),
  ];
  for (const text of broken) {
    await writeFile(file, text);
    t.throws(() => openConnection(file), { message: /kubeconfig .*config cannot be used: / }, text);
  }
});

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
  t.ok(pool!.connected >= 1 && pool!.connected <= 64, `${pool!.connected} connections`);
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
  const connection = openConnection(file, { lifetimeMs: 10_000, minAgeMs: 0 });
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
    const connection = openConnection(file, { lifetimeMs: 10_000, minAgeMs: 0 });
    const client = new KubernetesClient(connection, 'a');
    await client.version({});

    accepted = 'Bearer token-2';
    await writeFile(join(folder.path, 'token'), 'token-2\n');
    await client.version({});
    t.same(server.seen, ['Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
    await connection.close();
  },
);
