/** How fast the controllers of the sandbox are. */
import { playedSpeed } from '../../../kubelet/images.ts';

/** Milliseconds, but for `speed`. */
export interface ControllerTimes {
  /**
   * How many times sooner than a real kubelet's its waits end: the back-offs before restarts and pulls (10 s, 20 s, 40 s, …
   * 5 min), the failing of probes, and the grace period of who does not end when told to.
   */
  speed: number;
  /** From a Pod's creation to its running. */
  podStart: number;
  /** The same for images named `slow`. */
  slowPodStart: number;
  /** From a Pod's deletion to the end of its containers, where its grace period is not shorter. */
  termination: number;
  /** Until a kubelet looks again for a Secret or ConfigMap that was not there. */
  referenceRetry: number;
  /** How long an image named `crash`, `done` or `gone` runs before it ends: less than 10 s, as one that ran longer is well. */
  crash: number;
  /** How long is seen what a kubelet passes through: the end before the first restart, the back-off before all others. */
  glimpse: number;
  /** Until a load balancer has an address. */
  loadBalancer: number;
  /** How long the cloud keeps a deleted load balancer's Service. */
  loadBalancerCleanup: number;
  /** From an owner's end to that of its dependents. */
  garbageCollection: number;
}

/** Quick enough to watch, slow enough to see. */
export const watchableTimes: ControllerTimes = {
  speed: playedSpeed,
  podStart: 1000,
  slowPodStart: 10_000,
  termination: 1000,
  referenceRetry: 2000,
  crash: 1500,
  glimpse: 100,
  loadBalancer: 2000,
  loadBalancerCleanup: 3000,
  garbageCollection: 100,
};

/** For tests that wait for what comes of it. */
export const quickTimes: ControllerTimes = {
  speed: 500,
  podStart: 10,
  slowPodStart: 500,
  termination: 10,
  referenceRetry: 20,
  crash: 20,
  glimpse: 10,
  loadBalancer: 20,
  loadBalancerCleanup: 50,
  garbageCollection: 0,
};
