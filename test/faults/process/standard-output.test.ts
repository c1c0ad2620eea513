import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { createClient } from '../../../generated/client.ts';
import { conformingFetch } from '../../../scripts/contract/conformance.ts';
import { createContainer, deleteContainer } from '../../support/containers.ts';
import { healed, healthOf } from '../../support/faults.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { startNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import type { TestNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startProcess } from '../../support/process.ts';
import { relatedNames } from '../../support/provider.ts';
import type { TestProcess } from '../../support/process.ts';
import { startSystem } from '../../support/system.ts';
import type { System } from '../../support/system.ts';
import { findFreePort } from '../../../scripts/free-port.ts';
import { mainFile } from '../../support/main-file.ts';

const lost = 'log lines were lost, standard output did not take them';

const name = 'logs-elsewhere';

t.test('a broken pipe on standard output costs the log and nothing else', async (t) => {
  await using system = await startSystem({ on: 'sandbox' });
  const { client, events, provider } = system;
  await createContainer(client, 'web');
  provider.process.child.stdout.destroy();
  await events.waitFor('web', 'RUNNING');
  await deleteContainer(client, 'web');
  await healed(system);
  t.equal(await provider.stop(), 0);
  t.equal(provider.process.stderr(), '');
});

t.test('a full disk under standard output costs the log and nothing else', async (t) => {
  await using nats = await startNatsServer();
  await using system = await startSystem({ on: 'sandbox', nats });
  await using logging = await startLoggingTo('exec "$0" "$1" > /dev/full', system, nats);
  await createContainer(logging.provider.client, 'web');
  await healed(system, { provider: logging.provider, name });
  t.strictSame(await logging.stop(), { code: 0, signal: null });
  t.equal(logging.process.stderr(), '');
});

t.test(
  'a disk under standard output that was full and has room again gets the log again, and how much it missed',
  async (t) => {
    await using nats = await startNatsServer();
    await using system = await startSystem({ on: 'sandbox', nats });
    const file = join(t.testdir({}), 'log');
    // In blocks of 512 bytes: past that the file takes nothing, as on a disk that is full. What tap puts into each Node
    // would end it for that.
    const command = `unset NODE_OPTIONS; ulimit -S -f 32; exec "$0" "$1" >> '${file}'`;
    await using logging = await startLoggingTo(command, system, nats);
    const poll = async (): Promise<string> => {
      await healthOf(logging.provider);
      return readFileSync(file, 'utf8');
    };
    const full = await eventually(poll, ({ length }) => length === 32 * 512, 60_000);
    await createContainer(logging.provider.client, 'web');
    await healed(system, { provider: logging.provider, name });

    execFileSync('prlimit', ['--fsize=unlimited:', '--pid', String(logging.process.child.pid)]);
    const all = await eventually(poll, (text) => text.includes(lost), 60_000);
    t.ok(all.startsWith(full));
    t.equal(all[full.length], full.endsWith('\n') ? '{' : '\n', 'half a line is no beginning of the next');
    const news = all.slice(full.length).trim().split('\n');
    const lines = news.map((line) => JSON.parse(line) as LogLine);
    t.ok(Number(lines.find(({ msg }) => msg === lost)?.['lines']) > 0);
    await healed(system, { provider: logging.provider, name });
    t.strictSame(await logging.stop(), { code: 0, signal: null });
  },
);

interface LoggingProvider extends AsyncDisposable {
  process: TestProcess;
  provider: System['provider'];
  stop(): TestProcess['ended'];
}

/** A second provider of the system, whose output goes where the shell command sends it: `$0` is Node, `$1` the file. */
async function startLoggingTo(command: string, system: System, nats: TestNatsServer): Promise<LoggingProvider> {
  const { cluster, registry } = system;
  const port = await findFreePort();
  const process = startProcess('sh', ['-c', command, globalThis.process.execPath, mainFile], {
    env: {
      SP_NAME: name,
      SP_FORMER_NAMES: relatedNames.join(','),
      SP_ENDPOINT: 'http://provider.example:8080',
      DCM_REGISTRATION_URL: registry.url,
      SP_K8S_NAMESPACE: cluster.namespace,
      SP_K8S_KUBECONFIG: cluster.kubeconfig,
      SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
      SP_NATS_URL: nats.url,
      SP_MONITOR_DEBOUNCE_MS: '50',
      SP_SERVER_ADDRESS: `127.0.0.1:${port}`,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const provider = { ...system.provider, process, url, client: createClient({ baseUrl: url, fetch: conformingFetch }) };
  await eventually(
    () => healthOf(provider).catch(() => 'not there yet'),
    (health) => health === 'healthy',
    60_000,
  );
  return {
    process,
    provider,
    stop: () => {
      process.signal('SIGTERM');
      return process.ended;
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}
