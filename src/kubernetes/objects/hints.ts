/** What the hints of a client put into the Pod template and onto the Service. Those that are not allowed never get here. */
import type { components } from '../../../generated/api.ts';
import type { ContainerSpec } from '../../containers/container.ts';
import { kubernetesHints } from '../../containers/hints.ts';
import type { KubernetesHints } from '../../containers/hints.ts';
import { withoutUndefined } from '../../containers/json.ts';
import { memoryToQuantity } from '../../containers/units.ts';
import type { Deployment } from '../api/resources.ts';
import type { FieldPointers } from './object.ts';

type PodSpec = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>;
type PodContainer = PodSpec['containers'][number];
type PodProbe = NonNullable<PodContainer['readinessProbe']>;
type PodVolume = NonNullable<PodSpec['volumes']>[number];

type Schemas = components['schemas'];

/** The members that hints add to the spec of the Pod. */
export function buildHintedPod(hints: KubernetesHints = {}): Partial<PodSpec> {
  const { termination_grace_period_seconds: grace, node_selector: nodeSelector, tolerations, volumes } = hints;
  return {
    ...(grace !== undefined && { terminationGracePeriodSeconds: grace }),
    ...(nodeSelector && { nodeSelector }),
    ...(tolerations && { tolerations: tolerations.map(buildToleration) }),
    ...(hints.image_pull_secrets && { imagePullSecrets: hints.image_pull_secrets.map(({ name }) => ({ name })) }),
    ...(volumes && { volumes: volumes.map(buildVolume) }),
  };
}

/**
 * The members that hints add to the container of the Pod.
 *
 * @param write - how text is written that Kubernetes may replace something in
 */
export function buildHintedContainer(
  hints: KubernetesHints | undefined = {},
  write: (text: string) => string,
): Partial<PodContainer> {
  const { readiness_probe: readiness, liveness_probe: liveness, startup_probe: startup, volumes } = hints;
  return {
    ...(readiness && { readinessProbe: buildProbe(readiness, write) }),
    ...(liveness && { livenessProbe: buildProbe(liveness, write) }),
    ...(startup && { startupProbe: buildProbe(startup, write) }),
    ...(hints.security_context && { securityContext: buildSecurityContext(hints.security_context) }),
    ...(hints.env_from_secrets && { envFrom: hints.env_from_secrets.map(buildEnvironmentSource) }),
    ...(volumes && { volumeMounts: volumes.map(buildVolumeMount) }),
  };
}

function buildProbe(probe: Schemas['KubernetesProbe'], write: (text: string) => string): PodProbe {
  const { http_get: http, tcp_socket: tcp, grpc, exec } = probe;
  return withoutUndefined({
    ...(http && { httpGet: { path: http.path ?? '/', port: http.port, scheme: http.scheme ?? 'HTTP' } }),
    ...(tcp && { tcpSocket: { port: tcp.port } }),
    ...(grpc && { grpc: { port: grpc.port, service: grpc.service ?? '' } }),
    ...(exec && { exec: { command: exec.command.map(write) } }),
    initialDelaySeconds: probe.initial_delay_seconds,
    periodSeconds: probe.period_seconds,
    timeoutSeconds: probe.timeout_seconds,
    successThreshold: probe.success_threshold,
    failureThreshold: probe.failure_threshold,
  });
}

function buildSecurityContext(
  context: Schemas['KubernetesSecurityContext'],
): NonNullable<PodContainer['securityContext']> {
  return withoutUndefined({
    runAsUser: context.run_as_user,
    runAsGroup: context.run_as_group,
    runAsNonRoot: context.run_as_non_root,
    readOnlyRootFilesystem: context.read_only_root_filesystem,
    ...(context.drop_capabilities && { capabilities: { drop: context.drop_capabilities } }),
  });
}

function buildToleration({
  key,
  operator,
  value,
  effect,
  toleration_seconds: seconds,
}: Schemas['KubernetesToleration']) {
  return withoutUndefined({
    key,
    operator,
    value,
    effect,
    tolerationSeconds: seconds,
  });
}

function buildEnvironmentSource({ name, prefix }: Schemas['KubernetesEnvironmentSource']) {
  return withoutUndefined({ prefix, secretRef: { name } });
}

function buildVolume({
  name,
  empty_dir: emptyDir,
  config_map: configMap,
  secret,
  persistent_volume_claim: claim,
}: Schemas['KubernetesVolume']): PodVolume {
  return {
    name,
    ...(emptyDir && { emptyDir: { sizeLimit: memoryToQuantity(emptyDir.size_limit) } }),
    ...(configMap && { configMap: { name: configMap.name } }),
    ...(secret && { secret: { secretName: secret.secret_name } }),
    ...(claim && {
      persistentVolumeClaim: withoutUndefined({ claimName: claim.claim_name, readOnly: claim.read_only }),
    }),
  };
}

function buildVolumeMount({
  name,
  mount_path: mountPath,
  read_only: readOnly,
  config_map: configMap,
  secret,
}: Schemas['KubernetesVolume']) {
  return withoutUndefined({ name, mountPath, readOnly: configMap || secret ? true : readOnly });
}

const podFields = 'terminationGracePeriodSeconds|nodeSelector|tolerations|imagePullSecrets|volumes';
const containerFields = 'readinessProbe|livenessProbe|startupProbe|securityContext|envFrom|volumeMounts';
const fieldOfHint = new RegExp(
  String.raw`^spec\.template\.spec\.(?:(${podFields})|containers\[0\]\.(${containerFields}))(?![A-Za-z])(.*)`,
);

/** Those whose hint is not called as the field is. */
const hintOfField: Readonly<Record<string, string>> = { envFrom: 'env_from_secrets', volumeMounts: 'volumes' };

/** What in the hints each field of the Pod template comes from that hints add. */
export const hintPointers: FieldPointers = [
  [
    fieldOfHint,
    ([, podField, containerField, path = ''], spec) => {
      const field = podField ?? containerField!;
      return hintPointer(spec, hintOfField[field] ?? snakeCase(field), path);
    },
  ],
];

/**
 * Points to the deepest part of a hint that was sent; absent where the hint, or the item of its list, was not: then
 * something in the cluster has added what is wrong.
 *
 * @param path - below the hint, as Kubernetes names it: `[0].secret.secretName`
 */
export function hintPointer(spec: ContainerSpec, hint: string, path = ''): string | undefined {
  const steps = path
    .replace(/^(\[\d+\])\.secretRef\b/, '$1')
    .replace('.capabilities.drop', '.dropCapabilities')
    .matchAll(/\[(\d+)\]|\.([A-Za-z]+)/g);
  let pointer = `/spec/provider_hints/kubernetes/${hint}`;
  let part = memberOf(kubernetesHints(spec), hint);
  if (part === undefined) return undefined;
  for (const [, index, name] of steps) {
    const member = index ?? snakeCase(name!);
    part = memberOf(part, member);
    if (part === undefined) return index === undefined ? pointer : undefined;
    pointer = `${pointer}/${member}`;
  }
  return pointer;
}

function memberOf(parent: unknown, name: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, name)) return undefined;
  return (parent as Record<string, unknown>)[name];
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
