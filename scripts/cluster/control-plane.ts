/**
 * A real Kubernetes control plane for tests: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and KWOK,
 * which plays the kubelets of a few nodes and a cloud's load balancers; or, in the place of these nodes, a real one. Each
 * is a process of its own, on 127.0.0.1, but for what a real node has to reach.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from '../free-port.ts';
import { ApiError, ClusterApi } from './api.ts';
import type { KubernetesObject } from './api.ts';
import { findBinaries } from './binaries.ts';
import type { Binaries, ComponentName } from './binaries.ts';
import { createCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { Component } from './component.ts';
import type { Reaper } from './component.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { RealNode } from './node/node.ts';
import { managedNodeLabel, manualAnnotation, stages } from './stages.ts';

export interface ControlPlaneOptions {
  /** Start a control plane even where SP_TEST_KUBECONFIG names a cluster: for tests that kill or stop its processes. */
  own?: boolean;
  /** Number of fake nodes. */
  nodes?: number;
  /** One real node, with a kubelet that runs containers, in the place of the fake ones. */
  realNode?: boolean;
  /** Seconds without a sign of life after which a node counts as lost. */
  nodeGraceSeconds?: number;
  /** More flags for kube-apiserver, `--name=value`; they win over ours. */
  apiServerFlags?: readonly string[];
  /** More flags for kube-controller-manager; they win over ours. */
  controllerManagerFlags?: readonly string[];
}

/** A rule of an RBAC Role. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** A ServiceAccount with a Role of its own in one namespace. */
export interface Access {
  /** Path of a kubeconfig that holds its token. */
  kubeconfig: string;
  /** Replaces the rules of its Role; resolves once they are in force. */
  setRules: (rules: readonly PolicyRule[]) => Promise<void>;
}

/** The processes, in the order in which they start. */
export interface Components {
  etcd: Component;
  apiServer: Component;
  controllerManager: Component;
  scheduler: Component;
  kwok: Component;
}

const readyTimeoutMs = 60_000;
const pollIntervalMs = 50;

/** Finds a cluster (SP_TEST_KUBECONFIG) or starts one, and waits until Pods can run there. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const external = process.env['SP_TEST_KUBECONFIG'];
  if (external && !options.own) {
    const api = await ClusterApi.fromKubeconfig(external);
    return new ControlPlane({ kubeconfig: external, api, folder: await makeFolder() });
  }
  const binaries = await findBinaries();
  const folder = await makeFolder();
  const controlPlane = new ControlPlane({ ...(await startProcesses(binaries, folder, options)), folder });
  try {
    await controlPlane.waitUntilReady();
    return controlPlane;
  } catch (error) {
    await controlPlane[Symbol.asyncDispose]();
    throw error;
  }
}

function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'control-plane-'));
}

interface StartedProcesses {
  kubeconfig: string;
  api: ClusterApi;
  components: Components;
  etcdUrl: string;
  kubectl: string | undefined;
  realNode: RealNode | undefined;
  stopReaper: () => Promise<void>;
}

export class ControlPlane implements AsyncDisposable {
  /** Path of a kubeconfig that may do everything (or what SP_TEST_KUBECONFIG may). */
  readonly kubeconfig: string;
  /** Requests with that kubeconfig. */
  readonly api: ClusterApi;
  /** Path of a kubectl of the same version, where there is one. */
  readonly kubectl: string | undefined;
  readonly #folder: string;
  readonly #components: Components | undefined;
  readonly #etcdUrl: string | undefined;
  readonly #realNode: RealNode | undefined;
  readonly #stopReaper: (() => Promise<void>) | undefined;
  readonly #namespaces: string[] = [];

  constructor(parts: { folder: string } & Pick<StartedProcesses, 'kubeconfig' | 'api'> & Partial<StartedProcesses>) {
    this.kubeconfig = parts.kubeconfig;
    this.api = parts.api;
    this.kubectl = parts.kubectl;
    this.#folder = parts.folder;
    this.#components = parts.components;
    this.#etcdUrl = parts.etcdUrl;
    this.#realNode = parts.realNode;
    this.#stopReaper = parts.stopReaper;
  }

  /** Whether we started it: only then are there components to kill and nodes to lose. */
  get isOwn(): boolean {
    return this.#components !== undefined;
  }

  /** Whether KWOK plays the nodes, so that images steer Pods and nodes can be lost; also of a cluster that is not ours. */
  async isSimulated(): Promise<boolean> {
    return (await this.api.list(`/api/v1/nodes?labelSelector=${encodeURIComponent(managedNodeLabel)}`)).length > 0;
  }

  /** Throws for a cluster that SP_TEST_KUBECONFIG names: its processes are not ours. */
  get components(): Components {
    if (!this.#components)
      throw new Error('the cluster of SP_TEST_KUBECONFIG is not ours: its processes cannot be reached');
    return this.#components;
  }

  /** Throws unless one was asked for. */
  get realNode(): RealNode {
    if (!this.#realNode) throw new Error('this control plane was started without a real node');
    return this.#realNode;
  }

  /** Throws what a component that died unasked left behind, if one did. */
  check(): void {
    const all: Record<string, Component> = { ...this.#components, ...this.#realNode?.components };
    for (const component of Object.values(all)) {
      if (component.failure) throw component.failure;
    }
  }

  /** Polls until the condition holds; throws when a component dies, or after the time, naming `what`. */
  async waitFor(what: string, condition: () => Promise<boolean>, timeoutMs = readyTimeoutMs): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    let lastError: unknown;
    for (;;) {
      try {
        if (await condition()) return;
      } catch (error) {
        lastError = error;
      }
      this.check();
      if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: lastError });
      await delay(pollIntervalMs);
    }
  }

  /** Waits until every node takes Pods and Pods may be created in the namespace `default`. */
  async waitUntilReady(): Promise<void> {
    await this.waitFor('nodes ready', async () => {
      const nodes = await this.api.list<KubernetesObject & { spec: { taints?: unknown[] } }>('/api/v1/nodes');
      return nodes.length > 0 && nodes.every((node) => !node.spec.taints);
    });
    await this.waitFor('a ServiceAccount in the namespace default', () => this.#hasServiceAccount('default'));
  }

  /** Makes a namespace in which Pods can be created at once, named after the prefix, and deleted at the end. */
  async createNamespace(prefix = 'test'): Promise<string> {
    const { metadata } = await this.api.create('/api/v1/namespaces', { metadata: { generateName: `${prefix}-` } });
    this.#namespaces.push(metadata.name);
    await this.waitFor('a ServiceAccount in the new namespace', () => this.#hasServiceAccount(metadata.name));
    return metadata.name;
  }

  /**
   * Makes a ServiceAccount that may do in `namespace` what the rules say, and nothing else. `server` is the URL that its
   * kubeconfig names, where a test puts a proxy on 127.0.0.1 between it and the API server.
   */
  async createAccess(
    namespace: string,
    rules: readonly PolicyRule[],
    { name = 'provider', server = this.api.server }: { name?: string; server?: string } = {},
  ): Promise<Access> {
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await this.api.create(accounts, { metadata: { name } });
    await this.api.create(`${rbac}/roles`, { metadata: { name }, rules });
    await this.api.create(`${rbac}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
    const kubeconfig = await this.writeAccountKubeconfig(namespace, name, server);
    return {
      kubeconfig,
      setRules: (newRules) => this.setRules({ namespace, name }, newRules),
    };
  }

  /**
   * Replaces the rules of a Role, and waits until they are what its ServiceAccount may do: the API server learns of a
   * changed Role through a watch of its own. The account has the Role's name, and its namespace where none is given.
   */
  async setRules(
    { namespace, name, accountNamespace = namespace }: { namespace: string; name: string; accountNamespace?: string },
    rules: readonly PolicyRule[],
  ): Promise<void> {
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/${name}`;
    const before = await this.api.get<KubernetesObject & { rules: PolicyRule[] | null }>(path);
    await this.api.patch(path, { rules });
    const user = `system:serviceaccount:${accountNamespace}:${name}`;
    const concerned = new Map([...(before.rules ?? []), ...rules].flatMap(permissionsOf).map((one) => [one.key, one]));
    const expected = new Set(rules.flatMap(permissionsOf).map(({ key }) => key));
    await this.waitFor('the rules of a Role in force', async () => {
      const answers = await Promise.all(
        [...concerned.values()].map(({ attributes }) => this.#isAllowed(user, { ...attributes, namespace })),
      );
      return [...concerned.keys()].every((key, index) => answers[index] === expected.has(key));
    });
  }

  async #isAllowed(user: string, resourceAttributes: object): Promise<boolean> {
    const { status } = await this.api.create<{ status: { allowed: boolean } }>(
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      { spec: { user, resourceAttributes } },
    );
    return status.allowed;
  }

  /** Path of a kubeconfig with a token of a ServiceAccount that is there; `server` as of `createAccess`. */
  async writeAccountKubeconfig(namespace: string, name: string, server = this.api.server): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { status } = await this.api.create<{ status: { token: string } }>(path, {
      spec: { expirationSeconds: 24 * 3600 },
    });
    const kubeconfig = join(this.#folder, `${namespace}-${name}.kubeconfig`);
    await writeKubeconfig(kubeconfig, server, this.api.authority, { token: status.token });
    return kubeconfig;
  }

  /** What a kubelet does to a Pod when its node runs short: phase Failed, reason Evicted. */
  async evictPod(namespace: string, name: string): Promise<void> {
    await this.api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, {
      status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
    });
  }

  /** Takes a Pod out of KWOK's hands, then merges `status` into its status: for what no stage plays. */
  async setPodStatus(namespace: string, name: string, status: object): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await this.api.patch(path, { metadata: { annotations: { [manualAnnotation]: 'true' } } });
    await this.api.patch(`${path}/status`, { status }, 'strategic-merge');
  }

  /** Lets a node fall silent: after the grace period the node controller marks it, and its Pods as not ready. */
  async loseNode(name: string): Promise<void> {
    await this.api.patch(`/api/v1/nodes/${name}`, { metadata: { labels: { [managedNodeLabel]: null } } });
  }

  /** Brings a lost node back; its Pods become ready again. */
  async returnNode(name: string): Promise<void> {
    await this.api.patch(`/api/v1/nodes/${name}`, { metadata: { labels: { [managedNodeLabel]: 'true' } } });
  }

  /**
   * Compacts etcd at its newest revision. The API server answers lists and watches from its memory as long as it can:
   * older resource versions are 410 for sure once it was restarted afterwards, or runs with `--watch-cache=false`.
   */
  async compact(): Promise<void> {
    if (this.#etcdUrl === undefined) throw new Error('the etcd of SP_TEST_KUBECONFIG is not ours');
    const { header } = await postJson<{ header: { revision: string } }>(`${this.#etcdUrl}/v3/kv/range`, {
      key: 'AA==',
    });
    await postJson(`${this.#etcdUrl}/v3/kv/compaction`, { revision: header.revision, physical: true });
  }

  /** Ends all processes and removes their data; on a cluster that is not ours, removes the namespaces that were made. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#realNode?.[Symbol.asyncDispose]();
    if (this.#components) {
      await Promise.all((Object.values(this.#components) as Component[]).map((component) => component.kill()));
      await this.#stopReaper?.();
    } else {
      for (const name of this.#namespaces) await this.api.delete(`/api/v1/namespaces/${name}`);
    }
    await this.api[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #hasServiceAccount(namespace: string): Promise<boolean> {
    try {
      await this.api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }
}

/** Starts all processes in the order in which they need each other, and makes the nodes. */
async function startProcesses(
  binaries: Binaries,
  folder: string,
  options: ControlPlaneOptions,
): Promise<StartedProcesses> {
  const etcdUrl = `http://127.0.0.1:${await findFreePort()}`;
  const peerUrl = `http://127.0.0.1:${await findFreePort()}`;
  const apiServerPort = await findFreePort();
  const reaper = startReaper(folder);
  let realNode: RealNode | undefined;
  try {
    if (options.realNode) realNode = await RealNode.prepare({ folder, reaper });
    const address = realNode?.machineAddress ?? '127.0.0.1';
    const server = `https://${address}:${apiServerPort}`;
    const certificates = await createCertificates(folder, address);
    const kubeconfigs = await writeKubeconfigs(folder, server, certificates);
    const kwokConfiguration = join(folder, 'kwok.yaml');
    await writeFile(kwokConfiguration, stages.map((stage) => JSON.stringify(stage)).join('\n---\n'));
    const api = await ClusterApi.fromKubeconfig(kubeconfigs.admin);

    const component = (
      name: Exclude<ComponentName, 'kubectl'>,
      commandLine: string[],
      isReady?: () => Promise<boolean>,
    ): Component =>
      new Component({
        name,
        executable: binaries[name],
        commandLine,
        logFile: join(folder, `${name}.log`),
        reaper,
        ...(isReady && { isReady }),
      });
    const components: Components = {
      etcd: component('etcd', etcdFlags(folder, etcdUrl, peerUrl), async () => {
        const { health } = (await (await fetch(`${etcdUrl}/health`)).json()) as { health: string };
        return health === 'true';
      }),
      apiServer: component(
        'kube-apiserver',
        [...(await apiServerFlags(etcdUrl, address, apiServerPort, certificates)), ...(options.apiServerFlags ?? [])],
        async () => (await api.text('/readyz')) === 'ok',
      ),
      controllerManager: component('kube-controller-manager', [
        ...controllerManagerFlags(kubeconfigs.controllerManager, folder, certificates, options.nodeGraceSeconds ?? 12),
        ...(options.controllerManagerFlags ?? []),
      ]),
      scheduler: component('kube-scheduler', schedulerFlags(kubeconfigs.scheduler)),
      kwok: component('kwok', kwokFlags(kubeconfigs.kwok, kwokConfiguration)),
    };
    for (const started of Object.values(components) as Component[]) await started.start();
    await realNode?.join({ server, certificates });
    const fakeNodes = options.nodes ?? (realNode ? 0 : 3);
    for (let index = 1; index <= fakeNodes; index++) await api.create('/api/v1/nodes', buildNode(index));
    return {
      kubeconfig: kubeconfigs.admin,
      api,
      components,
      etcdUrl,
      kubectl: binaries.kubectl,
      realNode,
      stopReaper: reaper.stop,
    };
  } catch (error) {
    await realNode?.[Symbol.asyncDispose]();
    await reaper.stop();
    throw error;
  }
}

/** No fsync: data must outlive the processes, not the machine. */
function etcdFlags(folder: string, clientUrl: string, peerUrl: string): string[] {
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

async function apiServerFlags(
  etcdUrl: string,
  address: string,
  port: number,
  certificates: Certificates,
): Promise<string[]> {
  const { authority, server, serviceAccount } = certificates;
  const kubeletClient = await certificates.client('kube-apiserver', 'system:masters');
  return [
    `--etcd-servers=${etcdUrl}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${server.certificateFile}`,
    `--tls-private-key-file=${server.keyFile}`,
    `--client-ca-file=${authority.certificateFile}`,
    `--kubelet-client-certificate=${kubeletClient.certificateFile}`,
    `--kubelet-client-key=${kubeletClient.keyFile}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--authorization-mode=Node,RBAC',
    // As clusters have it: who may not be privileged is for admission to say.
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${serviceAccount.publicKeyFile}`,
    `--service-account-signing-key-file=${serviceAccount.keyFile}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    // The Service `kubernetes` has no endpoints: a loopback address is refused there, and no Pod asks.
    '--endpoint-reconciler-type=none',
    '--profiling=false',
  ];
}

function controllerManagerFlags(
  kubeconfig: string,
  folder: string,
  certificates: Certificates,
  nodeGraceSeconds: number,
): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    // It makes the folder, which by default is one of the machine's.
    `--flex-volume-plugin-dir=${join(folder, 'volume-plugins')}`,
    '--use-service-account-credentials',
    `--service-account-private-key-file=${certificates.serviceAccount.keyFile}`,
    `--root-ca-file=${certificates.authority.certificateFile}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--node-monitor-period=1s',
    `--node-monitor-grace-period=${nodeGraceSeconds}s`,
    '--concurrent-deployment-syncs=20',
    '--concurrent-replicaset-syncs=20',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}

function schedulerFlags(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}

/** The nodes' leases are renewed each second or so (a quarter of their duration). */
function kwokFlags(kubeconfig: string, configuration: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--config=${configuration}`,
    '--manage-all-nodes=false',
    `--manage-nodes-with-label-selector=${managedNodeLabel}=true`,
    '--node-lease-duration-seconds=4',
    '--cidr=10.128.0.1/10',
    '--node-ip=10.0.0.1',
    '--server-address=',
    '--v=WARN',
  ];
}

/** Room for tens of thousands of Pods; one that asks for a million cores finds no place. */
function buildNode(index: number): object {
  const name = `node-${index}`;
  const resources = { cpu: '100k', memory: '1Pi', 'ephemeral-storage': '1Pi', pods: '100k' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { [managedNodeLabel]: 'true', 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
    },
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: `10.0.0.${index}` },
        { type: 'Hostname', address: name },
      ],
    },
  };
}

async function writeKubeconfigs(
  folder: string,
  server: string,
  certificates: Certificates,
): Promise<{ admin: string; controllerManager: string; scheduler: string; kwok: string }> {
  const write = async (user: string, group?: string): Promise<string> => {
    const path = join(folder, `${user.replaceAll(':', '-')}.kubeconfig`);
    const client = await certificates.client(user, group);
    await writeKubeconfig(path, server, certificates.authority.certificate, client);
    return path;
  };
  const [admin, controllerManager, scheduler, kwok] = await Promise.all([
    write('admin', 'system:masters'),
    write('system:kube-controller-manager'),
    write('system:kube-scheduler'),
    write('kwok', 'system:masters'),
  ]);
  return { admin, controllerManager, scheduler, kwok };
}

/** See reaper.ts; it outlives this process by the moment that it needs to end what is left. */
function startReaper(folder: string): Reaper & { stop: () => Promise<void> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts')], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  child.unref();
  const { stdin } = child;
  (stdin as unknown as { unref(): void }).unref();
  // Somebody ended it: we go on without, and then only our own end in order ends the components.
  stdin.on('error', () => undefined);
  stdin.write(`remove ${folder}\n`);
  return {
    kill: (processId) => void stdin.write(`kill ${processId}\n`),
    spare: (processId) => void stdin.write(`spare ${processId}\n`),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      const exit = once(child, 'exit');
      stdin.end();
      await exit;
    },
  };
}

async function postJson<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Each verb on each resource that a rule allows, as a SubjectAccessReview asks for it. */
function permissionsOf({ apiGroups, resources, verbs }: PolicyRule) {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.map((verb) => ({ key: `${verb} ${resource}.${group}`, attributes: { group, resource, verb } })),
    ),
  );
}
