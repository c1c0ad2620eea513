import { test } from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { createAuditLog } from '../../support/audit-log.ts';
import { onlyWithAll } from '../../support/faults.ts';
import { createProbe, endSurely, soakMs, soakSeed } from '../soak/soak.ts';
import type { Probe } from '../soak/soak.ts';
import { startReplicas } from './replicas.ts';
import { soakReplicas } from './soak.ts';

const defaultSeconds = 300;

test('three replicas under every fault lose nothing, write nothing twice and do not grow', onlyWithAll, async (t) => {
  t.after(endSurely);
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
  await soakReplicas({
    replicas,
    probes,
    audit,
    seed: soakSeed(),
    milliseconds: soakMs(defaultSeconds),
    tell: (line) => console.error(`soak, after ${Math.round(performance.now() / 1_000)} s: ${line}`),
  });
  controlPlane.check();
});
