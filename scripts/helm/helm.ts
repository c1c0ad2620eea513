/** Helm, built with Go from the module beside this file: for rendering and checking the chart. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { parseAllDocuments } from 'yaml';

import { buildOnce, goBuild } from '../go/build-once.ts';

const run = promisify(execFile);
const moduleFolder = import.meta.dirname;

export const chartFolder = join(moduleFolder, '../../deploy/chart');

export interface Rendering {
  release: string;
  /** The release's namespace. */
  namespace: string;
  /** Files with values, the later ones winning. */
  valueFiles?: readonly string[];
  /** Values that win over those of the files. */
  values?: object;
}

/** An object of a manifest; only what every object has. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** The path of the executable; built where it is not in the cache. */
export async function findHelm(): Promise<string> {
  const folder = await buildOnce({
    name: 'helm',
    moduleFolder,
    versionOf: 'helm.sh/helm/v4',
    describe: (version) => `Helm ${version}`,
    build: (output) => goBuild(moduleFolder, 'helm.sh/helm/v4/cmd/helm', join(output, 'helm')),
  });
  return join(folder, 'helm');
}

/**
 * The standard output of a command of Helm.
 *
 * @throws Error with what Helm said, when it fails
 */
export async function runHelm(commandLine: readonly string[]): Promise<string> {
  const { stdout } = await run(await findHelm(), commandLine, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** The chart's manifest as YAML, what is only installed by Helm itself included. */
export function renderChart({ release, namespace, valueFiles = [], values = {} }: Rendering): Promise<string> {
  return runHelm([
    ...['template', release, chartFolder, '--namespace', namespace],
    ...valueFiles.flatMap((file) => ['--values', file]),
    ...Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]),
  ]);
}

export function parseManifest<Kind extends ManifestObject = ManifestObject>(manifest: string): Kind[] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as Kind | null)
    .filter((object) => object !== null);
}
