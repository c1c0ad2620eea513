/**
 * A real node beside the control plane: kubelet, kube-proxy, containerd with runc, and a registry of images. All of them
 * live in namespaces of their own, whose first process takes everything with it when it ends; so nothing is left of
 * mounts, networks, processes and containers, however we end. What stays are empty control groups, see cgroups.ts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Certificates } from '../certificates.ts';
import { findNodeBinaries } from '../binaries.ts';
import { Component } from '../component.ts';
import type { Reaper } from '../component.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { findContainerd } from './binaries.ts';
import type { ContainerdBinaries } from './binaries.ts';
import { createGroup, ownGroupName, readHierarchies, removeAbandonedGroups, removeGroup } from './cgroups.ts';
import type { Hierarchy } from './cgroups.ts';
import {
  containerdConfiguration,
  containerdSocket,
  kubeletConfiguration,
  kubeletHealthUrl,
  network,
  plainHttp,
  podNetwork,
  proxyConfiguration,
  proxyHealthUrl,
  registryConfiguration,
  registryHost,
} from './configuration.ts';
import { buildLayer, Registry } from './images.ts';
import { describeMissing, lookAtMachine, pluginFolder, searchPath } from './machine.ts';
import type { Program } from './machine.ts';

const run = promisify(execFile);

export const nodeName = 'real-1';

/** The processes of a node, in the order in which they start. */
export interface NodeComponents {
  registry: Component;
  containerd: Component;
  kubelet: Component;
  kubeProxy: Component;
}

interface Place {
  folder: string;
  reaper: Reaper;
}

interface Parts extends Place {
  programs: ReadonlyMap<Program, string>;
  containerd: ContainerdBinaries;
  hierarchies: readonly Hierarchy[];
  foreignMemory: string | undefined;
  group: string;
  namespaces: Component;
}

export class RealNode implements AsyncDisposable {
  /** Where the machine is reached from the node; the API server must listen there. */
  readonly machineAddress: string = network.hostAddress;
  /** Where the node and its ports are reached from the machine. */
  readonly address: string = network.nodeAddress;
  /** Whether containers have the limits of memory that they ask for. */
  readonly limitsMemory: boolean;
  readonly #parts: Parts;
  #components: NodeComponents | undefined;
  #registry: Registry | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.limitsMemory = parts.foreignMemory === undefined;
  }

  /**
   * Removes what an earlier node has left, and makes namespaces and network.
   *
   * @throws Error when the machine cannot have a node, with everything that it lacks, or has one now
   */
  static async prepare({ folder: parent, reaper }: Place): Promise<RealNode> {
    const machine = lookAtMachine();
    const missing = describeMissing(machine);
    if (missing !== undefined) throw new Error(missing);
    const { hierarchies, foreignMemory } = await readHierarchies();
    const owner = await removeAbandonedGroups(hierarchies);
    if (owner !== undefined) throw new Error(`process ${owner} has a real node running: one at a time on a machine`);

    const folder = join(parent, 'node');
    await mkdir(folder);
    const containerd = await findContainerd();
    const group = await ownGroupName();
    const groupPath = await createGroup(hierarchies, group);
    const namespaces = new Component({
      name: 'namespaces',
      executable: 'sh',
      commandLine: [
        ...['-c', 'echo $$ >"$1/cgroup.procs"; shift; exec unshare "$@"', 'sh', groupPath],
        ...['--mount', '--propagation=private', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL'],
        ...['--mount-proc', join(import.meta.dirname, 'setup.sh'), folder, foreignMemory ?? '', group],
        ...hierarchies.map(({ path }) => path),
      ],
      logFile: join(folder, 'namespaces.log'),
      env: { PATH: searchPath },
      reaper,
      isReady: () => Promise.resolve(existsSync(join(folder, 'ready'))),
    });
    const { programs } = machine;
    const node = new RealNode({ folder, reaper, programs, containerd, hierarchies, foreignMemory, group, namespaces });
    try {
      await namespaces.start();
      await node.#connect();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The processes; throws before the node has joined a control plane, as `registry` does. */
  get components(): NodeComponents {
    if (!this.#components) throw new Error('the node has not joined a control plane yet');
    return this.#components;
  }

  /** What the node pulls its images from. */
  get registry(): Registry {
    if (!this.#registry) throw new Error('the node has not joined a control plane yet');
    return this.#registry;
  }

  /** Starts the node's processes, which make it known to the API server, and pushes the images `pause:1` and `busybox:1`. */
  async join({ server, certificates }: { server: string; certificates: Certificates }): Promise<void> {
    const { folder, programs } = this.#parts;
    const kubernetes = await findNodeBinaries();
    const layer = await buildLayer(folder, programs.get('busybox')!);
    const registry = new Registry(registryHost, layer);
    const kubeconfig = async (user: string, group?: string): Promise<string> => {
      const path = join(folder, `${user.replaceAll(':', '-')}.kubeconfig`);
      await writeKubeconfig(path, server, certificates.authority.certificate, await certificates.client(user, group));
      return path;
    };
    const components = {
      registry: this.#registryComponent(await this.#write('registry.json', registryConfiguration(folder)), () =>
        registry.answers(),
      ),
      containerd: await this.#containerdComponent(),
      kubelet: await this.#kubeletComponent(
        kubernetes.kubelet,
        await kubeconfig(`system:node:${nodeName}`, 'system:nodes'),
        certificates.authority.certificateFile,
      ),
      kubeProxy: this.#component(
        'kube-proxy',
        [
          ...[kubernetes['kube-proxy'], `--hostname-override=${nodeName}`],
          `--config=${await this.#write('kube-proxy.json', proxyConfiguration(await kubeconfig('system:kube-proxy')))}`,
        ],
        { isReady: () => answers(proxyHealthUrl) },
      ),
    };
    this.#components = components;
    this.#registry = registry;
    await components.registry.start();
    await Promise.all([
      registry.push('pause', '1', { Entrypoint: ['sleep', 'infinity'] }),
      registry.push('busybox', '1', { Cmd: ['sleep', 'infinity'] }),
    ]);
    await components.containerd.start();
    await components.kubelet.start();
    await components.kubeProxy.start();
  }

  /** Lets images be pulled from a registry that does not speak TLS: `10.245.77.1:5001`. */
  async usePlainHttp(registry: string): Promise<void> {
    const folder = join(this.#registriesFolder, registry);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'hosts.toml'), plainHttp(registry));
  }

  /** Ends all containers and processes, and takes mounts, network and control groups away. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { namespaces, hierarchies, group } = this.#parts;
    await Promise.all((Object.values(this.#components ?? {}) as Component[]).map((component) => component.kill()));
    await namespaces.kill();
    await removeGroup(hierarchies, group);
    await this.#disconnect();
  }

  /** Links the node's network to the machine's, and lets the machine reach Pods and Services through the node. */
  async #connect(): Promise<void> {
    const { hostLink, hostAddress, nodeAddress, prefixLength, pods, services } = network;
    const inside = (...words: string[]) => this.#run(...this.#enter(['ip', ...words]));
    const outside = (...words: string[]) => this.#run('ip', ...words);
    await this.#disconnect();
    await outside('link', 'add', hostLink, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(this.#namespacesId));
    await outside('address', 'add', `${hostAddress}/${prefixLength}`, 'dev', hostLink);
    await outside('link', 'set', hostLink, 'up');
    await inside('address', 'add', `${nodeAddress}/${prefixLength}`, 'dev', 'eth0');
    await inside('link', 'set', 'eth0', 'up');
    for (const addresses of [pods, services]) await outside('route', 'add', addresses, 'via', nodeAddress);
  }

  /** The kernel takes the link away with the node's network, but in its own time. */
  async #disconnect(): Promise<void> {
    const isThere = (): boolean => existsSync(`/sys/class/net/${network.hostLink}`);
    if (!isThere()) return;
    await this.#run('ip', 'link', 'delete', network.hostLink).catch((error: unknown) => {
      if (isThere()) throw error;
    });
  }

  #registryComponent(configuration: string, isReady: () => Promise<boolean>): Component {
    return this.#component('registry', [this.#parts.programs.get('docker-registry')!, 'serve', configuration], {
      isReady,
    });
  }

  async #containerdComponent(): Promise<Component> {
    const { folder, containerd, foreignMemory, programs } = this.#parts;
    const runc = programs.get('runc')!;
    const networkFolder = join(folder, 'networks');
    await mkdir(networkFolder);
    await this.usePlainHttp(registryHost);
    await writeFile(join(networkFolder, 'pods.conflist'), JSON.stringify(podNetwork(folder)));
    const configuration = join(folder, 'containerd.toml');
    await writeFile(
      configuration,
      containerdConfiguration({
        folder,
        runc: foreignMemory === undefined ? runc : containerd.runcWithoutMemory,
        pluginFolder,
        networkFolder,
        registriesFolder: this.#registriesFolder,
      }),
    );
    const commandLine = [containerd.containerd, '--config', configuration];
    // Without the hierarchy, which is mounted twice, runc and the shims know of no memory that they should limit.
    const withoutMemory = ['unshare', '--mount', '--propagation=unchanged', 'sh', '-c'];
    const script = 'umount "$0"; umount "$0"; exec "$@"';
    return this.#component(
      'containerd',
      foreignMemory === undefined ? commandLine : [...withoutMemory, script, foreignMemory, ...commandLine],
      {
        env: { PATH: `${containerd.folder}:${searchPath}`, SP_NODE_RUNC: runc },
        isReady: () => Promise.resolve(existsSync(containerdSocket(folder))),
      },
    );
  }

  async #kubeletComponent(executable: string, kubeconfig: string, authorityFile: string): Promise<Component> {
    const { folder } = this.#parts;
    const configuration = kubeletConfiguration({ folder, authorityFile });
    return this.#component(
      'kubelet',
      [
        ...[executable, `--config=${await this.#write('kubelet.json', configuration)}`, `--kubeconfig=${kubeconfig}`],
        ...[`--root-dir=${join(folder, 'kubelet')}`, `--cert-dir=${join(folder, 'kubelet/pki')}`],
        ...[`--hostname-override=${nodeName}`, `--node-ip=${network.nodeAddress}`, '--v=2'],
      ],
      { isReady: () => answers(kubeletHealthUrl) },
    );
  }

  #component(
    name: string,
    commandLine: string[],
    { env, isReady }: { env?: Record<string, string>; isReady: () => Promise<boolean> },
  ): Component {
    const { folder, reaper } = this.#parts;
    const [executable, ...rest] = this.#enter(commandLine);
    return new Component({
      name,
      executable,
      commandLine: rest,
      logFile: join(folder, `${name}.log`),
      env: { PATH: searchPath, ...env },
      reaper,
      isReady,
    });
  }

  /** The command line within the namespaces; the command ends with the process that runs it from outside. */
  #enter(commandLine: readonly string[]): [string, ...string[]] {
    const namespace = (file: string): string => `/proc/${this.#namespacesId}/ns/${file}`;
    return [
      ...([
        'nsenter',
        `--mount=${namespace('mnt')}`,
        `--net=${namespace('net')}`,
        `--ipc=${namespace('ipc')}`,
      ] as const),
      ...[`--uts=${namespace('uts')}`, `--pid=${namespace('pid_for_children')}`],
      ...['setpriv', '--pdeathsig=KILL', ...commandLine],
    ];
  }

  get #registriesFolder(): string {
    return join(this.#parts.folder, 'registries');
  }

  get #namespacesId(): number {
    return this.#parts.namespaces.processId!;
  }

  async #run(command: string, ...commandLine: string[]): Promise<void> {
    await run(command, commandLine, { env: { ...process.env, PATH: searchPath } });
  }

  /** @returns the path of the file, in the node's folder */
  async #write(file: string, content: object): Promise<string> {
    const path = join(this.#parts.folder, file);
    await writeFile(path, JSON.stringify(content, undefined, 2));
    return path;
  }
}

async function answers(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
}
