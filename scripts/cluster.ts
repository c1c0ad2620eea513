/** `npm run cluster`: a real control plane to try things on, until Ctrl-C. */
import { setTimeout as delay } from 'node:timers/promises';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import type { ControlPlane } from '../test/cluster/control-plane.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

console.error('starting a control plane…');
process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

async function main(): Promise<number> {
  await using controlPlane = await startControlPlane({ own: true });
  await printBanner(controlPlane);
  while (!stop.signal.aborted) {
    controlPlane.check();
    await delay(500, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  return 0;
}

async function printBanner({ api, kubeconfig, kubectl }: ControlPlane): Promise<void> {
  const { gitVersion } = JSON.parse(await api.text('/version')) as { gitVersion: string };
  console.log(`
Kubernetes ${gitVersion} serves at ${api.server}, with three nodes that KWOK plays.

  kubeconfig   ${kubeconfig}
  look at it   ${kubectl ?? 'kubectl'} --kubeconfig ${kubeconfig} get nodes,deployments,pods,services
  test on it   SP_TEST_KUBECONFIG=${kubeconfig} npm run test:cluster

A Pod runs after about a second; an image named …/missing cannot be pulled, …/crash crash-loops, …/slow takes its time.
A LoadBalancer Service gets an address. Ctrl-C stops everything.
`);
}
