/**
 * `npm run cluster`: a real control plane to try things on, until Ctrl-C. `-- --provider` runs the sandbox on it: the
 * provider as a ServiceAccount with the rights that it needs and no more, NATS, a registry, and the status events.
 * `-- --node` adds a real node, which runs containers on this machine, in the place of those that KWOK plays.
 * `-- --record FOLDER` writes what becomes of the provider's Pods there, a file for each container.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describePlayedImages } from '../kubelet/images.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { nodeName } from './node/node.ts';
import type { RealNode } from './node/node.ts';
import { record } from './node/record.ts';
import { logRule, providerRules } from './provider-rules.ts';

const options = readOptions();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

function readOptions(): { provider: boolean; node: boolean; record?: string } {
  const options = {
    provider: { type: 'boolean', default: false },
    node: { type: 'boolean', default: false },
    record: { type: 'string' },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

async function main(): Promise<number> {
  console.error('starting a control plane…');
  await using controlPlane = await startControlPlane({ own: true, realNode: options.node });
  await printBanner(controlPlane);
  const recording = options.record === undefined ? undefined : record(controlPlane.api, options.record, stop.signal);
  recording?.catch(() => stop.abort());
  const sandbox = options.provider ? await startSandbox(controlPlane) : undefined;
  while (!stop.signal.aborted && (!sandbox || isRunning(sandbox))) {
    controlPlane.check();
    await delay(200, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  stop.abort();
  await recording;
  if (!sandbox) return 0;
  // It has a terminal's Ctrl-C already, and ends in order; then only is its cluster taken away.
  sandbox.kill('SIGTERM');
  while (isRunning(sandbox)) await delay(20);
  return sandbox.exitCode ?? 1;
}

async function printBanner(controlPlane: ControlPlane): Promise<void> {
  const { api, kubeconfig, kubectl } = controlPlane;
  const { gitVersion } = JSON.parse(await api.text('/version')) as { gitVersion: string };
  console.log(`
Kubernetes ${gitVersion} serves at ${api.server}, with ${options.node ? `the node ${nodeName}` : 'three nodes that KWOK plays'}.

  kubeconfig   ${kubeconfig}
  look at it   ${kubectl ?? 'kubectl'} --kubeconfig ${kubeconfig} get nodes,deployments,pods,services
  test on it   SP_TEST_KUBECONFIG=${kubeconfig} npm run test:cluster

${options.node ? describeRealNode(controlPlane.realNode) : describePlayedNodes()}
A LoadBalancer Service gets an address. Ctrl-C stops everything.
`);
}

function describePlayedNodes(): string {
  return `${describePlayedImages().join('\n')}

Secrets and ConfigMaps named "missing" are played as missing; of others nobody looks whether they are there.`;
}

function describeRealNode({ address, limitsMemory, registry }: RealNode): string {
  return `Pods are processes of this machine. The node is reached at ${address}, node ports there too, Pods and Services at
their own addresses. Its registry is ${registry.host}, by plain HTTP; the image ${registry.host}/busybox:1 is there.${
    limitsMemory ? '' : '\nLimits of memory are not enforced: the memory control groups here belong to somebody else.'
  }`;
}

async function startSandbox(controlPlane: ControlPlane): Promise<ChildProcess> {
  const namespace = 'default';
  const { kubeconfig } = await controlPlane.createAccess(namespace, [...providerRules, logRule]);
  return spawn(process.execPath, [join(import.meta.dirname, '../sandbox/main.ts')], {
    stdio: 'inherit',
    env: {
      ...(options.node && {
        SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
        SP_K8S_EXTERNAL_ADDRESS: controlPlane.realNode.address,
      }),
      ...process.env,
      SP_K8S_KUBECONFIG: kubeconfig,
      SP_K8S_NAMESPACE: namespace,
    },
  });
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
