/**
 * `npm run generate:install`: renders deploy/install.yaml from the chart, for who applies it without Helm; needs Go, as
 * Helm is built with it. With `--check` it changes nothing, and fails where the file is not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';

import { renderChart } from './helm/helm.ts';

const deployFolder = join(import.meta.dirname, '../deploy');
export const installFile = join(deployFolder, 'install.yaml');
const head = `# The provider in a cluster, with two replicas: rendered from deploy/chart by \`npm run generate:install\`, not edited here.
# SP_NAME, SP_K8S_EXTERNAL_SVC_TYPE, SP_NATS_URL and DCM_REGISTRATION_URL are examples, to be replaced by your own.

`;

/** What deploy/install.yaml should be. */
export async function renderInstallation(): Promise<string> {
  const manifest = await renderChart({
    release: 'container-provider',
    namespace: 'dcm-provider',
    valueFiles: [join(deployFolder, 'install-values.yaml')],
  });
  const plain = manifest.replaceAll(/^# Source: .*\n/gm, '');
  return head + (await format(plain, { ...(await resolveConfig(installFile)), parser: 'yaml' }));
}

if (import.meta.main) {
  const rendered = await renderInstallation();
  if (!process.argv.includes('--check')) {
    await writeFile(installFile, rendered);
  } else if (rendered !== (await readFile(installFile, 'utf8').catch(() => ''))) {
    console.error('deploy/install.yaml is not what the chart renders: run npm run generate:install');
    process.exitCode = 1;
  }
}
