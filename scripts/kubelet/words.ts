/**
 * What a kubelet writes into the status of a container, and how long it waits, as recorded from kubelet 1.37.2 with
 * containerd 2.4.2. An image may also be an expression of the template that plays it.
 */

/** Seconds before the second, third, … restart of a container, or pull of its image; the last for all that follow. */
export const backOffSeconds: readonly number[] = [10, 20, 40, 80, 160, 300];

/** @param tries - restarts or pulls that were in vain, from 1 */
export function backOffAfter(tries: number): number {
  return backOffSeconds[Math.min(tries, backOffSeconds.length) - 1]!;
}

/**
 * Seconds before the restart of a container that its probe has ended so many times, 0 for none. The restart belongs to the
 * same look at the Pod as the end, so that the kubelet goes by the run before: its back-off begins one later, and does not
 * hold where that run ended long enough ago.
 *
 * @param runs - seconds that each run lasts
 */
export function backOffAfterKill(kills: number, runs: number): number {
  let waited = 0;
  for (let tries = 1; tries <= kills - 2; tries++) {
    const backOff = backOffAfter(tries);
    waited = waited + runs < backOff ? backOff : 0;
  }
  return waited;
}

/** As Go writes durations: `10s`, `1m20s`, `5m0s`. */
export function durationText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}

/** A container in `CrashLoopBackOff`. */
export function crashLoopMessage(
  backOff: string,
  container: string,
  pod: { name: string; namespace: string; uid: string },
): string {
  return `back-off ${backOff} restarting failed container=${container} pod=${pod.name}_${pod.namespace}(${pod.uid})`;
}

/** A pull that failed, by what its registry said: `ErrImagePull`. */
export const pullErrors = {
  missing: (image: string): string =>
    `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve image: ${image}: not found`,
  private: (image: string): string =>
    `failed to pull and unpack image "${image}": failed to resolve image: pull access denied, repository does not exist or ` +
    'may require authorization: authorization failed: no basic auth credentials',
  /** @param manifest - where the image would be: `registry.example/v2/app/manifests/1` */
  unreachable: (image: string, manifest: string): string =>
    `failed to pull and unpack image "${image}": failed to resolve image: failed to do request: Head "https://${manifest}": ` +
    'dial tcp 192.0.2.1:443: connect: connection refused',
};

/** The wait for the next pull: `ImagePullBackOff`. */
export function pullBackOffMessage(image: string, error: string): string {
  return `Back-off pulling image "${image}": ErrImagePull: ${error}`;
}

/** From an image to where its manifest is, in what JavaScript and RE2 both take. */
export const manifestOf = { find: '^([^/]+)/(.*):([^:/]+)$', replacement: '$1/v2/$2/manifests/$3' };

/** A name with capitals in its path: `InvalidImageName`. */
export function invalidImageMessage(image: string, repository: string): string {
  return (
    `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format: ` +
    `repository name (${repository}) must be lowercase`
  );
}

/** A command that does not exist: `RunContainerError`, and `StartError` of the run that never was. */
export const startError = {
  exitCode: 128,
  reason: 'StartError',
  message:
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ' +
    'unable to start container process: exec: "/no/such": stat /no/such: no such file or directory',
  startedAt: '1970-01-01T00:00:00Z',
} as const;

/** A container that had not come up when its Pod ended. */
export const neverStarted = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
} as const;

/** Seconds until a probe that never passes has failed often enough for the kubelet to act. */
export function secondsToFailure(probe: {
  initialDelaySeconds?: number;
  periodSeconds?: number;
  failureThreshold?: number;
}): number {
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 } = probe;
  return initialDelaySeconds + periodSeconds * failureThreshold;
}
