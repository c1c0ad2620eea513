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
  /** Nothing is rolled out until somebody resumes it. */
  paused?: true;
  /** The Pods are not those that it asks for, or not all ready, or others are still there. */
  reconciling?: true;
  conditions: ObservedCondition[];
}

/** A run of a container that is over. */
export interface ObservedRun {
  exitCode: number;
  reason?: string;
  /** Why it could not be started at all, in the kubelet's words; absent for one that ran. */
  cause?: string;
  /** Its length by the clock of its node, in milliseconds; 0 for one that never started. */
  lastedMs: number;
}

/** State of one container of a Pod: exactly one of `waiting`, `running`, `terminated`, or none before the kubelet reports. */
export interface ObservedContainerState {
  /** `cause`: the kubelet's last words about it, without what differs from one try to the next. */
  waiting?: { reason?: string; cause?: string };
  /** When this run began, in milliseconds of this process's monotonic clock. */
  running?: { since: number };
  terminated?: ObservedRun;
}

export interface ObservedContainer {
  name: string;
  restartCount: number;
  /** Whether its readiness and startup probes say that it is ready; true where it has none. */
  isReady: boolean;
  /** Those of its probes after whose failures the kubelet restarts it: `liveness`, `startup`; absent where it has none. */
  restartingProbes?: readonly string[];
  state: ObservedContainerState;
  /** The run before the present one, where there was one. */
  lastRun?: ObservedRun;
}

export interface ObservedPod extends ObservedObject {
  /** Value of the label that Deployments give the Pods of one template. */
  templateHash?: string;
  /** `status.phase`; `Pending` where it is absent. */
  phase: string;
  /** `status.reason`, such as `Evicted`. */
  reason?: string;
  /** `status.message` without what differs from one Pod to the next. */
  cause?: string;
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
  /** A load balancer is asked for, and has no address yet. */
  awaitsAddress?: true;
}
