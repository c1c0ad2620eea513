/**
 * `npm run image`: builds the Containerfile for real, with Debian's buildah on a stand-in for the base image, runs the
 * result as a cluster would against the sandbox's Kubernetes, NATS and registry, and says what was seen and measured.
 * Needs root, and Debian's buildah and mmdebstrap. Every step has a bound; what fails is named, and ends it with 1.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readRevision } from '../build/revision.ts';
import { chooseAddress } from '../sandbox/address.ts';
import { startKubernetesApi } from '../sandbox/kubernetes/api.ts';
import { startNatsServer } from '../sandbox/nats/start.ts';
import { startRegistry } from '../sandbox/registry.ts';
import { ensureBase, readBase } from './base.ts';
import { buildah, describeImage, mountImage } from './builder.ts';
import { Container, kubeconfigPath } from './container.ts';
import type { ContainerOptions } from './container.ts';
import { expectSound } from './expectations.ts';
import { untilHealthy } from './health.ts';

const root = join(import.meta.dirname, '../..');
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
const image = `localhost/${name}:${version}`;
const starts = 5;

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  checkMachine();
  const containerfile = readFileSync(join(root, 'Containerfile'), 'utf8');
  const base = readBase(containerfile);
  await ensureBase(base);
  const options = ['--isolation', 'chroot', '--network', 'host', '--pull-never', '--layers', '--format', 'docker'];
  const revision = readRevision(root)?.slice(0, 7) ?? '';
  const parameters = ['--build-arg', `VERSION=${version}`, '--build-arg', `REVISION=${revision}`, '--tag', image, root];
  await buildah('build the Containerfile', ['build', ...options, ...parameters], 900);

  const [built, standIn] = await Promise.all([describeImage(image), describeImage(base)]);
  if (built === undefined || standIn === undefined) throw new Error('what was built is not among the images');
  const { configuration, layers } = built;
  const own = layers.slice(standIn.layers.length);
  await using mounted = await mountImage(image);
  await tryOut({ root: mounted.root, configuration });
  console.log(`layers of its own: ${own.map(formatSize).join(', ')}; ${formatSize(sum(own))} altogether`);
  console.log(`with the stand-in of the base: ${formatSize(sum(layers))}`);
}

async function tryOut(files: Pick<ContainerOptions, 'root' | 'configuration'>): Promise<void> {
  await using parts = new AsyncDisposableStack();
  const nats = parts.use(await startNatsServer());
  const kubernetes = parts.use(await startKubernetesApi());
  const registry = parts.use(await startRegistry());
  const kubeconfig = await kubernetes.writeKubeconfig();
  const start = async (env: Record<string, string>) => {
    const { listen, url } = await chooseAddress('127.0.0.1:0');
    const management = await chooseAddress('127.0.0.1:0');
    const startedAt = performance.now();
    const container = new Container({
      ...files,
      kubeconfig,
      env: {
        SP_NAME: 'image',
        SP_ENDPOINT: url,
        SP_SERVER_ADDRESS: listen,
        SP_MANAGEMENT_ADDRESS: management.listen,
        SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
        SP_K8S_KUBECONFIG: kubeconfigPath,
        SP_NATS_URL: nats.url,
        DCM_REGISTRATION_URL: registry.url,
        ...env,
      },
    });
    return { container, startedAt, urls: { api: url, management: management.url } };
  };

  const { container, urls } = await start({});
  await using _ = container;
  await expectSound(container, urls);

  const measure = async (env: Record<string, string>): Promise<number[]> => {
    const times: number[] = [];
    for (let run = 0; run < starts; run += 1) {
      const { container, startedAt, urls } = await start(env);
      await using _ = container;
      await untilHealthy(container, urls.api);
      times.push(performance.now() - startedAt);
    }
    return times;
  };
  const warm = median(await measure({}));
  const cold = median(await measure({ NODE_DISABLE_COMPILE_CACHE: '1' }));
  console.log(
    `start to first healthy answer, median of ${starts}: ${warm.toFixed(0)} ms, without the compile cache ${cold.toFixed(0)} ms`,
  );
}

/** @throws Error that names all that is missing */
function checkMachine(): void {
  const missing = ['buildah', 'mmdebstrap', 'unshare', 'setpriv', 'nsenter'].filter((command) => {
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (process.getuid?.() !== 0) missing.unshift('root');
  if (missing.length > 0) throw new Error(`the image cannot be built here; missing: ${missing.join(', ')}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function formatSize(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
