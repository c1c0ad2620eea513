/** What the caches keep of each object: enough for reads, status and repair, and no more, since there may be 10,000. */
import type { ContainerService } from '../../containers/container.ts';
import type { ObservedContainer, ObservedDeployment, ObservedPod } from '../../containers/observed.ts';

/** What every record has. */
export interface ObjectRecord {
  uid: string;
  name: string;
  resourceVersion: string;
  containerId: string;
  incarnation?: string;
  createdAt: number;
  deletedAt?: number;
}

export interface DeploymentRecord extends ObjectRecord, ObservedDeployment {
  /** Name of our own container in the Pods; sidecars have others. */
  containerName: string;
  /** The spec as it was sent, encoded so that `decodeSpec` takes it; else what it is rebuilt from. */
  spec: string | Workload;
  /** Values of the environment variables by name. */
  environment: ReadonlyMap<string, string>;
}

/** The fields of a Deployment that was made without our annotation, as the reference provider's are. */
export interface Workload {
  /** The client's labels. */
  labels: Record<string, string>;
  /** What the client called it, as far as the names that were made of that tell. */
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  containerPorts: number[];
  requests: { cpu?: string; memory?: string };
  limits: { cpu?: string; memory?: string };
}

export interface ServiceRecord extends ObjectRecord {
  /** uid of the Deployment that owns it; absent where nothing does. */
  ownerUid?: string;
  service: ContainerService;
}

export interface PodRecord extends Omit<ObservedPod, 'container'>, ObjectRecord {
  /** All but init containers; which one is ours, only the Deployment says. */
  containers: readonly ObservedContainer[];
  /** Name of the ReplicaSet that controls it. */
  ownerName?: string;
  /** Value of the label that Deployments give the Pods of one template. */
  templateHash?: string;
}

export interface Records {
  deployments: DeploymentRecord;
  services: ServiceRecord;
  pods: PodRecord;
}
