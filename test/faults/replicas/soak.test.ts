import t from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { createAuditLog } from '../../support/audit-log.ts';
import { onlyWithAll } from '../../support/faults.ts';
import { createProbe, endSurely, soakMs, soakSeed } from '../soak/soak.ts';
import type { Probe } from '../soak/soak.ts';
import { startReplicas } from './replicas.ts';
import { underWay } from './senders.ts';
import { ReplicasSoak } from './soak.ts';

const defaultSeconds = 300;

t.test('three replicas under every fault lose nothing, write nothing twice and do not grow', onlyWithAll, async (t) => {
  t.teardown(endSurely);
  await using stack = new AsyncDisposableStack();
  const audit = stack.use(await createAuditLog());
  const controlPlane = stack.use(await startControlPlane({ own: true, apiServerFlags: audit.apiServerFlags }));
  const probes = new Map<string, Probe>();
  const envOf = async (name: string): Promise<Record<string, string>> => {
    const probe = stack.use(await createProbe());
    probes.set(name, probe);
    return probe.env;
  };
  const replicas = stack.use(
    await startReplicas(3, { on: { controlPlane }, remembering: true, bareEnvironment: true, envOf }),
  );
  const soak = new ReplicasSoak({
    replicas,
    probes,
    audit,
    seed: soakSeed(),
    milliseconds: soakMs(defaultSeconds),
    tell: (line) => console.error(`soak, after ${Math.round(performance.now() / 1_000)} s: ${line}`),
  });
  for await (const { name, unexcused, leaders, late } of soak.rounds()) {
    t.strictSame(unexcused, [], name);
    t.equal(leaders.length, 1, `${name}: ${leaders.join(', ')} leads`);
    const atOnce = late.filter(({ count, spanMs }) => count > underWay.events || spanMs > underWay.spanMs);
    t.strictSame(atOnce, [], `${name}: no two replicas send at once`);
    if (!t.passing()) return;
  }
  const { counts, faults } = await soak.writes();
  t.strictSame(faults, []);
  t.ok(
    counts.values().some(({ repairs }) => repairs > 0),
    'the leader has repaired something',
  );
  for (const { of, grows } of soak.growth()) t.notOk(grows, of);
  controlPlane.check();
});
