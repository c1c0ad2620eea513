/**
 * Starts the service beside it once, asks it for what it is asked for first, and ends it, so that Node's compile cache has
 * what a start compiles. NODE_COMPILE_CACHE names the folder. Whoever runs this must be the user who will run the service,
 * with the same options for Node: what was compiled under others is not used.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const folder = await mkdtemp(join(tmpdir(), 'warm-'));
const kubeconfig = join(folder, 'kubeconfig');
await writeFile(
  kubeconfig,
  JSON.stringify({
    clusters: [{ name: 'none', cluster: { server: 'http://127.0.0.1:9' } }],
    users: [{ name: 'none', user: {} }],
    contexts: [{ name: 'none', context: { cluster: 'none', user: 'none' } }],
    'current-context': 'none',
  }),
);
const service = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'main.js')], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: {
    ...process.env,
    SP_NAME: 'warm',
    SP_ENDPOINT: 'http://127.0.0.1:9',
    SP_SERVER_ADDRESS: '127.0.0.1:0',
    SP_K8S_KUBECONFIG: kubeconfig,
    SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
    SP_NATS_URL: 'nats://127.0.0.1:9',
    DCM_REGISTRATION_URL: 'http://127.0.0.1:9',
  },
});
const ended = once(service, 'exit');
for await (const line of createInterface({ input: service.stdout })) {
  const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
  if (msg !== 'listening') continue;
  for (const path of ['/api/v1alpha1/containers/health', '/docs/']) await fetch(`http://${address!}${path}`);
  service.kill('SIGTERM');
}
const [code] = (await ended) as [number | null];
await rm(folder, { recursive: true });
process.exitCode = code ?? 1;
