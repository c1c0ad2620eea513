/** The defaults of Pods and Pod templates. */
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import type { Wire } from '../objects.ts';

export function setPodSpecDefaults(spec: Wire<V1PodSpec>): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  if (spec.serviceAccountName !== undefined) spec.serviceAccount ??= spec.serviceAccountName;
  for (const container of [
    ...((spec.containers as Wire<V1Container>[] | undefined) ?? []),
    ...(spec.initContainers ?? []),
  ]) {
    setContainerDefaults(container);
  }
}

function setContainerDefaults(container: Wire<V1Container>): void {
  container.imagePullPolicy ??= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
}

/** An image without a digest whose tag is `latest`, or that has none. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}
