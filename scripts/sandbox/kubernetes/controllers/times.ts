/** How fast the controllers of the sandbox are. */

/** Milliseconds, all of them. */
export interface ControllerTimes {
  /** From a Pod's creation to its running. */
  podStart: number;
  /** The same for images named `slow`. */
  slowPodStart: number;
  /** From a Pod's deletion to its end, where its grace period is not shorter. */
  termination: number;
  /** From the first failed pull to its being called a back-off, and the shortest wait until the next. */
  imagePullRetry: number;
  /** Until a kubelet looks again for a Secret or ConfigMap that was not there. */
  referenceRetry: number;
  /** How long an image named `crash` runs before it does. */
  crash: number;
  /** The first wait of a crash loop; it doubles. */
  crashBackOff: number;
  /** The longest wait between two pulls or two restarts. */
  backOffMaximum: number;
  /** Until a load balancer has an address. */
  loadBalancer: number;
  /** How long the cloud keeps a deleted load balancer's Service. */
  loadBalancerCleanup: number;
  /** From an owner's end to that of its dependents. */
  garbageCollection: number;
}

/** Quick enough to watch, slow enough to see. */
export const watchableTimes: ControllerTimes = {
  podStart: 1000,
  slowPodStart: 10_000,
  termination: 1000,
  imagePullRetry: 3000,
  referenceRetry: 2000,
  crash: 1500,
  crashBackOff: 3000,
  backOffMaximum: 60_000,
  loadBalancer: 2000,
  loadBalancerCleanup: 3000,
  garbageCollection: 100,
};

/** For tests that wait for what comes of it. */
export const quickTimes: ControllerTimes = {
  podStart: 10,
  slowPodStart: 500,
  termination: 10,
  imagePullRetry: 20,
  referenceRetry: 20,
  crash: 20,
  crashBackOff: 20,
  backOffMaximum: 200,
  loadBalancer: 20,
  loadBalancerCleanup: 50,
  garbageCollection: 0,
};
