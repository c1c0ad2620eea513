/** Helm, built with Go from the modules beside this file and below it: for rendering, checking and installing the chart. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { parseAllDocuments } from 'yaml';

import { buildOnce, goBuild } from '../go/build-once.ts';

const run = promisify(execFile);

export const chartFolder = join(import.meta.dirname, '../../deploy/chart');

/** Major versions that people upgrade with; 4 applies on the server's side. */
export const helmVersions = [3, 4] as const;
export type HelmVersion = (typeof helmVersions)[number];

const modules: Record<HelmVersion, { folder: string; variables?: Record<string, string> }> = {
  // Unless it is told at its build, it renders for Kubernetes 1.20.
  3: {
    folder: join(import.meta.dirname, '3'),
    variables: {
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': '37',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': '37',
    },
  },
  4: { folder: import.meta.dirname },
};

export interface Rendering {
  release: string;
  /** The release's namespace. */
  namespace: string;
  /** Files with values, the later ones winning. */
  valueFiles?: readonly string[];
  /** Values that win over those of the files. */
  values?: object;
  /** Of Helm; the newest where absent. */
  version?: HelmVersion;
}

/** An object of a manifest; only what every object has. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** The path of the executable; built where it is not in the cache. */
export async function findHelm(version: HelmVersion = 4): Promise<string> {
  const { folder: moduleFolder, variables = {} } = modules[version];
  const module = `helm.sh/helm/v${version}`;
  const folder = await buildOnce({
    name: 'helm',
    moduleFolder,
    versionOf: module,
    describe: (tag) => `Helm ${tag}`,
    build: (output) => goBuild(moduleFolder, `${module}/cmd/helm`, join(output, 'helm'), { variables }),
  });
  return join(folder, 'helm');
}

/**
 * The standard output of a command of Helm.
 *
 * @throws Error with what Helm said, when it fails
 */
export async function runHelm(commandLine: readonly string[], version?: HelmVersion): Promise<string> {
  const { stdout } = await run(await findHelm(version), commandLine, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** The chart's manifest as YAML, what is only installed by Helm itself included. */
export function renderChart({ release, namespace, valueFiles = [], values = {}, version }: Rendering): Promise<string> {
  const files = valueFiles.flatMap((file) => ['--values', file]);
  const chart = ['template', release, chartFolder, '--namespace', namespace];
  return runHelm([...chart, ...files, ...settings(values)], version);
}

/** Values as arguments of Helm. */
export function settings(values: object): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);
}

export function parseManifest<Kind extends ManifestObject = ManifestObject>(manifest: string): Kind[] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as Kind | null)
    .filter((object) => object !== null);
}
