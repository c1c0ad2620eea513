/**
 * What is known of a container's objects in the cluster, cut down to what reads and the status rules use. Times are
 * milliseconds since the epoch, unless they say otherwise.
 */

export interface ObservedCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  /** `lastTransitionTime`; absent where Kubernetes gave none. */
  transitionedAt?: number;
}

/** What every object has. */
export interface ObservedObject {
  uid: string;
  name: string;
  resourceVersion: string;
  /** Value of `dcm.project/dcm-instance-id`. */
  containerId: string;
  /** Value of `dcm.project/dcm-incarnation`; absent on objects of the reference provider. */
  incarnation?: string;
  createdAt: number;
  /** Set while a finalizer keeps an object that was deleted. */
  deletedAt?: number;
}

export interface ObservedDeployment extends ObservedObject {
  /** `spec.replicas`, 1 where the field is absent. */
  replicas: number;
  conditions: ObservedCondition[];
}

/** State of one container of a Pod: exactly one of `waiting`, `running`, `terminated`, or none before the kubelet reports. */
export interface ObservedContainerState {
  waiting?: { reason?: string };
  running?: true;
  terminated?: { exitCode: number; reason?: string };
}

export interface ObservedContainer {
  name: string;
  restartCount: number;
  /** Whether its readiness and startup probes say that it is ready; true where it has none. */
  isReady: boolean;
  state: ObservedContainerState;
  lastState: ObservedContainerState;
  /** Present while a back-off between restarts is remembered. */
  backOff?: {
    /** When it was first seen up again, in milliseconds of this process's monotonic clock; absent while it is not up. */
    upSince?: number;
  };
}

export interface ObservedPod extends ObservedObject {
  /** `status.phase`; `Pending` where it is absent. */
  phase: string;
  /** `status.reason`, such as `Evicted`. */
  reason?: string;
  podIp?: string;
  nodeName?: string;
  hasReadinessGates: boolean;
  conditions: ObservedCondition[];
  /** Our own container; absent until the kubelet reports on it. */
  container?: ObservedContainer;
  /** Those init containers that are waiting or have failed, in order. */
  initContainers: ObservedContainer[];
}

/** A Deployment with the Pods of its incarnation: all that the status rules look at. */
export interface ObservedContainerObjects {
  /** Absent: the container is gone. */
  deployment?: ObservedDeployment;
  pods: ObservedPod[];
}
