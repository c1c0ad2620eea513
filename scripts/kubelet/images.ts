/**
 * How those who play kubelets (the sandbox, and KWOK's nodes on a real control plane) are told what to play: by the name of
 * a container's image, and by an annotation of its Pod.
 */

/** What becomes of an image whose repository ends in this name; all others run after about a second. */
export const playedImages = {
  missing: 'cannot be pulled: it is not found',
  private: 'cannot be pulled by a Pod without a pull secret',
  unreachable: 'cannot be pulled: nobody listens at its registry',
  nocommand: 'cannot be started: its command does not exist',
  crash: 'exits with 1 again and again',
  done: 'exits with 0 again and again',
  gone: 'exits with 1 once, and can then no longer be pulled',
  slow: 'takes ten seconds to start',
  unready: 'never passes a readiness or startup probe; the latter restarts it',
  unhealthy: 'never passes a liveness probe, which restarts it',
  stubborn: 'does not end when it is told to, and is killed at the end of its grace period',
} as const;

export type PlayedImage = keyof typeof playedImages;

/** The tag of images whose crash loops are shown as kubelets up to Kubernetes 1.34 do: waiting throughout the back-off. */
export const olderKubeletTag = 'kubelet-1.34';

/** How many times sooner than a real kubelet's the back-offs, probes and grace periods end that are played. */
export const playedSpeed = 10;

/** Pods with this annotation are left to whoever set it: nothing is played of them but the end of their deletion. */
export const manualAnnotation = 'control-plane.test/manual';

/** One line for each name, and what else there is to know, for those who try things out. */
export function describePlayedImages(): string[] {
  const names = Object.entries(playedImages).map(([name, what]) => `  …/${name.padEnd(13)}${what}`);
  return [
    'A Pod runs after about a second, unless the name of its image ends in one of these:',
    '',
    ...names,
    '  …/Capitals     is no valid name: the provider refuses it, a Deployment made otherwise may have it',
    '',
    `Restarts come as a kubelet's do: at once, then after 10 s, 20 s, 40 s, … 5 min, all ${playedSpeed} times shorter here. Meanwhile the`,
    'container is terminated, and just before its restart in CrashLoopBackOff, as since Kubernetes 1.35; with the tag',
    `${olderKubeletTag} it is in CrashLoopBackOff throughout, as up to that version.`,
  ];
}
