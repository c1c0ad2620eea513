/** The Prometheus operator's kinds, from its Go module, so that the API server checks what the chart makes of them. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { parse } from 'yaml';

import { ApiError } from '../../scripts/cluster/api.ts';
import type { ControlPlane } from '../../scripts/cluster/control-plane.ts';

const run = promisify(execFile);

const module = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
const plurals = ['servicemonitors', 'prometheusrules'];
const group = 'monitoring.coreos.com';

/** Makes them where they are not there yet; resolves once objects of these kinds can be made. */
export async function createOperatorKinds(controlPlane: ControlPlane): Promise<void> {
  const { api } = controlPlane;
  const { stdout } = await run('go', ['mod', 'download', '-json', module]);
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  for (const plural of plurals) {
    const file = join(folder, 'example/prometheus-operator-crd', `${group}_${plural}.yaml`);
    const definition = parse(await readFile(file, 'utf8')) as object;
    await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    });
  }
  await controlPlane.waitFor('the kinds of the Prometheus operator', async () => {
    const { resources } = await api.get<{ resources: { name: string }[] }>(`/apis/${group}/v1`);
    return plurals.every((plural) => resources.some(({ name }) => name === plural));
  });
}
