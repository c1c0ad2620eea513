/** What is fuzzed: a provider as it ships, in a process of its own, on a sandboxed cluster, with secrets wherever it takes any. */
import { readFile, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { startNatsServer } from '../sandbox/nats/nats-server.ts';
import { startRegistry } from '../registry.ts';
import { startProviderProcess } from '../bench/provider-process.ts';
import type { ProviderProcess } from '../bench/provider-process.ts';
import { startKubernetesApi } from '../sandbox/kubernetes/api.ts';
import type { SandboxKubernetes } from '../sandbox/kubernetes/api.ts';

export interface FuzzTarget extends AsyncDisposable {
  provider: ProviderProcess;
  kubernetes: SandboxKubernetes;
  /** Part of every credential that the provider was given, and to be part of every secret that it is sent. */
  secret: string;
}

export async function startTarget(): Promise<FuzzTarget> {
  await using stack = new AsyncDisposableStack();
  const secret = `secret-${randomUUID()}`;
  const kubernetes = stack.use(
    // Each container may take several node ports, and there may be thousands at a time.
    await startKubernetesApi({ tls: true, controllers: { podStart: 50 }, nodePorts: { first: 1_024, last: 65_535 } }),
  );
  const kubeconfig = await kubernetes.writeKubeconfig();
  await writeFile(kubeconfig, (await readFile(kubeconfig, 'utf8')).replace(/("token":\s*)"[^"]*"/, `$1"${secret}"`));
  const nats = stack.use(await startNatsServer());
  const registry = stack.use(await startRegistry());
  const provider = stack.use(
    await startProviderProcess({
      kubeconfig,
      namespace: 'default',
      natsUrl: nats.url.replace('nats://', `nats://fuzz:${secret}@`),
      registrationUrl: registry.url,
      env: {
        SP_LOG_LEVEL: 'debug',
        SP_LOGS: 'true',
        SP_SERVER_READ_TIMEOUT: '2s',
        SP_SERVER_IDLE_TIMEOUT: '1s',
        // Bounds what a ":wait" may take, which else answers as late as schemathesis gives up.
        SP_SERVER_REQUEST_TIMEOUT: '4s',
        // Deleted containers are remembered for two of these.
        SP_MONITOR_RESYNC_PERIOD: '2s',
        SP_MONITOR_DEBOUNCE_MS: '20',
      },
    }),
  );
  const parts = stack.move();
  return { provider, kubernetes, secret, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
