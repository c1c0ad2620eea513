/** Finds the executables of a control plane: in KUBEBUILDER_ASSETS, else in our cache, else they are built with Go. */
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { buildOnce, goBuild } from '../go/build-once.ts';

export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'kubectl',
] as const;

/** What a real node runs of Kubernetes; built on Linux alone. */
export const nodeComponentNames = ['kubelet', 'kube-proxy'] as const;

export type ComponentName = (typeof componentNames)[number];
export type NodeComponentName = (typeof nodeComponentNames)[number];

/** Absolute path of each executable; kubectl is a help for people, and may be missing. */
export type Binaries = Record<Exclude<ComponentName, 'kubectl'>, string> & { kubectl?: string };

const moduleFolder = import.meta.dirname;

/**
 * What stands in KUBEBUILDER_ASSETS is used; what is missing there (envtest has etcd, kube-apiserver and kubectl only)
 * is built from the Go module beside this file. Throws when something is missing and cannot be built, and says what to do.
 */
export async function findBinaries(assets?: string): Promise<Binaries> {
  return (await find(componentNames, assets)) as Binaries;
}

/** The executables of a real node, found as those of the control plane are. */
export async function findNodeBinaries(assets?: string): Promise<Record<NodeComponentName, string>> {
  return (await find(nodeComponentNames, assets)) as Record<NodeComponentName, string>;
}

type Name = ComponentName | NodeComponentName;

async function find(
  names: readonly Name[],
  assets = process.env['KUBEBUILDER_ASSETS'],
): Promise<Partial<Record<Name, string>>> {
  const found = new Map<Name, string>();
  if (assets) {
    for (const name of names) {
      const path = join(assets, name);
      if (existsSync(path)) found.set(name, path);
    }
  }
  const missing = names.filter((name) => !found.has(name) && name !== 'kubectl');
  if (missing.length > 0) {
    if (assets) console.error(`KUBEBUILDER_ASSETS has no ${missing.join(', ')}: taking our own`);
    const folder = await buildBinaries(missing);
    for (const name of names) if (!found.has(name)) found.set(name, join(folder, name));
  }
  return Object.fromEntries(found);
}

async function buildBinaries(missing: readonly Name[]): Promise<string> {
  try {
    return await buildOnce({
      name: 'control-plane',
      moduleFolder,
      versionOf: 'k8s.io/kubernetes',
      describe: (version) => `Kubernetes ${version}, etcd and KWOK`,
      build: async (folder, version) => {
        await goBuild(moduleFolder, '.', join(folder, 'control-plane'), { variables: versionVariables(version) });
        for (const name of [...componentNames, ...nodeComponentNames])
          await symlink('control-plane', join(folder, name));
      },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      [
        `no cluster for the tests: ${missing.join(', ')} not found. Do one of these:`,
        '- set SP_TEST_KUBECONFIG to the kubeconfig of a cluster (kind, k3s, any), which the tests may then use;',
        '- set KUBEBUILDER_ASSETS to a folder that has these executables;',
        '- install Go 1.26 or newer: they are then built from their Go modules, once.',
      ].join('\n'),
      { cause: error },
    );
  }
}

function versionVariables(version: string): Record<string, string> {
  const [major = '', minor = ''] = version.slice(1).split('.');
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`k8s.io/component-base/version.${name}`, value]),
  );
}
