import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';

import t from 'tap';

import { chooseAddress } from '../../scripts/sandbox/address.ts';
import { formatEvent, formatLogLine } from '../../scripts/sandbox/banner.ts';
import { parseEvent } from '../../scripts/sandbox/events.ts';
import { buildRegistration } from '../../src/registration/registry-client.ts';
import { startProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { findFreePort } from '../../scripts/free-port.ts';

const root = join(import.meta.dirname, '../..');
/** npm runs on the same Node as the scripts that it starts. */
const pathOfNode = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

async function reachable(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

t.test('npm run sandbox shows what becomes of a container, and Ctrl-C ends it within two seconds', async (t) => {
  await using sandbox = startProcess('npm', ['run', 'sandbox'], {
    cwd: root,
    env: { PATH: pathOfNode, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_MANAGEMENT_ADDRESS: '127.0.0.1:0' },
    ownGroup: true,
  });
  const [, containers] = await sandbox.printed(/^ +API +(http\S+)$/m);
  const [, kubeconfig] = await sandbox.printed(/--kubeconfig (\S+) /);
  const [, kubernetes] = /"server": "([^"]+)"/.exec(await readFile(kubeconfig!, 'utf8')) ?? [];
  const [, command] = await sandbox.printed(/^ +(curl -X POST .*)$/m);
  t.equal((await fetch(new URL('/docs', containers))).status, 200);
  await sandbox.printed(/registry {2}registered \{"name":"sandbox"/);
  await sandbox.printed(/registry {2}sandbox is healthy/);

  await using curl = startProcess('sh', ['-c', `${command!} --silent --fail`]);
  t.strictSame(await curl.ended, { code: 0, signal: null }, 'the command of the banner works as it is');
  await sandbox.printed(/event +web {2}RUNNING {2}Container is running\./);
  t.equal((await fetch(`${containers!}/web`, { method: 'DELETE' })).status, 204);
  await sandbox.printed(/event +web {2}DELETED/);

  const start = performance.now();
  sandbox.signal('SIGINT');
  await sandbox.ended;
  const took = performance.now() - start;
  t.ok(took < 2_000, `${Math.round(took)} ms`);
  await until('the provider is gone', async () => !(await reachable(containers!)));
  t.notOk(await reachable(kubernetes!), 'the Kubernetes API is gone');
  t.notOk(existsSync(kubeconfig!), 'the kubeconfig is gone');
  t.notMatch(sandbox.stdout(), / (error|fatal) /);
});

t.test('with --agent, shows what an environment agent sees and does', async (t) => {
  await using sandbox = startProcess(process.execPath, ['scripts/sandbox/main.ts', '--agent'], {
    cwd: root,
    env: { PATH: pathOfNode, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_MANAGEMENT_ADDRESS: '127.0.0.1:0' },
  });
  const [, agent] = await sandbox.printed(/^ +Agent +(http\S+)\/providers$/m);
  const [, create] = await sandbox.printed(/^ +(curl -X POST \S+\/dispatch .*)$/m);
  await sandbox.printed(/agent {5}answered 201 to the registration of \{"name":"sandbox"/);
  await sandbox.printed(/agent {5}sandbox is ready/);
  await using curl = startProcess('sh', ['-c', `${create!} --silent --fail`]);
  t.strictSame(await curl.ended, { code: 0, signal: null }, 'the command of the banner works as it is');
  await sandbox.printed(/agent {5}dispatched a create, bare and without an id: 400, final/);
  const rival = { ...buildRegistration({ name: 'rival', endpoint: 'http://rival' }) };
  const body = JSON.stringify(rival);
  t.equal((await fetch(`${agent!}/providers`, { method: 'POST', body })).status, 409);
  await sandbox.printed(/agent {5}answered 409 to the registration of rival/);
  sandbox.signal('SIGINT');
  t.strictSame(await sandbox.ended, { code: 0, signal: null });
});

t.test('exits with 0 when it is asked to end', async (t) => {
  await using sandbox = startProcess(process.execPath, ['scripts/sandbox/main.ts'], {
    cwd: root,
    env: { PATH: pathOfNode, SP_SERVER_ADDRESS: '127.0.0.1:0', SP_MANAGEMENT_ADDRESS: '127.0.0.1:0' },
  });
  await sandbox.printed(/^ +API +(http\S+)$/m);
  sandbox.signal('SIGINT');
  t.strictSame(await sandbox.ended, { code: 0, signal: null });
});

t.test('says what is wrong when a variable of the environment is', async (t) => {
  await using sandbox = startProcess(process.execPath, ['scripts/sandbox/main.ts'], {
    cwd: root,
    env: { SP_SERVER_ADDRESS: '127.0.0.1:0', SP_K8S_EXTERNAL_SVC_TYPE: 'Ingress' },
  });
  t.strictSame(await sandbox.ended, { code: 1, signal: null });
  t.match(sandbox.stdout(), 'SP_K8S_EXTERNAL_SVC_TYPE is "Ingress"');
});

t.test('takes another port when the usual one is taken, and no other when one is asked for', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const taken = (server.address() as AddressInfo).port;
  const other = await chooseAddress(undefined, taken);
  t.equal(other.takenPort, taken);
  t.match(other.listen, /^127\.0\.0\.1:\d+$/);
  t.not(other.listen, `127.0.0.1:${taken}`);

  const free = await findFreePort();
  const address = `127.0.0.1:${free}`;
  t.strictSame(await chooseAddress(undefined, free), { listen: address, url: `http://${address}` });
  t.strictSame(await chooseAddress(':9090'), { listen: ':9090', url: 'http://127.0.0.1:9090' });
  t.strictSame(await chooseAddress('[::1]:9090'), { listen: '[::1]:9090', url: 'http://[::1]:9090' });
  t.strictSame(await chooseAddress('nonsense'), { listen: 'nonsense', url: 'http://127.0.0.1:8080' });
  t.match(await chooseAddress('localhost:0'), { listen: /^localhost:[1-9]/, url: /^http:\/\/localhost:[1-9]/ });
});

t.test('shows of the log what needs attention, or everything', (t) => {
  const line = (level: string) => JSON.stringify({ level, msg: 'it happened', attempt: 2 });
  t.equal(formatLogLine(line('info'), false), undefined);
  t.match(formatLogLine(line('info'), true), /info +it happened {2}\{"attempt":2\}$/);
  t.match(formatLogLine(line('warn'), false), /warn +it happened/);
  t.match(formatLogLine('no JSON', false), /no JSON$/);
  t.end();
});

t.test('shows where a container can be reached, as its event tells', (t) => {
  const shown = (endpoints: unknown) => {
    const data = { id: 'web', status: 'RUNNING', message: 'Container is running.', output_spec: { endpoints } };
    const event = parseEvent(JSON.stringify({ time: '2026-01-21T10:00:00.000Z', data }));
    return event && formatEvent(event).replace(/^\S+/, '');
  };
  const line = '  event     web  RUNNING  Container is running.';
  const internal = { address: 'fd00::1', port: 80, scope: 'internal' };
  const external = { address: '203.0.113.1', port: 443, scope: 'external' };
  t.equal(shown([internal, external]), `${line}  internal [fd00::1]:80  external 203.0.113.1:443`);
  t.equal(shown(null), line);
  for (const nonsense of ['x', 5, [null]]) t.equal(shown(nonsense), undefined);
  t.end();
});

t.test('shows nothing of a message that is no status event', (t) => {
  for (const text of ['', 'hello', 'null', '{}', '[]']) t.equal(parseEvent(text), undefined, text);
  t.end();
});
