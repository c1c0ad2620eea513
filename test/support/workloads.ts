/** The objects of containers in a test cluster, looked at and meddled with past the provider. */
import { manualAnnotation } from '../../scripts/cluster/stages.ts';
import { eventually } from './kubernetes.ts';
import type { TestCluster } from './kubernetes.ts';

interface Metadata {
  name: string;
  uid: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { kind: string; name: string; uid: string; blockOwnerDeletion?: boolean }[];
}

export interface Deployment {
  metadata: Metadata;
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: { containers: Record<string, unknown>[]; automountServiceAccountToken?: boolean };
    };
  };
  status?: { conditions?: { type: string; status: string }[] };
}

export interface Pod {
  metadata: Metadata;
  spec: { nodeName?: string };
  status: {
    phase: string;
    reason?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; state: { waiting?: { reason: string } } }[];
  };
}

export interface Service {
  metadata: Metadata;
  spec: {
    type: string;
    selector: Record<string, string>;
    clusterIP: string;
    ports: { name?: string; port: number; targetPort: number; protocol: string; nodePort?: number }[];
  };
  status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

interface Kinds {
  deployments: Deployment;
  pods: Pod;
  services: Service;
}

export class Workloads {
  readonly #cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** Objects that carry the container's id, those that are being deleted included. */
  of<Kind extends keyof Kinds>(kind: Kind, containerId: string): Promise<Kinds[Kind][]> {
    return this.#list(kind, `dcm.project/dcm-instance-id=${containerId}`);
  }

  /** The one object of the kind that carries the container's id; throws when there are none or several. */
  async one<Kind extends keyof Kinds>(kind: Kind, containerId: string): Promise<Kinds[Kind]> {
    const objects = await this.of(kind, containerId);
    if (objects.length !== 1) throw new Error(`${containerId} has ${objects.length} ${kind}`);
    return objects[0]!;
  }

  /** Waits until the objects of the container are as wanted, and returns them. */
  until<Kind extends keyof Kinds>(
    kind: Kind,
    containerId: string,
    wanted: (objects: Kinds[Kind][]) => boolean,
  ): Promise<Kinds[Kind][]> {
    return eventually(() => this.of(kind, containerId), wanted, 60_000);
  }

  /** Waits for a Pod of the container that is as wanted. */
  async pod(containerId: string, wanted: (pod: Pod) => boolean = () => true): Promise<Pod> {
    return (await this.until('pods', containerId, (pods) => pods.some(wanted))).find(wanted)!;
  }

  /** Waits until the container has been restarted so often. */
  async restarted(containerId: string, times: number): Promise<void> {
    await this.pod(containerId, ({ status }) => (status.containerStatuses?.[0]?.restartCount ?? 0) >= times);
  }

  runningPod(containerId: string): Promise<Pod> {
    return this.pod(containerId, ({ metadata, status }) => status.phase === 'Running' && !metadata.deletionTimestamp);
  }

  /** @throws Error when there is no such object */
  get<Kind extends keyof Kinds>(kind: Kind, name: string): Promise<Kinds[Kind]> {
    return this.#succeed<Kinds[Kind]>('GET', this.#path(kind, name));
  }

  async create(kind: string, object: object): Promise<{ metadata: Metadata }> {
    return this.#succeed<{ metadata: Metadata }>('POST', this.#path(kind), object);
  }

  /** Applies a JSON merge patch; `name` may end in a subresource (`web/status`). */
  async patch(kind: string, name: string, change: object): Promise<void> {
    await this.#succeed('PATCH', this.#path(kind, name), change, { 'content-type': 'application/merge-patch+json' });
  }

  /** Waits until a ResourceQuota counts: before that it lets everything pass. */
  async quotaInForce(name: string): Promise<void> {
    await eventually(
      () => this.#succeed<{ status?: { hard?: object } }>('GET', this.#path('resourcequotas', name)),
      ({ status }) => status?.hard !== undefined,
    );
  }

  async delete(kind: string, name: string): Promise<void> {
    await this.#succeed('DELETE', this.#path(kind, name));
  }

  /** Takes the Pod out of its kubelet's hands, then merges `status` into its status, conditions by type. */
  async setPodStatus(pod: Pod, status: object): Promise<void> {
    const { name } = pod.metadata;
    await this.patch('pods', name, { metadata: { annotations: { [manualAnnotation]: 'true' } } });
    const type = { 'content-type': 'application/strategic-merge-patch+json' };
    await this.#succeed('PATCH', this.#path('pods', `${name}/status`), { status }, type);
  }

  /** What a kubelet does when its node runs short. */
  async evict(pod: Pod): Promise<void> {
    const status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };
    await this.patch('pods', `${pod.metadata.name}/status`, { status });
  }

  async #list<Kind extends keyof Kinds>(kind: Kind, labelSelector: string): Promise<Kinds[Kind][]> {
    const path = `${this.#path(kind)}?labelSelector=${encodeURIComponent(labelSelector)}`;
    return (await this.#succeed<{ items: Kinds[Kind][] }>('GET', path)).items;
  }

  async #succeed<Body>(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Body> {
    const response = await this.#cluster.request(method, path, body, headers);
    if (response.status >= 300)
      throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(response.body)}`);
    return response.body as Body;
  }

  #path(kind: string, name?: string): string {
    const group = kind === 'deployments' || kind === 'replicasets' ? '/apis/apps/v1' : '/api/v1';
    return `${group}/namespaces/${this.#cluster.namespace}/${kind}${name === undefined ? '' : `/${name}`}`;
  }
}
