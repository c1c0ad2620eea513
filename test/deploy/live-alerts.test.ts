import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { connect } from 'nats';
import t from 'tap';

import { startNatsServer, startRealNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import type { TestNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { createContainer, deleteContainer, listIds, readStatusCode } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { startPrometheus } from './prometheus.ts';
import type { Prometheus } from './prometheus.ts';

const monitoringFolder = join(import.meta.dirname, '../../deploy/chart/monitoring');
const job = 'k8s-container-service-provider';
/** Between two rounds of the work that makes the figures; nothing is waited for by it. */
const paceMs = 100;

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

/** Replicas of which Prometheus knows by these namespaces; each has what one alert or more is about, but the first. */
type Situation = 'healthy' | 'leaderless' | 'broken' | 'restarting' | 'dropping' | 'owing' | 'down';
const situations: Situation[] = ['healthy', 'leaderless', 'broken', 'restarting', 'dropping', 'owing', 'down'];

const expected: [string, Situation][] = [
  ['ContainerProviderDown', 'down'],
  ['ContainerProviderReplicasMissing', 'down'],
  ['ContainerProviderNoLeader', 'leaderless'],
  ['ContainerProviderNatsAway', 'broken'],
  ['ContainerProviderEventsNotDraining', 'broken'],
  ['ContainerProviderEventsDropped', 'dropping'],
  ['ContainerProviderCacheCutOff', 'broken'],
  ['ContainerProviderServerErrors', 'broken'],
  ['ContainerProviderNotRegistered', 'broken'],
  ['ContainerProviderRestarting', 'restarting'],
  ['ContainerProviderKeysOwed', 'owing'],
];

await t.test('a real Prometheus', async (t) => {
  await using stack = new AsyncDisposableStack();
  const addresses = new Map<Situation, string>();
  for (const situation of situations) addresses.set(situation, `127.0.0.1:${await findFreePort()}`);
  const standbyAddress = `127.0.0.1:${await findFreePort()}`;
  const managed = (situation: Situation) => ({ SP_MANAGEMENT_ADDRESS: addresses.get(situation)! });

  const elected = { SP_LEADER_ELECTION: 'true', ...managed('healthy') };
  const healthy = stack.use(await startSystem({ on: 'sandbox', env: elected }));
  await healthy.addProvider({ ...elected, SP_MANAGEMENT_ADDRESS: standbyAddress });
  const nats = stack.use(await startNatsServer());
  const broken = stack.use(await startSystem({ on: 'sandbox', nats }));
  await startOwing(stack, managed('owing'));
  const dropping = stack.use(await startDropping(addresses.get('dropping')!));
  const targets = [...addresses].map(([namespace, address]) => ({ namespace, address }));
  const prometheus = stack.use(
    await startPrometheus(
      job,
      [...targets, { namespace: 'healthy', address: standbyAddress }],
      hurried(await readFile(join(monitoringFolder, 'alerts.yaml'), 'utf8')),
    ),
  );

  await holdLease(healthy, 'taken');
  await healthy.addProvider({ SP_LEADER_ELECTION: 'true', SP_LEASE_NAME: 'taken', ...managed('leaderless') });
  await until('the stand-in was scraped', () => scraped(prometheus, 'dcm_events_dropped_total', 'dropping'));
  dropping.drop();
  const client = await loseEverything(broken, nats, managed('broken'));
  await restart(healthy, managed('restarting'), prometheus);
  using _traffic = repeat(() => Promise.all([work(healthy.client), readStatusCode(client, 'unknown')]));

  for (const [alert, situation] of expected) {
    await t.test(`fires ${alert} for the replica that is ${situation}`, async (t) => {
      await until(`${alert} fires`, () => prometheus.hasFired(alert, situation));
      t.pass(alert);
    });
  }

  await t.test('fires nothing for what is healthy', async (t) => {
    const alerts = await prometheus.query('ALERTS{namespace="healthy", alertstate="firing"}');
    t.same(
      alerts.map(({ labels }) => labels['alertname']),
      [],
    );
  });

  await t.test('has data for each query of the dashboard', async (t) => {
    const dashboard = JSON.parse(await readFile(join(monitoringFolder, 'dashboard.json'), 'utf8')) as Dashboard;
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const expression = expr.replaceAll('$namespace', '.*').replaceAll('$__rate_interval', '15s');
        await until(`${title} has data: ${expression}`, async () =>
          (await prometheus.query(expression)).some(({ value }) => Number.isFinite(value)),
        );
        t.pass(`${title}: ${expr}`);
      }
    }
  });
});

/** A replica whose bucket takes no key. */
async function startOwing(stack: AsyncDisposableStack, env: Record<string, string>): Promise<void> {
  const nats = stack.use(await startRealNatsServer({ jetStream: true }));
  const connection = await connect({ servers: nats.url });
  await connection.jetstream().views.kv('full', { max_bytes: 1 });
  await connection.close();
  const { client } = stack.use(await startSystem({ on: 'sandbox', nats, env: { SP_NATS_KV_BUCKET: 'full', ...env } }));
  await createContainer(client, 'web');
}

/** A replica without registry, then without NATS while an event is due, then without the cluster. */
async function loseEverything(
  system: System,
  nats: TestNatsServer,
  env: Record<string, string>,
): Promise<System['client']> {
  const nowhere = `http://127.0.0.1:${await findFreePort()}`;
  const { client } = await system.addProvider({ DCM_REGISTRATION_URL: nowhere, ...env });
  await createContainer(client, 'web');
  await system.events.waitFor('web', 'RUNNING');
  await nats.kill();
  await deleteContainer(client, 'web');
  const { faults } = system.cluster.sandbox!;
  faults.drop();
  faults.resetWatches();
  return client;
}

/** Starts a replica four times, each time as soon as Prometheus has met the one before. */
async function restart(system: System, env: Record<string, string>, prometheus: Prometheus): Promise<void> {
  let startedAt: number | undefined;
  for (let start = 0; start < 4; start++) {
    const provider = await system.addProvider(env);
    await until('Prometheus has met the new process', async () => {
      const [series] = await prometheus.query('process_start_time_seconds{namespace="restarting"}');
      const isNew = series !== undefined && series.value !== startedAt;
      if (isNew) startedAt = series.value;
      return isNew;
    });
    await provider.kill();
  }
}

async function work(client: System['client']): Promise<void> {
  await createContainer(client, 'worked-on');
  await listIds(client);
  await deleteContainer(client, 'worked-on');
}

/** Does it again and again until it is disposed of, at a pace that leaves the processors to what is tested. */
function repeat(step: () => Promise<unknown>): Disposable {
  let isOver = false;
  const run = async (): Promise<void> => {
    while (!isOver) {
      await step().catch(() => undefined);
      await delay(paceMs);
    }
  };
  void run();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
    },
  };
}

/** What has to last for a minute has to for four seconds, so that the test need not wait as long as an operator. */
function hurried(rules: string): string {
  return rules
    .replaceAll(/\bfor: (\d+)m\b/g, (_, minutes: string) => `for: ${Number(minutes) * 4}s`)
    .replaceAll('[5m]', '[20s]')
    .replaceAll('/ 60 >', '/ 15 >');
}

async function scraped(prometheus: Prometheus, metric: string, situation: Situation): Promise<boolean> {
  return (await prometheus.query(`${metric}{namespace="${situation}"}`)).length > 0;
}

/** Makes a Lease that nobody renews and nobody may take for an hour. */
async function holdLease({ cluster }: System, name: string): Promise<void> {
  const now = new Date().toISOString().replace('Z', '000Z');
  const { status } = await cluster.request(
    'POST',
    `/apis/coordination.k8s.io/v1/namespaces/${cluster.namespace}/leases`,
    {
      metadata: { name },
      spec: {
        holderIdentity: 'another',
        leaseDurationSeconds: 3600,
        acquireTime: now,
        renewTime: now,
        leaseTransitions: 0,
      },
    },
  );
  if (status !== 201) throw new Error(`the Lease was not made: ${status}`);
}

/** Stands for a replica that gives up events: a real one keeps so many that none could be seen to do so here. */
async function startDropping(address: string): Promise<AsyncDisposable & { drop(): void }> {
  let dropped = 0;
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(`# TYPE dcm_events_dropped_total counter\ndcm_events_dropped_total ${dropped}\n`);
  });
  server.listen(Number(address.split(':')[1]), '127.0.0.1');
  await once(server, 'listening');
  return {
    drop: () => {
      dropped += 1;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
